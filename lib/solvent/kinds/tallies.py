"""The terms of sums over the scores of a binary model, for all slice values in one pass and in any order of rows.

Area under the ROC curve and average precision need the scores in order. No task sorts a whole slice: rows are spread by bucket of the
score, each bucket is sorted within each slice value, and what lies in other buckets enters as a count from a small table. The
chain:

    narrow_rows     label, score and slice values, spread by bucket: the only exchange of rows, each moved once
    bucket_totals   rows of either class per slice value and bucket
    bucket_prefixes and in the buckets below
    score_tallies   rows of either class per slice value and distinct score
    ranked          how many of either class are below and above each distinct score
    losses          what a row of either class adds to the sums, per distinct score

`bucket_prefixes` and `ranked` both start at narrow_rows. Spark plans its exchange once and reuses it, so the scored input is
computed once; for that both must read every column of it (column pruning would make two different exchanges), which
bucket_totals does by counting the invalid rows. Cached input is exchanged twice, each time from the cache. The prefixes are
broadcast: one row per slice value and non-empty bucket.

For sums by day each step carries the day along: a score of a slice value is then one row for each day it was given on, all with the
ranks that the score has in the whole slice value.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from solvent.kinds.slices import ALL, by_membership, slice_values

BINS = 20
# Buckets are steps of log-odds within each bin, so that scores crowded near 0 or 1 spread over as many buckets as others do.
STEPS_PER_LOG_ODD = 64
BUCKETS_PER_BIN = 8192
SMALLEST_ODDS = 2.0**-53
# scikit-learn's log_loss clips to the machine epsilon of the predictions' type.
LOG_LOSS_EPSILON = 2.0**-52
LARGEST_LOG_ODD = 37.0
DAY = "day"


def bucket(score: Column) -> Column:
    """A number that never falls as the score rises; its bin is the number divided by BUCKETS_PER_BIN. Never null."""
    bounded = F.greatest(F.lit(SMALLEST_ODDS), F.least(score, F.lit(1.0 - SMALLEST_ODDS)))
    log_odd = F.log(bounded / (F.lit(1.0) - bounded))
    step = F.floor((log_odd + F.lit(LARGEST_LOG_ODD)) * F.lit(float(STEPS_PER_LOG_ODD)))
    equal_width = F.least(F.floor(score * F.lit(float(BINS))), F.lit(BINS - 1))
    return F.coalesce(F.when(valid_score(score), equal_width * F.lit(BUCKETS_PER_BIN) + step), F.lit(0)).cast("int")


def valid_score(score: Column) -> Column:
    """Whether a score is a probability; null, NaN and infinities are not."""
    return F.coalesce((score >= F.lit(0.0)) & (score <= F.lit(1.0)), F.lit(False))


def valid_label(label: Column) -> Column:
    """Whether a label is 0 or 1."""
    return F.coalesce(label.isin(0.0, 1.0), F.lit(False))


def count(condition: Column) -> Column:
    """Aggregate: the rows for which a condition that is never null holds."""
    return F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0)).cast("bigint"))


def day_of(time: str) -> Column:
    """The UTC date of a time, as days since 1970."""
    return F.unix_date(F.to_date(F.col(time)))


def narrow_rows(scored: DataFrame, slices: Sequence[str], *more: Column) -> DataFrame:
    """Label, score, bucket, slice values and what else is asked for, all rows of a bucket in one partition."""
    return (
        scored.select(
            F.col("label").cast("double").alias("label"),
            F.col("prediction").cast("double").alias("score"),
            *slice_values(slices),
            *more,
        )
        .withColumn("bucket", bucket(F.col("score")))
        .repartition("bucket")
    )


def bucket_totals(members: DataFrame, *more: str) -> DataFrame:
    """Rows of either class, and rows that may not be evaluated or lack one of the columns carried along, per slice value and bucket."""
    return members.groupBy("slice", "slice_value", "bucket").agg(
        count(F.coalesce(F.col("label") == F.lit(1.0), F.lit(False))).alias("bucket_positives"),
        count(~F.coalesce(F.col("label") == F.lit(1.0), F.lit(False))).alias("bucket_negatives"),
        count(~valid_score(F.col("score"))).alias("invalid_scores"),
        count(~valid_label(F.col("label"))).alias("invalid_labels"),
        *(count(F.col(name).isNull()).alias(f"without_{name}") for name in more),
    )


def bucket_prefixes(totals: DataFrame, *more: str) -> DataFrame:
    """Per slice value and bucket: rows of either class in lower buckets, and in the whole slice value."""
    whole = Window.partitionBy("slice", "slice_value")
    below = whole.orderBy("bucket").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return totals.select(
        "slice",
        "slice_value",
        "bucket",
        (F.sum("bucket_positives").over(below) - F.col("bucket_positives")).alias("lower_positives"),
        (F.sum("bucket_negatives").over(below) - F.col("bucket_negatives")).alias("lower_negatives"),
        F.sum("bucket_positives").over(whole).alias("all_positives"),
        F.sum("bucket_negatives").over(whole).alias("all_negatives"),
        "invalid_scores",
        "invalid_labels",
        *(f"without_{name}" for name in more),
    )


def score_tallies(members: DataFrame, *more: str) -> DataFrame:
    """Rows of either class per slice value, distinct score and columns carried along; invalid scores, refused later, count as 0."""
    return (
        members.withColumn("score", F.when(valid_score(F.col("score")), F.col("score")).otherwise(F.lit(0.0)))
        .groupBy("slice", "slice_value", "bucket", "score", *more)
        .agg(
            count(F.coalesce(F.col("label") == F.lit(1.0), F.lit(False))).alias("positives"),
            count(~F.coalesce(F.col("label") == F.lit(1.0), F.lit(False))).alias("negatives"),
        )
    )


def ranked(tallies: DataFrame, prefixes: DataFrame, *more: str) -> DataFrame:
    """Each tally with the rows of either class that tie with it, the negatives below and the positives above it in its slice value."""
    of_bucket = Window.partitionBy("slice", "slice_value", "bucket")
    by_score = of_bucket.orderBy("score")
    # Without further columns a score is one row, which ties with no other.
    frame = by_score.rangeBetween if more else by_score.rowsBetween
    upto = frame(Window.unboundedPreceding, Window.currentRow)
    tied = Window.partitionBy("slice", "slice_value", "bucket", "score")
    classes = ("positives", "negatives")
    in_bucket = tallies.withColumns(
        {f"tied_{name}": F.sum(name).over(tied) if more else F.col(name) for name in classes}
    ).withColumns({f"upto_{name}": F.sum(name).over(upto) for name in classes})
    placed = in_bucket.join(F.broadcast(prefixes), ["slice", "slice_value", "bucket"])
    lower_positives = F.col("lower_positives") + F.col("upto_positives")
    lower_negatives = F.col("lower_negatives") + F.col("upto_negatives")
    return placed.withColumn("negatives_below", lower_negatives - F.col("tied_negatives")).withColumn(
        "positives_above", F.col("all_positives") - lower_positives
    )


def log_loss_of(probability: Column) -> Column:
    """The loss of one row from the probability of its label, clipped as scikit-learn does."""
    clipped = F.greatest(F.lit(LOG_LOSS_EPSILON), F.least(probability, F.lit(1.0 - LOG_LOSS_EPSILON)))
    return -F.log(clipped)


def losses(ranked_scores: DataFrame) -> DataFrame:
    """The terms of the sums, per tally: what one positive and what one negative of it adds."""
    score, miss = F.col("score"), F.lit(1.0) - F.col("score")
    tied_positives, tied_negatives = F.col("tied_positives"), F.col("tied_negatives")
    selected_positives = F.col("positives_above") + tied_positives
    selected = selected_positives + F.col("all_negatives") - F.col("negatives_below")
    half = F.lit(0.5)
    return ranked_scores.select(
        "*",
        log_loss_of(score).alias("positive_loss"),
        log_loss_of(miss).alias("negative_loss"),
        (miss * miss).alias("positive_square"),
        (score * score).alias("negative_square"),
        # DeLong's placement values; a class without rows has none and its sum is not used.
        (
            (F.col("negatives_below") + half * tied_negatives)
            / F.greatest(F.col("all_negatives"), F.lit(1).cast("bigint"))
        ).alias("positive_placement"),
        (
            (F.col("positives_above") + half * tied_positives)
            / F.greatest(F.col("all_positives"), F.lit(1).cast("bigint"))
        ).alias("negative_placement"),
        (selected_positives / selected).alias("precision_here"),
    )


def cell_of() -> Column:
    """The cell of a tally: the bucket for "all", whose curves need it, and the bin for slices."""
    bin_start = F.floor(F.col("bucket") / F.lit(BUCKETS_PER_BIN)).cast("int") * F.lit(BUCKETS_PER_BIN)
    return F.when(F.col("slice") == F.lit(ALL), F.col("bucket")).otherwise(bin_start).alias("cell")


def terms_of(scored: DataFrame, slices: Sequence[str], *more: Column) -> DataFrame:
    """The tallies of scored rows with what they add to the sums, by day where that is asked for.

    Args:
        scored: label 0/1, prediction a probability, and the slice columns.
        slices: Names of the slice columns.
        more: The day, with its name.
    """
    members = by_membership(narrow_rows(scored, slices, *more), slices)
    names = [DAY] if more else []
    prefixes = bucket_prefixes(bucket_totals(members, *names), *names)
    return losses(ranked(score_tallies(members, *names), prefixes, *names))
