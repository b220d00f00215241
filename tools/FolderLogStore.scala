package solvent

import io.delta.storage.HadoopFileSystemLogStore
import java.io.{BufferedWriter, FileOutputStream, IOException, OutputStreamWriter}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{FileAlreadyExistsException, FileSystemException, Files, Path => File, StandardCopyOption}
import java.util.Iterator
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path}

/** Logs of Delta tables in folders: a version is made whole, in one step that fails where it is there.
  *
  * Delta's own stores look whether a version is there and then rename a file to it, which replaces what another process has put there
  * in between. Here a file is written beside it first, and link(2) then gives it the version's name, at which one process succeeds.
  */
class FolderLogStore(settings: Configuration) extends HadoopFileSystemLogStore(settings) {

  override def write(path: Path, actions: Iterator[String], overwrite: java.lang.Boolean, settings: Configuration): Unit = {
    val local = FileSystem.getLocal(settings)
    def file(path: Path): File = local.pathToFile(path).toPath
    val (version, whole) = (file(path), file(createTempPath(path)))
    try {
      writeSynced(whole, actions)
      // Hadoop would hold the new file to the checksum of an old one.
      Files.deleteIfExists(file(local.getChecksumFile(path)))
      if (overwrite) Files.move(whole, version, StandardCopyOption.ATOMIC_MOVE) else link(version, whole)
    } finally Files.deleteIfExists(whole)
  }

  /** Checkpoints are not written here; where others could see a part of one, Delta writes it under another name first. */
  override def isPartialWriteVisible(path: Path, settings: Configuration): java.lang.Boolean = true

  /** Writes a file to the disk, so that a machine that stops leaves no version without content. */
  private def writeSynced(file: File, lines: Iterator[String]): Unit = {
    val out = new FileOutputStream(file.toFile)
    try {
      val text = new BufferedWriter(new OutputStreamWriter(out, UTF_8))
      lines.forEachRemaining(line => text.append(line).append('\n'))
      text.flush()
      out.getFD.sync()
    } finally out.close()
  }

  private def link(version: File, whole: File): Unit =
    try Files.createLink(version, whole)
    catch {
      case there: FileAlreadyExistsException => throw there
      case error: FileSystemException =>
        throw new IOException(s"$version: cannot be a hard link (${error.getReason}); put tables on a file system that has them", error)
    }
}
