"""What is wrong in a model.yml is said before Spark starts: file, key, what was found, what would be right."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from solvent.cli import main
from solvent.config.base import UNITS, duration_text, midnight, to_duration
from solvent.config.expressions import columns_used, parse_columns
from solvent.config.measures import Gate
from solvent.config.monitoring import Monitoring
from solvent.config.project import Project, load_project
from solvent.config.windows import Windows
from solvent.errors import ConfigurationError
from solvent.kinds import KINDS
from solvent.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
MODEL: dict[str, Any] = yaml.safe_load(
    """
project: shop
owner: tests
description: Will this order be returned?
sources:
  orders:
    landing: {format: csv, options: {header: true}}
    schema: "id INT, customer STRING, placed TIMESTAMP, amount DOUBLE, returned INT"
    key: [id]
    derive: {cents: amount * 100}
    event_time: placed
    available_time: placed + INTERVAL 2 DAYS
    expect: {amount_is_positive: amount > 0}
prediction:
  source: orders
  time: placed
  known: [id, customer, placed, cents]
  label: {name: returned, value: returned = 1}
features: [shop.features.order]
windows: {train: 30 days, holdout: 10 days, maturity: 2 days}
model: {estimator: pyspark.ml.classification.GBTClassifier, params: {maxIter: 2}, seed: 1}
baseline: {estimator: pyspark.ml.classification.LogisticRegression}
evaluation: {metrics: [auc, log_loss], slices: [customer], threshold: 0.4}
gates:
  - {metric: auc, at_least: 0.55}
  - {metric: auc, not_worse_than: champion, by: 0.05}
"""
)
ABSENT = object()


def edited(key: str, value: Any) -> dict[str, Any]:
    """The model with one key set, or taken out."""
    model = copy.deepcopy(MODEL)
    *path, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    place: Any = model
    for part in path:
        place = place[part]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return model


def load(root: Path, model: dict[str, Any] | str) -> Project:
    """The project of a model.yml with this content."""
    path = root / "conf/shop/model.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(model if isinstance(model, str) else yaml.safe_dump(model, sort_keys=False), encoding="utf-8")
    return load_project("shop", root)


def refused(root: Path, model: dict[str, Any] | str) -> list[str]:
    """What is said against a model.yml, each line without the name of the file, which all of them have."""
    with pytest.raises(ConfigurationError) as caught:
        load(root, model)
    lines = str(caught.value).splitlines()
    where = f"{root}/conf/shop/model.yml:"
    assert [line for line in lines if not line.startswith(where)] == []
    return [line.removeprefix(where).strip() for line in lines]


ORDERS = "sources.orders"
MISTAKES = [
    # Keys
    ("windos", {}, "windos: unknown key; did you mean 'windows'?"),
    ("windows.trian", "3 days", "windows.trian: unknown key; did you mean 'train'?"),
    (f"{ORDERS}.keys", ["id"], "sources.orders.keys: unknown key; did you mean 'key'?"),
    (f"{ORDERS}.landing.formt", "csv", "sources.orders.landing.formt: unknown key; did you mean 'format'?"),
    ("prediction.label.valu", "1", "prediction.label.valu: unknown key; did you mean 'value'?"),
    ("model.seeds", 3, "model.seeds: unknown key; did you mean 'seed'?"),
    ("evaluation.slice", [], "evaluation.slice: unknown key; did you mean 'slices'?"),
    ("gates.0.at_leest", 1, "gates.0.at_leest: unknown key; did you mean 'at_least'?"),
    ("owner", ABSENT, "owner: is missing"),
    (f"{ORDERS}.schema", ABSENT, "sources.orders.schema: is missing"),
    ("windows.train", ABSENT, "windows.train: is missing"),
    # Types
    ("owner", 3, "owner: found 3; input should be a valid string"),
    ("features", "shop.features.order", "features: found 'shop.features.order'; input should be a valid"),
    (f"{ORDERS}.key", "id", "sources.orders.key: found 'id'; input should be a valid"),
    (f"{ORDERS}.landing.format", "parquet", "sources.orders.landing.format: found 'parquet'; input should be 'csv' or"),
    (f"{ORDERS}.landing.options", {"header": [1]}, "sources.orders.landing.options.header"),
    *(
        (
            f"{ORDERS}.landing.folder",
            folder,
            f"sources.orders.landing.folder: found '{folder}'; give a path below <landing>/<project>",
        )
        for folder in ("../../x", "/etc", "s3://bucket", "", "a//b", "a/.")
    ),
    # Options of files
    *(
        (f"{ORDERS}.landing.options", options, f"sources.orders.landing: options.{says}")
        for options, says in [
            ({"pathGlobFilter": "*.csv"}, "pathGlobFilter: is no option of csv files; allowed: encoding, multiLine"),
            ({"ignoreCorruptFiles": True}, "ignoreCorruptFiles: is no option of csv files"),
            ({"Mode": "DROPMALFORMED"}, "Mode: is no option of csv files"),
            ({"sep": ";", "Delimiter": ","}, "Delimiter: is given twice, as sep"),
            ({"HEADER": "yes"}, "HEADER: found 'yes'; write true or false"),
            ({"sep": ""}, "sep: found ''; give the characters between two values"),
            ({"sep": '"'}, "sep: holds the character of quote or escape"),
            ({"quote": "''"}, "quote: found \"''\"; give one character"),
            ({"nullValue": False}, "nullValue: found False; write it in quotes"),
            ({"encoding": "latin-9x"}, "encoding: found 'latin-9x'; give UTF-8, UTF-16, or an encoding of one byte"),
            ({"charset": "shift_jis"}, "charset: found 'shift_jis'; give UTF-8"),
            ({"dateFormat": ""}, "dateFormat: found ''; give a pattern"),
        ]
    ),
    ("model.seed", "one", "model.seed: found 'one'; input should be a valid integer"),
    ("model.seed", 1.5, "model.seed: found 1.5; input should be a valid integer"),
    ("gates.0.at_least", "high", "gates.0.at_least: found 'high'; input should be a valid number"),
    ("project", "Shop", "project: found 'Shop'; use lower case letters, digits and _, starting with a letter"),
    # Windows
    ("windows.train", 30, "windows.train: found 30; write a whole number and a unit: minutes, hours, days or weeks"),
    ("windows.holdout", "ten days", "windows.holdout: found 'ten days'; write a whole number and a unit"),
    ("windows.train", "-3 days", "windows.train: found '-3 days'; write a whole number and a unit"),
    ("windows.train", "0 days", "windows: train and holdout need a length above zero"),
    ("windows.holdout", "0 hours", "windows: train and holdout need a length above zero"),
    # Columns
    (f"{ORDERS}.schema", "id INT, tags ARRAY<INT>", "column tags is ARRAY<INT>; allowed: BOOLEAN, TINYINT"),
    (f"{ORDERS}.schema", "id INT, id STRING", "sources.orders.schema: found 'id INT, id STRING'; column id is decl"),
    (f"{ORDERS}.schema", "id INT, _batch INT", "column _batch: names that start with _, and event_time and"),
    (f"{ORDERS}.schema", "id INT, event_time INT", "column event_time: names that start with _, and event_time"),
    (f"{ORDERS}.schema", "id NUMBR", "sources.orders.schema: found 'id NUMBR'; "),
    (f"{ORDERS}.schema", "(", "sources.orders.schema: found '('; is not a list of columns"),
    (f"{ORDERS}.key", [], "sources.orders: key: names no column"),
    (f"{ORDERS}.key", ["idd"], "sources.orders: key: 'idd' is not a declared column; did you mean 'id'?"),
    (f"{ORDERS}.key", ["cents"], "sources.orders: key: 'cents' is not a declared column"),
    # Expressions
    (f"{ORDERS}.event_time", "placd", "sources.orders: event_time: reads the unknown column 'placd'; did you mean 'pl"),
    (f"{ORDERS}.available_time", "delivered", "sources.orders: available_time: reads the unknown column 'delivered'; "),
    (f"{ORDERS}.event_time", "placed +", "sources.orders: event_time: is not a Spark SQL expression"),
    (f"{ORDERS}.event_time", "", "sources.orders: event_time: is not one Spark SQL expression"),
    (f"{ORDERS}.event_time", "placed, amount", "sources.orders: event_time: is not one Spark SQL expression"),
    (f"{ORDERS}.event_time", "placed; DROP TABLE x", "sources.orders: event_time: is not one Spark SQL expression"),
    (f"{ORDERS}.expect", {"a": "amuont > 0"}, "expect.a: reads the unknown column 'amuont'; did you mean 'amount'?"),
    # Expectations are over what is in the file, so that they can be checked on reading.
    (f"{ORDERS}.expect", {"a": "cents > 0"}, "sources.orders: expect.a: reads the unknown column 'cents'"),
    (f"{ORDERS}.derive", {"amount": "1.0"}, "sources.orders: derive.amount: this name is taken"),
    (f"{ORDERS}.derive", {"event_time": "placed"}, "sources.orders: derive.event_time: this name is taken"),
    (f"{ORDERS}.derive", {"b": "a + 1", "a": "1"}, "sources.orders: derive.b: reads the unknown column 'a'"),
    ("prediction.time", "placedd", "prediction.time: reads the unknown column 'placedd'; did you mean 'placed'?"),
    ("prediction.label.value", "return = 1", "prediction.label.value: reads the unknown column 'return'; did you mean"),
    ("prediction.label.available_time", "late", "prediction.label.available_time: reads the unknown column 'late'"),
    # References
    ("prediction.source", "order", "prediction.source: 'order' is not a source; did you mean 'orders'?"),
    (
        "prediction.known",
        ["id", "amout"],
        "prediction.known: 'amout' is not a column of orders; did you mean 'amount'?",
    ),
    ("prediction.known", ["customer"], "prediction.known: lacks 'id' of the key of orders"),
    ("features", ["os.path.join"], "'os.path.join' is not the import path of a function in shop or solvent"),
    ("features", ["shopping.features.order"], "'shopping.features.order' is not the import path of a function in shop"),
    ("features", ["order"], "features: 'order' is not the import path of a function in shop or solvent"),
    ("features", [], "features: names no feature group"),
    # Estimators
    (
        "model.estimator",
        "sklearn.svm.SVC",
        "model: estimator: 'sklearn.svm.SVC' is not in pyspark.ml.classification or",
    ),
    ("model.estimator", "pyspark.ml.classification.GBTClasifier", "is not an estimator; did you mean 'GBTClassifier'?"),
    ("model.estimator", "pyspark.ml.classification.GBTClassificationModel", "is not an estimator"),
    ("model.estimator", "pyspark.ml.classification.OneVsRest", "is not an estimator"),
    (
        "model.estimator",
        "pyspark.ml.regression.GBTRegressor",
        "baseline.estimator: is for binary labels, the model for",
    ),
    ("model.params.maxItr", 3, "model: params.maxItr: GBTClassifier has no such parameter; did you mean 'maxIter'?"),
    ("model.params.maxIter", "many", "model: params.maxIter: could not convert many to int"),
    ("model.params.maxIter", 2.5, "model: params.maxIter: could not convert 2.5 to int"),
    ("model.params.maxIter", True, "model: params.maxIter: could not convert True to int"),
    ("model.params.labelCol", "returned", "model: params.labelCol: GBTClassifier has no such parameter"),
    ("model.params.seed", 3, "model: params.seed: GBTClassifier has no such parameter"),
    # Parameter search
    ("model.search", {"grid": {}}, "model.search.grid: unknown key; known: folds, metric, params"),
    ("model.search", {"folds": 2}, "model.search.params: is missing"),
    ("model.search", {"params": {"maxDepth": 4}}, "model.search.params.maxDepth: found 4; input should be a valid"),
    ("model.search", {"params": {"maxDepth": []}}, "model.search: params.maxDepth: holds no value; list those to try"),
    ("model.search", {"params": {}}, "model.search: params: one candidate is no choice; list two values or more"),
    ("model.search", {"params": {"maxDepth": [4]}}, "model.search: params: one candidate is no choice; list two"),
    (
        "model.search",
        {"params": {"maxDept": [4, 5]}},
        "model: search.params.maxDept: GBTClassifier has no such parameter; did you mean 'maxDepth'?",
    ),
    ("model.search", {"params": {"seed": [4, 5]}}, "model: search.params.seed: GBTClassifier has no such parameter"),
    (
        "baseline.search",
        {"params": {"maxIter": [4, "many"]}},
        "baseline: search.params.maxIter: could not convert many to int",
    ),
    ("model.search", {"params": {"maxDepth": [4, 5, 4.0]}}, "model: search.params.maxDepth: names 4.0 twice"),
    ("model.search", {"params": {"impurity": ["gini", "gini"]}}, "names 'gini' twice"),
    ("model.search", {"params": {"stepSize": [0.1, float("inf")]}}, "stepSize: found inf; a finite number is expected"),
    ("model.search", {"params": {"maxDepth": [4, 5]}, "folds": 0}, "model.search.folds: found 0; input should be gr"),
    ("model.search", {"params": {"maxDepth": [4, 5]}, "folds": 13}, "model.search.folds: found 13; input should be l"),
    ("model.partitions", 0, "model.partitions: found 0; input should be greater than or equal to 1"),
    ("model.partitions", 3, "model.partitions: found 3; input should be less than or equal to 2"),
    # Measures and gates
    ("evaluation.threshold", 0, "evaluation.threshold: found 0; input should be greater than 0"),
    ("evaluation.threshold", 1.0, "evaluation.threshold: found 1.0; input should be less than 1"),
    ("evaluation.confidence", 95, "evaluation.confidence: found 95; input should be less than 1"),
    ("gates.0.metric", "brier", "gates.0.metric: 'brier' is not measured; known: auc, log_loss"),
    ("gates.0.metric", "acu", "gates.0.metric: 'acu' is not measured; did you mean 'auc'?"),
    ("gates.0.slice", "custmer", "gates.0.slice: 'custmer' is not a slice; did you mean 'customer'?"),
    ("gates.0.at_most", 0.9, "gates.0: give exactly one of at_least, at_most, better_than and not_worse_than"),
    ("gates.0.at_least", ABSENT, "gates.0: give exactly one of at_least, at_most, better_than and not_worse_than"),
    ("gates.0.by", 0.1, "gates.0: by belongs to better_than or not_worse_than"),
    (
        "gates.0.confidence",
        0.9,
        "gates.0: confidence belongs to better_than or not_worse_than: it is that of the lead over",
    ),
    ("gates.1.confidence", 1, "gates.1.confidence: found 1; input should be less than 1"),
    ("gates.1.confidence", 0.05, "gates.1.confidence: found 0.05; input should be greater than or equal to 0.5"),
    ("gates.1.by", -0.1, "gates.1.by: found -0.1; input should be greater than or equal to 0"),
    ("gates.1.not_worse_than", "champoin", "gates.1.not_worse_than: found 'champoin'; input should be 'baseline' or"),
    ("gates.0.min_rows", -1, "gates.0.min_rows: found -1; input should be greater than or equal to 0"),
    ("deploy", {"branches": "main"}, "deploy.branches: "),
    (
        "deploy",
        {"probation": {"days": 6}},
        "deploy.probation.days: found 6; input should be greater than or equal to 7",
    ),
    ("deploy", {"canary": {"flipped": 2}}, "deploy.canary.flipped: found 2; input should be less than or equal to 1"),
]


@pytest.mark.parametrize(("key", "value", "says"), MISTAKES, ids=[f"{key}-{n}" for n, (key, *_) in enumerate(MISTAKES)])
def test_a_mistake_is_named_with_its_key_and_what_would_be_right(
    tmp_path: Path, key: str, value: Any, says: str
) -> None:
    lines = refused(tmp_path, edited(key, value))
    assert any(says in line for line in lines), lines


def bug(key: str, value: Any, says: str, why: str) -> Any:
    return pytest.param(key, value, says, id=f"{key}: {why}")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        bug(f"{ORDERS}.schema", "id INT, customer", "customer", "a column without a type is dropped in silence"),
        bug(f"{ORDERS}.schema", "id INT) USING delta; --", "is not", "what follows the columns is dropped in silence"),
        bug(f"{ORDERS}.event_time", "placed FROM other", "is not one", "sqlglot's key is now from_"),
        bug(f"{ORDERS}.event_time", "placed WHERE id > 0", "is not one", "only FROM is looked for"),
        bug(f"{ORDERS}.derive", {"a": "rand()"}, "rand", "an expression may depend on more than the row"),
        bug(f"{ORDERS}.available_time", "current_timestamp()", "current_timestamp", "an expression may read the clock"),
        bug(f"{ORDERS}.key", ["id", "id"], "twice", "a column may be named twice"),
        bug("evaluation.slices", ["customer", "customer"], "twice", "a slice may be named twice"),
        bug("evaluation.metrics", ["auc", "auc"], "twice", "a metric may be named twice"),
        bug("features", ["shop.features.order"] * 2, "twice", "a group may be named twice"),
        bug("gates.0.at_least", float("nan"), "finite", "a bound may be no number, and its digest a ValueError"),
        bug(
            "model.params.stepSize", float("nan"), "finite", "a parameter may be no number; its digest is that of null"
        ),
        bug("model.estimator", "pyspark.ml.classification.LinearSVC", "probabilit", "it gives no probability to score"),
        bug("model.estimator", "pyspark.ml.classification.Classifier", "is not an est", "an abstract class is taken"),
        bug("prediction.known", ["id", "placed", "returned"], "label", "what is known may hold the label itself"),
        bug("model.params.weightCol", "w", "no such parameter", "training rows have no such column"),
    ],
)
def test_what_could_not_work_later_is_refused(tmp_path: Path, key: str, value: Any, says: str) -> None:
    model = edited(key, value)
    assert any(says in line for line in refused(tmp_path, model))


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    model = edited("owner", 3)
    model["windows"]["train"] = "long"
    model["model"]["sed"] = 1
    assert [line.split(":")[0] for line in refused(tmp_path, model)] == ["owner", "windows.train", "model.sed"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("project: a\nowner: b\nproject: c\n", "3:1: the key 'project' is given twice"),
        ("windows: {train: 1 days, train: 2 days}\n", "1:26: the key 'train' is given twice"),
        ("", "a mapping of keys to values is expected"),
        ("- a\n- b\n", "found list; a mapping of keys to values is expected"),
        ("owner: [a\n", "2:1: "),
        ("\towner: a\n", "1:1: found character '\\t'"),
        ("owner: !!python/name:os.system\n", "1:8: could not determine a constructor"),
        ("owner: {{ owner }}\n", "1:9: "),
    ],
)
def test_what_is_not_a_mapping_in_yaml_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    (line,) = refused(tmp_path, text)
    assert says in line


def test_a_file_that_is_not_utf8_or_of_another_project_is_refused(tmp_path: Path) -> None:
    load(tmp_path, MODEL)
    with pytest.raises(
        ConfigurationError, match=r"conf/shp/model\.yml: no such file; project 'shp': did you mean 'shop'"
    ):
        load_project("shp", tmp_path)
    shutil.copytree(tmp_path / "conf/shop", tmp_path / "conf/other")
    with pytest.raises(
        ConfigurationError, match=r"project: found 'shop'; the name of its folder, 'other', is expected"
    ):
        load_project("other", tmp_path)
    (tmp_path / "conf/other/model.yml").write_bytes("owner: café".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"conf/other/model\.yml: is not UTF-8 text"):
        load_project("other", tmp_path)


def test_functions_of_another_project_may_be_named_if_it_is_one_of_conf(tmp_path: Path) -> None:
    named = {**MODEL, "features": ["shop.features.order", "depot.features.stock"]}
    with pytest.raises(
        ConfigurationError, match=r"'depot.features.stock' is not the import path of .* shop or solvent$"
    ):
        load(tmp_path, named)
    (tmp_path / "conf/depot").mkdir()
    (tmp_path / "conf/depot/model.yml").write_text("project: depot\n")
    assert load(tmp_path, named).features == ("shop.features.order", "depot.features.stock")
    wrong = {**named, "features": ["dpot.features.stock"]}
    with pytest.raises(ConfigurationError, match=r"'dpot.features.stock' is .* a function in shop, solvent or depot$"):
        load(tmp_path, wrong)


@pytest.mark.parametrize("project", ["flights", "shop"])
def test_what_is_resolved_is_the_same_project_again(tmp_path: Path, project: str) -> None:
    found = load_project("flights", ROOT) if project == "flights" else load(tmp_path, MODEL)
    resolved = json.loads(json.dumps(found.resolved()))
    assert Project.model_validate(resolved) == found
    assert load(tmp_path, {**resolved, "project": "shop", "features": ["shop.a"]}).model == found.model
    assert resolved["windows"] == (MODEL["windows"] if project == "shop" else yaml_of("flights")["windows"])
    with pytest.raises(ValueError, match="frozen"):
        found.owner = "someone else"


def yaml_of(project: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "conf" / project / "model.yml").read_text())
    return found


def test_a_digest_covers_its_sections_and_no_others(tmp_path: Path) -> None:
    once, again = load(tmp_path, MODEL), load(tmp_path, dict(reversed(MODEL.items())))
    assert once.digest() == again.digest()
    gated = load(tmp_path, edited("gates.0.at_least", 0.56))
    assert gated.digest() != once.digest()
    assert gated.digest("model", "sources") == once.digest("model", "sources")
    assert load(tmp_path, edited("model.seed", 2)).digest("model") != once.digest("model")
    # Defaults written out are the same configuration.
    assert load(tmp_path, edited("model.partitions", 2)).digest() == once.digest()


SEARCH = {"params": {"stepSize": [0.2, 0.1], "maxDepth": [5, 4]}}


@pytest.mark.parametrize("names", [["stepSize", "maxDepth"], ["maxDepth", "stepSize"]])
def test_candidates_are_the_same_in_whichever_order_the_parameters_are_named(tmp_path: Path, names: list[str]) -> None:
    model = load(tmp_path, edited("model.search", {"params": {name: SEARCH["params"][name] for name in names}})).model
    assert model.search is not None
    assert list(model.search.candidates()) == [
        {"maxDepth": 5, "stepSize": 0.2},
        {"maxDepth": 5, "stepSize": 0.1},
        {"maxDepth": 4, "stepSize": 0.2},
        {"maxDepth": 4, "stepSize": 0.1},
    ]
    assert model.with_params({"maxDepth": 4}).params == {"maxIter": 2, "maxDepth": 4}


def test_a_search_is_resolved_with_its_defaults_and_without_one_nothing_is_said_of_it(tmp_path: Path) -> None:
    found = load(tmp_path, edited("model.search", SEARCH))
    resolved = json.loads(json.dumps(found.resolved()))
    assert resolved["model"]["search"] == {**SEARCH, "folds": 3, "metric": None}
    assert Project.model_validate(resolved) == found
    assert "search" not in resolved["baseline"]
    assert found.digest("baseline") == load(tmp_path, MODEL).digest("baseline")
    assert found.digest("model") != load(tmp_path, MODEL).digest("model")
    assert found.model.search is not None
    assert (KINDS["binary"].default_metric, KINDS["regression"].default_metric) == ("log_loss", "rmse")


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("rmse", "metric 'rmse' does not exist for binary labels; known: "),
        ("log_los", "metric 'log_los' does not exist for binary labels; did you mean 'log_loss'?"),
        ("positive_rate", "'positive_rate' tells of the rows, and of no candidate that it is better"),
    ],
)
def test_a_search_by_a_metric_that_cannot_decide_is_refused(tmp_path: Path, metric: str, says: str) -> None:
    load(tmp_path, edited("baseline.search", {"params": {"maxIter": [1, 2]}, "metric": metric}))
    (tmp_path / "conf/environments").mkdir()
    shutil.copy(ROOT / "conf/environments/local.yml", tmp_path / "conf/environments")
    with pytest.raises(ConfigurationError) as caught:
        load_settings("shop", "local", tmp_path)
    assert f"conf/shop/model.yml: baseline.search.metric: {says}" in str(caught.value)


def test_windows_follow_one_another_back_from_the_as_of() -> None:
    windows = Windows(train=timedelta(days=30), holdout=timedelta(days=10), maturity=timedelta(days=2))
    found = windows.at(date(2024, 3, 1))
    assert found.holdout_end == datetime(2024, 2, 28, tzinfo=UTC)
    assert found.holdout_start == datetime(2024, 2, 18, tzinfo=UTC)
    assert found.train_start == datetime(2024, 1, 19, tzinfo=UTC)


@given(st.integers(1, 5_000), st.sampled_from(sorted(UNITS)))
@settings(max_examples=50)
def test_a_duration_is_read_back_as_it_was(number: int, unit: str) -> None:
    duration = number * UNITS[unit]
    assert to_duration(duration_text(duration)) == duration
    assert to_duration(f"{number} {unit}") == to_duration(f"{number} {unit}s") == duration


def test_what_follows_a_type_and_would_mean_nothing_is_refused() -> None:
    assert [column.nullable for column in parse_columns("a INT NULL, b INT NOT NULL, c INT COMMENT 'x'")] == [
        True,
        False,
        True,
    ]
    for ddl in ("b INT DEFAULT 5", "b STRING COLLATE UNICODE_CI", "b INT GENERATED ALWAYS AS (1)", "b INT PRIMARY KEY"):
        with pytest.raises(ValueError, match=r"column b: .* means nothing in a source; leave it out"):
            parse_columns(ddl)


def test_columns_of_a_declaration() -> None:
    found = parse_columns("id INT NOT NULL, `odd name` DECIMAL(10, 2), at timestamp, text STRING COMMENT 'x, y'")
    assert [column.ddl for column in found] == [
        "`id` INT NOT NULL",
        "`odd name` DECIMAL(10,2)",
        "`at` TIMESTAMP",
        "`text` STRING",
    ]


@pytest.mark.parametrize(
    ("expression", "columns"),
    [
        ("a + INTERVAL 2 HOURS", {"a"}),
        ("CASE WHEN a > 1 THEN b ELSE 'c' END", {"a", "b"}),
        ("make_dt_interval(0, 2, coalesce(air_time, 0))", {"air_time"}),
        ("a DIV 100 BETWEEN b AND 3 OR c IS NULL", {"a", "b", "c"}),
        ("TIMESTAMP '1970-01-01 00:00:00'", set()),
        ("`odd name` = 1", {"odd name"}),
    ],
)
def test_columns_that_an_expression_reads(expression: str, columns: set[str]) -> None:
    assert columns_used(expression) == columns


def test_a_gate_says_its_rule() -> None:
    assert Gate(metric="auc", at_least=0.5).rule == "auc at least 0.5"
    assert Gate(metric="brier", at_most=0.25).rule == "brier at most 0.25"
    assert Gate(metric="auc", better_than="baseline", by=0.01).rule == "auc better than the baseline by 0.01"
    assert Gate(metric="auc", not_worse_than="champion").rule == "auc not worse than the champion"
    paired = Gate(metric="auc", not_worse_than="champion", by=0.01, confidence=0.975)
    assert paired.rule == "auc not worse than the champion by 0.01 with 97.5% confidence"


def check(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(root), "check", *words])


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A root with a copy of conf/ that has one project only."""
    for folder in ("environments", "flights"):
        shutil.copytree(ROOT / "conf" / folder, tmp_path / "conf" / folder)
    return tmp_path


def edit(root: Path, old: str, new: str) -> None:
    path = root / "conf/flights/model.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(("project", "sources"), [("flights", 5), ("departures", 3), ("temperatures", 2)])
def test_check_accepts_every_project_and_starts_no_session(project: str, sources: int) -> None:
    before = SparkSession.getActiveSession()
    result = check(ROOT, "--project", project)
    says = f"{project} in local: ok; {sources} sources, "
    assert (result.exit_code, result.output.startswith(says)) == (0, True), result.output
    assert SparkSession.getActiveSession() is before


def test_of_several_projects_one_is_named_by_option_or_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOLVENT_PROJECT", raising=False)
    result = check(ROOT)
    says = "--project: name one of: departures, flights, temperatures; or set SOLVENT_PROJECT"
    assert (result.exit_code, says in result.output) == (2, True), result.output
    monkeypatch.setenv("SOLVENT_PROJECT", "departures")
    assert check(ROOT).output.startswith("departures in local: ok")
    assert check(ROOT, "--project", "flights").output.startswith("flights in local: ok")


def test_check_needs_no_java(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "solvent.cli", "--root", str(ROOT), "check", "--project", "flights"]
    (tmp_path / "git").symlink_to(str(shutil.which("git")))
    without = {"PATH": str(tmp_path), "JAVA_HOME": str(tmp_path / "none"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, env=without, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "flights in local: ok" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("windows: {", "windos: {", r"conf/flights/model.yml: windos: unknown key; did you mean 'windows'?"),
        ("min_rows: 1000", "min_rows: many", "conf/flights/model.yml: gates.4.min_rows: found 'many'"),
        (
            "{metric: log_loss, not_worse_than",
            "{metric: calibration_error, not_worse_than",
            "conf/flights/model.yml: gates.3.confidence: the lead in calibration_error has no interval: it counts noise as error",
        ),
    ],
)
def test_check_ends_with_2_on_a_wrong_file(conf: Path, old: str, new: str, says: str) -> None:
    edit(conf, old, new)
    result = check(conf)
    assert (result.exit_code, says in result.output) == (2, True), result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--project", "flihts"], "did you mean 'flights'?"),
        (["--environment", "locl"], "did you mean 'local.yml'?"),
        (["--envronment", "local"], "--environment"),
    ],
)
def test_check_ends_with_2_on_wrong_arguments(words: list[str], says: str) -> None:
    result = check(ROOT, "--project", "flights", *words)
    assert (result.exit_code, says in result.output) == (2, True), result.output


REFERENCES = [
    ("flights.features.plane\n", "flights.features.plan\n", "feature group flights.features.plan: "),
    ("flights.features.plane\n", "flights.feature.plane\n", "there is no module flights.feature"),
    ("flights.features.plane\n", "flights.features.HOUR\n", "has a timedelta of that name"),
    ("slices: [origin,", "slices: [origins,", "evaluation.slices: 'origins' is neither a feature nor"),
    (
        "metrics:\n    [auc,",
        "metrics:\n    [acu, auc,",
        "metric 'acu' does not exist for binary labels; did you mean 'au",
    ),
    (
        "probation: {days: 28}",
        "probation: {days: 28, metrics: [auc]}",
        "deploy.probation.metrics: auc ranks rows of all days together, and has no value by day; name log_loss or brier",
    ),
]


@pytest.mark.parametrize(("old", "new", "says"), REFERENCES)
def test_check_names_features_slices_and_metrics_that_are_not_there(conf: Path, old: str, new: str, says: str) -> None:
    edit(conf, old, new)
    if "origins" in new:
        edit(conf, "slice: origin,", "slice: origins,")
    result = check(conf)
    assert result.exit_code != 0
    assert says in result.output


@pytest.mark.parametrize(("old", "new", "says"), REFERENCES)
def test_references_that_are_not_there_are_a_wrong_configuration(conf: Path, old: str, new: str, says: str) -> None:
    edit(conf, old, new)
    if "origins" in new:
        edit(conf, "slice: origin,", "slice: origins,")
    result = check(conf)
    assert (result.exit_code, "conf/flights/model.yml" in result.output) == (2, True)


def test_check_names_a_source_that_a_group_reads_and_nobody_declares(conf: Path) -> None:
    edit(conf, "  weather:\n", "  wether:\n")
    result = check(conf)
    assert (result.exit_code, "weather" in result.output) == (2, True)


moments = st.datetimes(datetime(2012, 1, 1), datetime(2015, 1, 1), timezones=st.just(UTC))


@given(st.sampled_from(["day", "week"]), moments, moments)
def test_whole_windows_are_those_within_a_span(window: str, one: datetime, other: datetime) -> None:
    watch, (since, until) = Monitoring(window=window), sorted([one, other])
    first, last = watch.whole_windows(since, until)
    assert since <= first < since + watch.length
    assert until - watch.length < last <= until
    for edge in (first, last):
        assert edge.time() == time()
        assert midnight(watch.window_of(edge)) == edge
        assert window == "day" or edge.weekday() == 0
    assert watch.windows_per_year * watch.length <= timedelta(days=365)
