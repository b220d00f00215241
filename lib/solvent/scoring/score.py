"""Scoring: predictions of a registered model for the rows of an interval, appended once, with what they were made from.

Features come from the functions and sources that training uses. A batch is one model on one interval with one set of pins; what it
finds scored by the same model before, it leaves, so that an interval may be scored again when late facts have come, and every row has
one prediction of a model, also where runs come at the same time (solvent.scoring.batches). Predictions of another model are added beside,
and replace nothing.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import functions as F

from solvent.estimators.spark_ml import predict
from solvent.registry import ModelVersion
from solvent.scoring.batches import (
    BATCHES,
    Claim,
    Interval,
    ScoreBatch,
    append_batch,
    batch_name,
    claimed,
    find_batch,
    has_predictions,
)
from solvent.scoring.predictions import (
    MODEL_COLUMNS,
    of_model,
    prediction_columns,
    predictions_table,
    scorable,
    scored_by,
)
from solvent.scoring.profile import describe
from solvent.scoring.rows import rows_read_once
from solvent.scoring.scoring import Scoring
from solvent.session import kept
from solvent.tables import contents_of, declarations, row_hash
from solvent.training import require_inputs


def score(scoring: Scoring, version: ModelVersion, interval: Interval) -> tuple[ScoreBatch, bool]:
    """Scores the rows of an interval, unless it was done.

    Args:
        scoring: Where and how.
        version: The model.
        interval: Which rows, and the sources to build their features from.

    Returns:
        The batch, and whether it was made now.

    Raises:
        EvaluationError: If the model needs a feature that the groups do not give.
        IntegrityError: If the model's files are not what was registered.
    """
    warehouse, registry, project, groups = scoring.warehouse, scoring.registry, scoring.project, scoring.groups
    name = batch_name(version, interval)
    if (there := find_batch(warehouse, name)) is not None:
        return there, False
    require_inputs(version, registry.manifest(version), scoring.features)
    table = predictions_table(project, groups)
    warehouse.create(table, prediction_columns(project, groups))
    mine, waiting = claimed(warehouse, version, interval, table)
    for one in waiting:
        if one.overlaps(mine) or has_predictions(warehouse, one):
            # It may be that of another version with the same digest.
            whose = registry.find(one.model, str(one.model_version))
            complete(scoring, whose, one)
    (made,) = BATCHES.rows(warehouse, batch=name)
    return made, True


def complete(scoring: Scoring, version: ModelVersion, claim: Claim) -> None:
    """Scores the rows of a claim that have no prediction of its model yet, whatever part of that was done before."""
    started = time.monotonic()
    warehouse, project, groups = scoring.warehouse, scoring.project, scoring.groups
    name, interval, table = claim.batch, claim.interval, claim.table
    manifest, columns = scoring.registry.manifest(version), prediction_columns(project, groups)
    predicted = partial(predict, scoring.load(version), kind=project.model.kind)
    key, features = list(project.predicted.key), scoring.features
    carried = dict.fromkeys([*(column.name for column in columns if column not in MODEL_COLUMNS), *features])
    sound, new = scorable(project), F.col("_before").isNull()
    with ExitStack() as within:
        since, until = interval.since, interval.until
        built = within.enter_context(rows_read_once(warehouse, project, groups, interval.pins, since, until))
        rows = predicted(built, carried=[*carried])
        rows = rows.withColumn("features_hash", row_hash(rows, features))
        before = warehouse.read(table).where(scored_by(version, since, until) & (F.col("batch") != name))
        rows = rows.join(before.select(*key, F.lit(True).alias("_before")), key, "left")
        scored = within.enter_context(kept(rows))
        content, (already, unscored) = contents_of(
            scored, [*key, *features], F.count_if(~new), F.count_if(new & ~sound), among=new & sound
        )
        digest = content.digest(declarations(scored, [*key, *features]))
        made = scored.where(new & sound)
        warehouse.append(table, of_model(made, version, name).select(*(column.name for column in columns)), name)
        describe(warehouse, groups, version, manifest, predicted, made, name)
    found = ScoreBatch(
        **{"batch": name, "sequence": claim.sequence, **vars(version.key), "manifest_digest": manifest.digest},
        since=since, until=until, pins=interval.pins, code=scoring.code, features_digest=digest,
        table=table, version=warehouse.brought(table, name).version, rows=content.rows,
        scored_before=int(str(already)), unscored=int(str(unscored)), seconds=time.monotonic() - started,
        scored_at=datetime.now(UTC),
    )  # fmt: skip
    append_batch(warehouse, found)
