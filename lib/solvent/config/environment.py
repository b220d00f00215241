"""Where a project runs: conf/environments/<name>.yml."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from solvent.config.base import Frozen, Items, SecretError, read_yaml, validated
from solvent.errors import ConfigurationError

NAME = re.compile(r"[a-z][a-z0-9_]*")
VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
DATABRICKS, UNITY = "databricks", "databricks-uc"


class Tables(Frozen):
    """Where Delta tables are: below a path, or in a schema of a catalog."""

    path: str | None = None
    catalog: str | None = None
    schema_name: str | None = Field(default=None, alias="schema")

    @model_validator(mode="after")
    def one_way(self) -> Self:
        """Refuses no way to address tables, and two."""
        if (self.path is None) == (self.schema_name is None):
            raise ValueError("give either path, or schema (with catalog where there are catalogs)")
        if self.catalog is not None and self.schema_name is None:
            raise ValueError("catalog needs schema")
        return self

    @field_validator("catalog", "schema_name")
    @classmethod
    def plain_name(cls, value: str | None) -> str | None:
        """Refuses names that would need quoting."""
        if value is not None and not NAME.fullmatch(value):
            raise ValueError("use lower case letters, digits and _, starting with a letter")
        return value


class MLflow(Frozen):
    """Where runs, models and artifacts are.

    artifacts applies to experiments made by Solvent; a server decides for itself. scratch is a folder or bucket where models rest on their
    way between this process and Spark, which both reach by the same name; without it Spark has to run on this machine. models is the
    catalog.schema that models are registered in, experiments what the names of experiments begin with.
    """

    tracking_uri: str
    registry_uri: str | None = None
    artifacts: str | None = None
    scratch: str | None = None
    models: str | None = None
    experiments: str | None = None

    @field_validator("artifacts")
    @classmethod
    def is_known_to_mlflow(cls, uri: str | None) -> str | None:
        """Refuses the name that Hadoop has for S3."""
        if uri is not None and uri.startswith(("s3a://", "s3n://")):
            raise ValueError(f"MLflow knows S3 as s3://: write s3{uri[3:]}")
        return uri

    @field_validator("tracking_uri", "registry_uri")
    @classmethod
    def is_an_address(cls, uri: str | None) -> str | None:
        """Refuses a folder, which is MLflow's store of files and means another one wherever a command is run."""
        if uri is not None and "://" not in uri and uri not in (DATABRICKS, UNITY):
            raise ValueError("give an address, such as sqlite:///var/mlflow.db, or databricks")
        return uri

    @field_validator("models")
    @classmethod
    def is_a_schema(cls, name: str | None) -> str | None:
        """Refuses what is no schema of a catalog."""
        if name is not None and not re.fullmatch(rf"{NAME.pattern}\.{NAME.pattern}", name):
            raise ValueError("give catalog.schema, both of lower case letters, digits and _, starting with a letter")
        return name

    @model_validator(mode="after")
    def names_are_whole(self) -> Self:
        """Refuses names that Databricks would: its models have three levels, and its experiments are paths of the workspace."""
        if self.registry_uri is not None and self.registry_uri.startswith(UNITY) and self.models is None:
            raise ValueError("models are registered in Unity Catalog by three names; give models, such as main.solvent")
        if self.tracking_uri.startswith(DATABRICKS) and not (self.experiments or "").startswith("/"):
            raise ValueError("experiments of Databricks are paths; give experiments, such as /Shared/solvent_")
        return self


def one_or_more(value: Any) -> Any:
    """A word as the list of it alone."""
    return [value] if isinstance(value, str) else value


class Spark(Frozen):
    """How a session is made where none exists: master and folders of jars, or the address of a Spark Connect server; and settings."""

    master: str | None = None
    remote: str | None = None
    jars: Annotated[Items[str], BeforeValidator(one_or_more)] = ()
    settings: dict[str, str | int | float | bool] = {}

    @model_validator(mode="after")
    def one_session(self) -> Self:
        """Refuses a server that would be told what it has decided itself."""
        if self.remote is not None and (self.master is not None or self.jars):
            raise ValueError("a server at remote has its own master and jars; give remote alone, or leave it out")
        return self


class Places(Frozen):
    """An environment file.

    Attributes:
        tables: Where tables are.
        landing: The folder of landing files, with one of each project and source below.
        reports: The folder that pages are written to.
        mlflow: Where models are.
        spark: How a session is made.
        webhook: A URL that is told of investigations, or $NAME: that of a variable. Nothing of it but its host is ever shown.
        show_rows: Whether pages may show rows of the data as they are.
    """

    tables: Tables
    landing: str
    reports: str
    mlflow: MLflow
    spark: Spark = Spark()
    webhook: str | None = Field(default=None, repr=False)
    show_rows: bool = False

    @field_validator("reports")
    @classmethod
    def can_be_written_to(cls, folder: str) -> str:
        """Refuses an object store, to which no page is written."""
        if "://" in folder:
            raise ValueError("give a folder; pages are not written to an object store")
        return folder

    @field_validator("webhook", mode="before")
    @classmethod
    def can_be_posted_to(cls, url: Any) -> Any:
        """Refuses what no message can be sent to, without showing it."""
        if url is not None and not (isinstance(url, str) and (VARIABLE.fullmatch(url) or is_web_address(url))):
            raise SecretError(
                "give a URL that starts with http:// or https:// and names a host, or $NAME for that of a variable"
            )
        return url


def is_web_address(url: str) -> bool:
    """Whether something can be posted to a URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class Environment(Places):
    """A validated environment file and its name; its paths are absolute."""

    name: str

    @property
    def webhook_url(self) -> str | None:
        """Where the webhook is.

        Raises:
            ConfigurationError: If it is that of a variable which holds none.
        """
        named = VARIABLE.fullmatch(self.webhook or "")
        if named is None:
            return self.webhook
        url = os.environ.get(named[1], "")
        if not is_web_address(url):
            what = "holds no URL that starts with http:// or https:// and names a host" if url else "is not set"
            raise ConfigurationError(f"environment {self.name}: webhook: the variable {named[1]} {what}")
        return url

    def within(self, folder: Path) -> Environment:
        """The same with tables, landing files, reports and models below a folder of their own."""
        mlflow = MLflow(tracking_uri=f"sqlite:///{folder}/mlflow.db", artifacts=str(folder / "artifacts"))
        return self.model_copy(
            update={
                "tables": Tables(path=str(folder / "tables")),
                "landing": str(folder / "landing"),
                "reports": str(folder / "reports"),
                "mlflow": mlflow,
            }
        )


def find_root() -> Path:
    """The nearest folder upwards that holds conf/, else the checkout whose jobs/ the script that runs is in, else here.

    Not the checkout of the package: from a folder of somebody else's, its projects would be taken for theirs.
    """
    here, script = Path.cwd(), Path(sys.argv[0]).resolve()
    checkout = [script.parent.parent] if script.parent.name == "jobs" else []
    return next((folder for folder in (here, *here.parents, *checkout) if (folder / "conf").is_dir()), here)


def import_from(folder: Path) -> None:
    """Lets the projects of a repository be imported; what is installed comes first."""
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))


def load_environment(name: str, root: Path) -> Environment:
    """The environment of this name, or in this file.

    Args:
        name: Name of a file in conf/environments, or a path that ends in .yml.
        root: The folder that holds conf/, against which relative paths are taken.

    Raises:
        ConfigurationError: If it is missing or wrong.
    """
    path = Path(name) if name.endswith((".yml", ".yaml")) else root / "conf" / "environments" / f"{name}.yml"
    if path.stem != name and path != Path(name):
        raise ConfigurationError(
            f"environment '{name}': give the name of a file of conf/environments, or a path that ends in .yml"
        )
    found = validated(Places, read_yaml(path), path)
    mlflow = {
        "tracking_uri": absolute_uri(found.mlflow.tracking_uri, root),
        "registry_uri": absolute_uri(found.mlflow.registry_uri, root),
        "artifacts": absolute(found.mlflow.artifacts, root),
        "scratch": absolute(found.mlflow.scratch, root),
    }
    return Environment(
        name=path.stem,
        tables=found.tables.model_copy(update={"path": absolute(found.tables.path, root)}),
        landing=str(absolute(found.landing, root)),
        reports=str(absolute(found.reports, root)),
        mlflow=found.mlflow.model_copy(update=mlflow),
        spark=found.spark.model_copy(update={"jars": tuple(str(absolute(one, root)) for one in found.spark.jars)}),
        webhook=found.webhook,
        show_rows=found.show_rows,
    )


def absolute(path: str | None, root: Path) -> str | None:
    """A path from the root; what names a scheme, or is absolute, stays."""
    return path if path is None or "://" in path or path.startswith(("/", "dbfs:")) else str(root / path)


def absolute_uri(uri: str | None, root: Path) -> str | None:
    """A tracking address whose sqlite file is taken from the root."""
    prefix = "sqlite:///"
    if uri is None or not uri.startswith(prefix) or uri.startswith(prefix + "/"):
        return uri
    return prefix + str(root / uri.removeprefix(prefix))
