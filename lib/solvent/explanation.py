"""Why a row got its score: what each feature adds to the score of an average row, as Shapley values.

The score of the row and that of an average row of a background differ; the difference is shared out among players, each a feature or
several that belong together. A player's share is what the score changes by when the player goes from a background row's values to those of
the row, in the mean over all orders in which players may go and over all background rows (Shapley (1953); for models Štrumbelj & Kononenko
(2014), Knowledge and Information Systems 41:647-665). It needs nothing of the model but its predictions, so it holds for any pipeline.

Orders are sampled: for each background row one at random, and the same reversed, which together vary less than two at random (Mitchell et
al. (2022), JMLR 23(43)). All rows on the way are scored in one transform. What follows from the walks:

- *Shares add up*: they sum to score less mean score, whatever is sampled, as every walk begins at a background row and ends at the row.
- *A feature the model does not use gets 0*, and a linear model gives coefficient times (value less mean), both exactly.
- *Errors are stated*: background rows are independent draws, so the spread of a share over them gives its standard error, which covers
  the sampling of both background and orders. With two players both orders are walked, and only the background is sampled.

Shares are in the unit of the score: probability of label 1, or the number predicted. Log odds would make a logistic model additive, but
are infinite for a forest that is sure, and nobody decides by them.

Limits. Values of the row are put among values of other rows, so that models are asked about rows which never occur, such as a storm under
a high pressure; where features go together, make them one player. Shares tell what the model does, and not what would change the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.ml import Transformer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import IntegerType, StructField, StructType

from solvent.config.base import counted
from solvent.errors import EvaluationError
from solvent.estimators.spark_ml import predict
from solvent.tables.digest import SALTS, row_hash

BACKGROUND = 200
# Two independent draws are the fewest that have a spread.
FEWEST = 2
PLACE = "_place"

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]


@dataclass(frozen=True)
class Contribution:
    """What a player adds to the mean score, and the standard error of that, both in the unit of the score."""

    player: str
    value: float
    error: float


@dataclass(frozen=True)
class Explanation:
    """A score as the mean score and what the players add to it: score = mean + the sum of all contributions.

    Attributes:
        score: Of the row.
        mean: Of the background rows.
        mean_error: Standard error of the mean.
        rows: Background rows.
        contributions: From the largest, without regard to sign.
    """

    score: float
    mean: float
    mean_error: float
    rows: int
    contributions: tuple[Contribution, ...]


def sampled(rows: DataFrame, key: Sequence[str], size: int = BACKGROUND) -> DataFrame:
    """The rows with the least hashes of their key: a sample that is the same for any order and partitioning of the rows."""
    return rows.orderBy(row_hash(rows, key, SALTS[1]), *key).limit(size)


def seed_of(row: DataFrame, key: Sequence[str]) -> int:
    """The seed that the key of a row gives."""
    return int(row.select(row_hash(row, key)).collect()[0][0]) % 2**63


def explain(
    model: Transformer,
    kind: str,
    row: DataFrame,
    background: DataFrame,
    players: Mapping[str, Sequence[str]],
    seed: int,
) -> Explanation:
    """Shares the score of a row out among players; see the module for method, sources and limits.

    Args:
        model: A pipeline made by fit.
        kind: Of what it predicts.
        row: The features of one row, and nothing else.
        background: The features of the rows it is compared with, in an order that does not change.
        players: Name -> features; each feature belongs to one player.
        seed: Of the orders.

    Raises:
        EvaluationError: If there is not one row, there are fewer than two background rows, a feature belongs to no player or to
            several, or the model gives no score.
    """
    features = require_parted(row.columns, players)
    found, others = (tuple(map(tuple, frame.select(*features).collect())) for frame in (row, background))
    if len(found) != 1:
        raise EvaluationError(f"{counted(len(found), 'row is', 'rows are')} to be explained; give one")
    if len(others) < FEWEST:
        raise EvaluationError(
            f"the background has {counted(len(others), 'row')}; at least {FEWEST} are needed to know an error"
        )
    player_of = [number for number, of in enumerate(players.values()) for _ in of]
    ranks = walks(len(others), len(players), seed)
    asked = [
        point
        for base, both in zip(others, ranks, strict=True)
        for order in both
        for point in steps(found[0], base, order[player_of])
    ]
    schema = background.select(*features).schema
    scores = scored(background.sparkSession, model, kind, asked, schema)
    return shared_out(tuple(players), scores.reshape(len(others), 2, len(players) + 1), ranks)


def require_parted(columns: Sequence[str], players: Mapping[str, Sequence[str]]) -> list[str]:
    """The features, player by player.

    Raises:
        EvaluationError: If one belongs to no player, to several, or is not there.
    """
    features = [name for of in players.values() for name in of]
    wrong = sorted(set(columns) ^ set(features)) or [name for name in features if features.count(name) > 1]
    if wrong:
        belongs = f"belongs to {features.count(wrong[0])} players" if wrong[0] in columns else "is not in the row"
        raise EvaluationError(f"feature {wrong[0]}: {belongs}; give each feature of the row to one player")
    return features


def walks(rows: int, players: int, seed: int) -> Ranks:
    """For each background row an order of the players and its reverse, as the rank of each player: rows by 2 by players."""
    # The generator is named, as numpy's default may become another one.
    generator = np.random.Generator(np.random.PCG64(seed))
    orders = generator.permuted(np.tile(np.arange(players), (rows, 1)), axis=1)
    return np.stack([orders, players - 1 - orders], axis=1)


def steps(ours: Sequence[Any], base: Sequence[Any], ranks: Ranks) -> Iterator[tuple[Any, ...]]:
    """The rows on the way from a background row to ours: at each step the features of the next rank have gone over.

    Args:
        ours: Values of the row.
        base: Values of the background row.
        ranks: The rank of the player of each feature.
    """
    for step in range(int(ranks.max()) + 2):
        yield tuple(mine if rank < step else other for mine, other, rank in zip(ours, base, ranks, strict=True))


def scored(
    spark: SparkSession, model: Transformer, kind: str, points: Sequence[tuple[Any, ...]], schema: StructType
) -> Floats:
    """The scores of rows, in their order.

    Raises:
        EvaluationError: If one has no finite score.
    """
    wide = StructType([StructField(PLACE, IntegerType()), *(StructField(one.name, one.dataType) for one in schema)])
    frame = spark.createDataFrame([(place, *point) for place, point in enumerate(points)], wide, verifySchema=False)
    found = {row[PLACE]: row["prediction"] for row in predict(model, frame, kind, [PLACE]).collect()}
    values = np.array([np.nan if found.get(place) is None else found[place] for place in range(len(points))])
    if not np.isfinite(values).all():
        lacking = int((~np.isfinite(values)).sum())
        raise EvaluationError(f"the model gives no score for {lacking} of {len(points)} rows made of both; use another")
    return values


def shared_out(players: Sequence[str], scores: Floats, ranks: Ranks) -> Explanation:
    """Contributions from the scores along walks.

    Args:
        players: Their names.
        scores: Background rows by 2 walks by steps.
        ranks: Background rows by 2 walks by players.
    """
    rows = len(scores)
    added = np.take_along_axis(np.diff(scores, axis=2), ranks, axis=2).mean(axis=1)
    errors = added.std(axis=0, ddof=1) / np.sqrt(rows)
    means = scores[:, 0, 0]
    found = [Contribution(*one) for one in zip(players, added.mean(axis=0).tolist(), errors.tolist(), strict=True)]
    return Explanation(
        score=float(scores[0, 0, -1]),
        mean=float(means.mean()),
        mean_error=float(means.std(ddof=1) / np.sqrt(rows)),
        rows=rows,
        contributions=tuple(sorted(found, key=lambda one: (-abs(one.value), one.player))),
    )
