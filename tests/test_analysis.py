"""What `check` cannot know of expressions is said by Spark's analyzer when a job starts, before anything is read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from solvent.analysis import require_analysed
from solvent.config.project import Project
from solvent.errors import ConfigurationError, FeatureError
from solvent.features import Feature, FeatureGroup
from solvent.features.columns import columns_of
from solvent.scoring.predictions import prediction_columns

MODEL: dict[str, Any] = yaml.safe_load(
    """
project: shop
owner: tests
description: Will this order be returned?
sources:
  orders:
    landing: {format: csv, options: {header: true}}
    schema: "id INT, customer STRING, placed TIMESTAMP, amount DOUBLE, returned INT, `home town` STRING, `größe` INT, `a-b` INT"
    key: [id]
    derive: {cents: amount * 100, halves: cents / 50}
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
evaluation: {metrics: [auc, log_loss], slices: [customer]}
"""
)
ORDERS = "sources.orders"
WRONG = [
    (
        f"{ORDERS}.landing.options.timestampFormat",
        "yyyyMMddHHmmssSSS",
        "20240131223344123, which it does not read again",
    ),
    (f"{ORDERS}.event_time", "customer", "customer is string, and not a time"),
    (f"{ORDERS}.event_time", "amount", "amount is double, and not a time"),
    (f"{ORDERS}.event_time", "NULL", "NULL is void, and not a time"),
    (f"{ORDERS}.available_time", "placed + 1", "[DATATYPE_MISMATCH"),
    (f"{ORDERS}.available_time", "date_format(placed, 'yyyy')", "is string, and not a time"),
    (f"{ORDERS}.expect.amount_is_positive", "amount", "amount is double, and not a condition"),
    (f"{ORDERS}.expect.amount_is_positive", "customer", "customer is string, and not a condition"),
    (f"{ORDERS}.expect.amount_is_positive", "amount > INTERVAL 1 DAY", "[DATATYPE_MISMATCH"),
    (f"{ORDERS}.expect.amount_is_positive", "amount AND true", "[DATATYPE_MISMATCH"),
    (f"{ORDERS}.derive.cents", "substring(customer)", "substring"),
    (f"{ORDERS}.derive.cents", "cast(placed AS INTERVAL)", "cents"),
    (f"{ORDERS}.derive.cents", "amount + map('a', 1)", "[DATATYPE_MISMATCH"),
    (f"{ORDERS}.event_time", "CAST(customer AS TIMESTAMP)", "takes customer for a timestamp by Spark's own reading"),
    (f"{ORDERS}.expect.amount_is_positive", "placed > customer", "takes customer for a timestamp"),
    ("prediction.time", "placed + (placed - customer)", "takes customer for a timestamp"),
    (f"{ORDERS}.derive.halves", "element_at(cents, 1)", "[DATATYPE_MISMATCH"),
    (f"{ORDERS}.derive.halves", "transform(cents, x -> x)", "[DATATYPE_MISMATCH"),
    ("prediction.time", "customer", "customer is string, and not a time"),
    ("prediction.time", "placed - amount", "[DATATYPE_MISMATCH"),
    ("prediction.label.value", "array(returned)", "[DATATYPE_MISMATCH"),
    ("prediction.label.available_time", "returned", "returned is int, and not a time"),
]


def edited(key: str, value: str) -> dict[str, Any]:
    """The model with one key set."""
    model = copy.deepcopy(MODEL)
    *path, last = key.split(".")
    place: Any = model
    for part in path:
        place = place[part]
    place[last] = value
    return model


@pytest.mark.parametrize(("key", "expression", "why"), WRONG)
def test_an_expression_that_spark_cannot_use_is_said_with_its_key(
    key: str, expression: str, why: str, spark: SparkSession
) -> None:
    project = Project.model_validate(edited(key, expression))
    with pytest.raises(ConfigurationError) as caught:
        require_analysed(spark, project, Path("conf/shop/model.yml"))
    line = str(caught.value)
    assert line.startswith(f"conf/shop/model.yml: {key}: "), line
    assert why in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("key", "expression"),
    [
        (f"{ORDERS}.event_time", "date(placed)"),
        (f"{ORDERS}.landing.options.timestampFormat", "dd/MM/yyyy HH:mm[:ss]"),
        (f"{ORDERS}.landing.options.timestampFormat", "yyyyMMddHHmmss.SSS"),
        (f"{ORDERS}.landing.options.timestampFormat", "d MMM yy hh:mm a XXX"),
        (f"{ORDERS}.landing.options.dateFormat", "yyyy-MM"),
        (f"{ORDERS}.derive.cents", "`home town`"),
        (f"{ORDERS}.derive.cents", "`größe` + `a-b`"),
        (f"{ORDERS}.derive.cents", "aggregate(split(customer, ','), 0, (acc, x) -> acc + length(x))"),
        (f"{ORDERS}.expect.amount_is_positive", "amount > 0 OR amount IS NULL"),
        ("prediction.label.value", "`home town`"),
        ("prediction.label.value", "unix_seconds(placed) + returned"),
    ],
)
def test_what_spark_can_use_is_let_through(key: str, expression: str, spark: SparkSession) -> None:
    require_analysed(spark, Project.model_validate(edited(key, expression)), Path("conf/shop/model.yml"))


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("id INT, `home.town` STRING", "'home.town': a name has no dot"),
        ("id INT, `a\nb` STRING", "line break"),
        ("id INT, Event_Time STRING", "Event_Time: names that start with _"),
        ("id INT, customer STRING, Customer STRING", "customer is declared twice"),
    ],
)
def test_a_name_that_spark_takes_for_another_is_refused(schema: str, why: str) -> None:
    with pytest.raises(ValueError, match="schema") as caught:
        Project.model_validate(edited(f"{ORDERS}.schema", schema))
    assert why in str(caught.value)


@pytest.mark.parametrize("name", ["Amount", "home.town", "AVAILABLE_TIME", "a`b", "_x"])
def test_a_derived_column_has_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="derive"):
        Project.model_validate(edited(f"{ORDERS}.derive", {name: "amount"}))


def adding(*names: str) -> FeatureGroup:
    """A feature group with features of these names."""
    return FeatureGroup(
        "shop.features.order", tuple(Feature(name, "int", name) for name in names), {}, None, lambda rows, _: rows
    )


@pytest.mark.parametrize("names", [["probability"], ["Build"], ["home.town"], ["CENTS"], ["a", "A"], [""], ["a`b"]])
def test_a_feature_has_a_name_of_its_own(names: list[str]) -> None:
    with pytest.raises(FeatureError, match="feature"):
        columns_of(Project.model_validate(MODEL), [adding(*names)])


@pytest.mark.parametrize("name", ["build", "Label", "probability", "prediction_time", "features"])
def test_a_key_or_slice_has_no_name_that_a_build_or_a_prediction_has(name: str) -> None:
    model = yaml.safe_load(yaml.safe_dump(MODEL).replace("customer", name))
    with pytest.raises(
        FeatureError, match=f"{name}.* is kept for Solvent|kept for Solvent.*{name}|the name {name} is kept"
    ):
        columns_of(Project.model_validate(model), [adding("a")])


def test_other_letters_and_signs_are_names_as_any() -> None:
    columns_of(Project.model_validate(MODEL), [adding("größe", "a-b", "home town", "select", "1st")])


@pytest.mark.parametrize("name", ["batch", "Model", "features_hash"])
def test_a_key_or_slice_that_a_prediction_has_too_is_refused_by_name(name: str) -> None:
    model = yaml.safe_load(yaml.safe_dump(MODEL).replace("customer", name))
    with pytest.raises(FeatureError, match=name):
        prediction_columns(Project.model_validate(model), [adding("a")])


def test_a_model_of_before_is_made_again_with_the_expressions_it_was_made_with(spark: SparkSession) -> None:
    project = Project.model_validate(edited(f"{ORDERS}.derive.cents", "hour(CAST(customer AS TIMESTAMP))"))
    with pytest.raises(ConfigurationError, match=r"derive.cents: .*write a format"):
        require_analysed(spark, project, Path("conf/shop/model.yml"))
    require_analysed(spark, project, Path("manifest of shop 1"), earlier=True)
