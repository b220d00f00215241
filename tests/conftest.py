"""One Spark session for the suite, and a small project with a git repository of its own."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from pyspark.sql import SparkSession

from solvent.config.environment import load_environment
from solvent.jobs.context import Context
from solvent.jobs.ingest import ingest_files
from solvent.jobs.train import train_models
from solvent.progress import Progress
from solvent.release import promote
from solvent.session import session
from solvent.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
# A deployment tests a checkout that has no jars of its own, and names the environment that has.
ENVIRONMENT = os.environ.get("SOLVENT_ENVIRONMENT", "local")

# Tests compare what steps say; how many minutes one takes is a matter of the machine.
Progress.line_every = 3600.0

# What takes longest begins first, so that no process of the suite is left alone with it at the end.
LONGEST = (
    "deployment/test_deploy.py",
    "test_pipeline.py",
    "test_scoring.py",
    "monitoring/test_monitor.py",
    "registry/test_server.py",
    "test_replay.py",
    "sources/test_ingest.py",
    "test_catalog.py",
    "training/test_unseen.py",
    "training/test_search.py",
    "investigation/test_rows_missing.py",
    "investigation/test_investigation.py",
    "notebooks/test_execution.py",
    "test_existing.py",
    "training/test_at_once.py",
    "test_skeleton.py",
    "flights/test_features.py",
    "evaluation/test_paired.py",
    "training/test_arithmetic.py",
    "deployment/test_hook.py",
    "test_guide.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files of LONGEST first, in their order."""
    place = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of an environment, with its warehouse in a temporary folder, and as few tasks as cores."""
    environment = load_environment(ENVIRONMENT, ROOT)
    own = {
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.sql.shuffle.partitions": 2,
        "spark.default.parallelism": 2,
    }
    settings = {**environment.spark.settings, **own}
    spark = session(
        environment.model_copy(update={"spark": environment.spark.model_copy(update={"settings": settings})})
    )
    yield spark
    spark.stop()


SHOP = """
project: shop
owner: tests
description: Will this order be returned?
sources:
  orders:
    landing: {format: csv, options: {header: true}}
    schema: "id INT, customer STRING, placed TIMESTAMP, amount DOUBLE, returned INT"
    key: [id]
    event_time: placed
    available_time: placed + INTERVAL 2 DAYS
    expect: {amount_is_positive: amount > 0}
  customers:
    landing: {format: csv, options: {header: true}}
    schema: "customer STRING, region STRING"
    key: [customer]
prediction:
  source: orders
  time: placed
  known: [id, customer, placed, amount]
  label: {name: returned, value: returned = 1}
features: [shop.features.order, shop.features.returns]
windows: {train: 30 days, holdout: 10 days, maturity: 2 days}
model:
  estimator: pyspark.ml.classification.GBTClassifier
  params: {maxIter: 2, maxDepth: 3}
  seed: 1
baseline:
  estimator: pyspark.ml.classification.LogisticRegression
  params: {maxIter: 5}
evaluation: {metrics: [auc, log_loss, accuracy, prediction_bias], slices: [region], threshold: 0.4}
gates:
  - {metric: auc, at_least: 0.55}
  - {metric: auc, not_worse_than: champion, by: 0.05}
"""

FEATURES = '''
"""Features of an order."""

from datetime import timedelta

from pyspark.sql import functions as F

from solvent.features import Feature, feature_group, trailing_sums


@feature_group(
    sources={"customers": ["customer", "region"]},
    features=[
        Feature("order_amount", "double", "Amount"),
        Feature("hour", "int", "Hour of the day"),
        Feature("region", "string", "Region of the customer"),
    ],
)
def order(rows, sources):
    """The order itself, and where the customer lives."""
    regions = sources["customers"].select("customer", "region")
    return (
        rows.join(regions, "customer", "left")
        .withColumns({"order_amount": F.col("amount"), "hour": F.hour("placed")})
        .select(*rows.columns, "order_amount", "hour", "region")
    )


@feature_group(
    sources={"orders": ["customer", "returned"]},
    look_back=timedelta(days=14),
    features=[Feature("returns_14d", "bigint", "Orders of the customer that were returned in the last 14 days")],
)
def returns(rows, sources):
    """How often the customer returned orders."""
    summed = trailing_sums(
        rows, sources["orders"], on=["customer"], measures={"_returns": F.col("returned")}, windows={"14d": timedelta(days=14)}
    )
    return summed.withColumnRenamed("_returns_14d", "returns_14d")
'''


def share(*words: object) -> float:
    """A number in [0, 1) that depends on words alone."""
    return int(hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()[:12], 16) / 16**12


def order_lines(since: date, until: date, per_day: int = 30) -> list[str]:
    """Orders whose returns depend on amount and customer; every 50th has no label."""
    lines = []
    for offset in range((until - since).days):
        day = since + timedelta(days=offset)
        for number in range(per_day):
            identity = day.toordinal() * 100 + number
            placed = datetime(day.year, day.month, day.day) + timedelta(minutes=number * 40)
            customer, amount = int(share(identity, "customer") * 20), round(5 + 95 * share(identity, "amount"), 2)
            returned = int(share(identity, "return") < 0.15 + 0.006 * amount * (customer % 3 != 0))
            label = "" if identity % 50 == 0 else str(returned)
            lines.append(f"{identity},c{customer},{placed.isoformat(sep=' ')},{amount},{label}")
    return lines


class Shop:
    """The project shop below a folder: configuration, code, git repository, landing files and environment."""

    as_of = date(2024, 3, 1)

    def __init__(self, root: Path) -> None:
        self.root = root
        self.landing = root / "var" / "landing" / "shop"
        for folder in (
            "conf/shop",
            "conf/environments",
            "lib/shop",
            "var/landing/shop/orders",
            "var/landing/shop/customers",
        ):
            (root / folder).mkdir(parents=True)
        (root / "conf/shop/model.yml").write_text(SHOP)
        (root / "lib/shop/__init__.py").write_text("")
        (root / "lib/shop/features.py").write_text(FEATURES)
        (root / ".gitignore").write_text("var/\n__pycache__/\n")
        local = yaml.safe_load((ROOT / "conf/environments/local.yml").read_text())
        local["spark"]["jars"] = list(load_environment(ENVIRONMENT, ROOT).spark.jars)
        local["show_rows"] = True
        (root / "conf/environments/local.yml").write_text(yaml.safe_dump(local))
        regions = [f"c{number},{'north' if number % 2 else 'south'}" for number in range(20)]
        self.land("customers", "customers.csv", ["customer,region", *regions])
        self.land_orders(date(2024, 1, 10), date(2024, 3, 1))
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def copied(self, root: Path) -> Shop:
        """A Shop with tables, models and history of its own, that begins as this one is. Artifacts stay where they were made."""
        shutil.copytree(self.root, root)
        return Shop.at(root)

    @classmethod
    def at(cls, root: Path) -> Shop:
        """A Shop that is there."""
        there = cls.__new__(cls)
        there.root, there.landing = root, root / "var" / "landing" / "shop"
        return there

    @property
    def environ(self) -> dict[str, str]:
        """The variables with which another process imports what this one does, and says at once what it has to say."""
        paths = [*filter(None, [os.environ.get("PYTHONPATH")]), *(path for path in sys.path if path.endswith("/lib"))]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "state")

    def land(self, source: str, name: str, lines: list[str]) -> Path:
        path = self.landing / source / name
        path.write_text("\n".join(lines) + "\n")
        return path

    def land_orders(self, since: date, until: date) -> Path:
        header = "id,customer,placed,amount,returned"
        return self.land("orders", f"{since}.csv", [header, *order_lines(since, until)])

    def configure(self, old: str, new: str) -> None:
        path = self.root / "conf/shop/model.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.commit()

    def run(self, as_of: date | None = None, say: Callable[[str], None] = print) -> Context:
        return Context(load_settings("shop", "local", self.root), as_of or self.as_of, say)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port of the loopback interface that nothing listens on."""

    def port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return port


@pytest.fixture(scope="session")
def shop_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package shop, importable; each Shop has a copy of it in its repository."""
    folder = tmp_path_factory.mktemp("shop") / "lib"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop/__init__.py").write_text("")
    (folder / "shop/features.py").write_text(FEATURES)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database before the first model; making one is some fifty migrations, which take longer than most tests."""
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def make_shop(
    spark: SparkSession, shop_package: Path, empty_registry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Shop]:
    """Makes a Shop in a folder of its own."""

    def made() -> Shop:
        shop = Shop(tmp_path_factory.mktemp("root") / "shop")
        shutil.copy(empty_registry, shop.root / "var" / "mlflow.db")
        return shop

    return made


@pytest.fixture(scope="session")
def make_order_lines() -> Callable[..., list[str]]:
    """The lines of the orders of a span of days."""
    return order_lines


@pytest.fixture(scope="session")
def turned() -> Callable[[str], str]:
    """Makes of the line of an order one whose outcome is the opposite of what a model has learned: cheap ones come back."""

    def opposite(line: str) -> str:
        head, _, label = line.rpartition(",")
        return f"{head},{'' if label == '' else int(float(head.rpartition(',')[2]) < 50)}"

    return opposite


@pytest.fixture
def shop(make_shop: Callable[[], Shop]) -> Shop:
    """A Shop of the test's own."""
    return make_shop()


@pytest.fixture(scope="session")
def newly_released(make_shop: Callable[[], Shop], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A Shop with a champion, made once for all processes of the suite; nothing is added to it, so that copies of it begin alike."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    root = shared / "newly_released"
    with open(shared / "newly_released.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            root.symlink_to(release(make_shop()).root)
    return Shop.at(root.resolve())


def release(shop: Shop) -> Shop:
    """Trains a model and makes it champion."""
    shop.configure("train: 30 days, holdout: 10 days", "train: 20 days, holdout: 27 days")
    path = shop.root / "conf/shop/model.yml"
    path.write_text(path.read_text() + "monitoring: {min_rows: 10}\n")
    shop.commit()
    run = shop.run()
    ingest_files(run)
    version, _ = train_models(run)
    promote(run.warehouse, run.registry, version, "first")
    return shop


@pytest.fixture(scope="module")
def released(newly_released: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A Shop with a champion, for the life that a file of tests gives it."""
    return newly_released.copied(tmp_path_factory.mktemp("released") / "shop")
