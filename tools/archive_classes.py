"""Makes .jars/classes.jsa: the classes that Spark and Delta load for a pipeline, in the form in which Java has them in memory.

Every session of this machine then maps that file (class data sharing, JEP 350), where Java would read, check and lay out the same
classes from hundreds of jars. They are those of the pipeline of a new project on its example data, which is run here.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from pyspark import SparkContext

from solvent.jobs.context import Context
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.ingest import ingest_files
from solvent.jobs.options import listen
from solvent.jobs.train import train_models
from solvent.session import ARCHIVE, JAVA_OPTIONS
from solvent.settings import Settings, load_settings
from solvent.skeleton.skeleton import AS_OF, new_project

JARS = Path(__file__).resolve().parent.parent / ".jars"
NAME = "example_orders"


def archiving(settings: Settings, archive: Path) -> Settings:
    """The same, in a session that writes an archive when it ends; Java wants the jars to be found later where they were then."""
    spark = settings.environment.spark
    options = f'{spark.settings[JAVA_OPTIONS]} "-XX:ArchiveClassesAtExit={archive}" -Xlog:cds*=off'
    own = spark.model_copy(update={"jars": (str(JARS),), "settings": {**spark.settings, JAVA_OPTIONS: options}})
    return replace(settings, environment=settings.environment.model_copy(update={"spark": own}))


def main() -> None:
    """Makes the archive; nothing is left where it fails."""
    listen()
    # Beside the jars, so that the archive is moved there whole; Java writes none at its end if the folder is gone.
    with tempfile.TemporaryDirectory(prefix=".jars-", dir=JARS.resolve().parent) as scratch:
        root = Path(scratch)
        (root / ".jars").symlink_to(JARS)
        new_project(NAME, root)
        sys.path.insert(0, str(root / "lib"))
        archive, partial = JARS / ARCHIVE, root / ARCHIVE
        # A session that reads an archive writes none.
        archive.unlink(missing_ok=True)
        context = Context(archiving(load_settings(NAME, "local", root), partial), AS_OF, lambda _: None)
        ingest_files(context)
        version, _ = train_models(context)
        evaluate_version(context, version)
        context.spark.stop()
        java = SparkContext._gateway.proc  # type: ignore[union-attr]  # noqa: SLF001 (nothing public tells the process)
        # Java ends when it is heard no more.
        java.stdin.close()
        java.wait()
        partial.rename(archive)


if __name__ == "__main__":
    main()
