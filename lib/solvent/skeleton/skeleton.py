"""Writes a new project: all of it, or nothing."""

from __future__ import annotations

import errno
import keyword
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from solvent.config.environment import NAME, load_environment
from solvent.errors import ConfigurationError
from solvent.identity import package_folder
from solvent.skeleton.example import END, example_files

# What the example's windows fit.
AS_OF = END
LANDING = "var/landing"
# What is beside the projects in conf/.
RESERVED = frozenset({"environments"})
# Template -> the file of a repository that is written where there is none.
COMMON = {
    "local.yml": "conf/environments/local.yml",
    "conftest.py": "tests/conftest.py",
    "pyproject.toml": "pyproject.toml",
    "gitignore": ".gitignore",
}


Texts = Mapping[str, str]


def new_project(name: str, root: Path) -> list[Path]:
    """Writes the skeleton of a project, and example data into the landing folder of the environment `local`.

    Args:
        name: Of the project, its folders and its package.
        root: The folder that holds conf/, or is to.

    Returns:
        What was written: the project's folders, then what a repository of projects needs and this one did not have.

    Raises:
        ConfigurationError: If the name cannot be used, something is in the way, or a file cannot be written; nothing is left then.
    """
    require_usable(name)
    folders: dict[Path, Texts] = {
        root / "conf" / name: {"model.yml": rendered("model.yml", name)},
        root / "lib" / name: {"__init__.py": "", "features.py": rendered("features.py", name)},
        root / "tests" / name: {"test_features.py": rendered("test_features.py", name)},
    }
    landing = landing_of(root)
    if landing is not None:
        folders[landing / name] = example_files()
    for path in folders:
        if path.exists():
            raise ConfigurationError(f"{path}: is there already; choose another name, or remove it")
    require_not_installed(name)
    missing: dict[Path, str | Texts] = {
        root / path: rendered(template, name, root) for template, path in COMMON.items()
    }
    missing[root / "notebooks"] = notebooks(name)
    files = {path: text for path, text in missing.items() if not path.exists()}
    put({**folders, **files})
    return [*folders, *files]


def notebooks(name: str) -> dict[str, str]:
    """The notebooks, which open a project at the as-of of its example."""
    given = {r"\"flights\"": rf"\"{name}\"", r"AS_OF = \"2013-08-02\"": rf"AS_OF = \"{AS_OF}\""}
    texts = {}
    for found in package_folder("solvent").joinpath("skeleton", "notebooks").iterdir():
        text = found.read_text(encoding="utf-8")
        for ours, theirs in given.items():
            text = text.replace(ours, theirs)
        texts[found.name] = text
    return texts


def require_usable(name: str) -> None:
    """Refuses names that cannot be those of a package, a folder of conf/ and a table prefix.

    Raises:
        ConfigurationError: Saying what is allowed.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"project '{name}': use lower case letters, digits and _, starting with a letter, and no word of Python"
        )
    if name in RESERVED:
        raise ConfigurationError(f"project '{name}': conf/{name} holds something else; choose another name")


def require_not_installed(name: str) -> None:
    """Refuses the names of packages, of which Python would import the wrong one.

    Raises:
        ConfigurationError: Naming the package.
    """
    found = find_spec(name)
    if found is not None:
        where = found.origin or next(iter(found.submodule_search_locations or ()), "built in")
        raise ConfigurationError(f"project '{name}': Python has a package of that name ({where}); choose another name")


def landing_of(root: Path) -> Path | None:
    """The landing folder of the environment `local`, as it is or will be; None if it is no local folder."""
    path = root / COMMON["local.yml"]
    landing = load_environment("local", root).landing if path.exists() else str(root / LANDING)
    return None if "://" in landing else Path(landing)


def rendered(template: str, name: str, root: Path | None = None) -> str:
    """The text of a template.

    Args:
        template: Its name without .j2.
        name: The project's.
        root: Where the repository is, for what depends on it.
    """
    templates = Environment(  # noqa: S701 (no HTML)
        loader=PackageLoader("solvent.skeleton"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    spark = ".".join(version("pyspark").split(".")[:2])
    return templates.get_template(f"{template}.j2").render(
        name=name,
        as_of=AS_OF,
        landing=LANDING,
        jars=root is not None and (root / ".jars").is_dir(),
        delta=f"io.delta:delta-spark_{spark}_2.13:{version('delta-spark')}",
    )


def put(wanted: Mapping[Path, str | Texts]) -> None:
    """Writes files, and folders of files, each whole and under another name first; if one cannot be put in place, none is.

    Raises:
        ConfigurationError: Naming the path.
    """
    partial = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in wanted}
    parents = {parent for path in wanted for parent in path.parents if not parent.exists()}
    there: list[Path] = []
    path = Path()
    try:
        for path, content in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write(partial[path], content)
        for path in wanted:
            # A folder with files, or a file, that came meanwhile is not replaced.
            if path.exists():
                raise FileExistsError(errno.EEXIST, "came in between")
            partial[path].rename(path)
            there.append(path)
    except OSError as error:
        for one in [*there, *partial.values()]:
            remove(one)
        for parent in sorted(parents, key=lambda parent: len(parent.parts), reverse=True):
            with suppress(OSError):
                parent.rmdir()
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None


def write(path: Path, content: str | Texts) -> None:
    """Writes a file, or a folder of files."""
    files = {path: content} if isinstance(content, str) else {path / below: text for below, text in content.items()}
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        with suppress(OSError):
            path.unlink()
