"""One-pass evaluation against pyspark.ml's evaluators: 8 metrics on all rows and on 20 slices of the same cached rows.

Both run once before they are measured, so that what is compared is the work and not the compilation of its code; the seconds of that first
run of the one pass are printed too. Prints seconds and their ratio, and the largest difference of the values that both define alike. The
evaluators give no intervals, and no curves; the one pass gives both.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pyspark.ml.evaluation import (
    BinaryClassificationEvaluator,
    MulticlassClassificationEvaluator,
    RegressionEvaluator,
)
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.config.environment import load_environment
from solvent.config.measures import Measures
from solvent.evaluation import Evaluation, evaluate
from solvent.session import session

ROOT = Path(__file__).resolve().parent.parent
ROWS, SLICES = 200_000, 20
METRICS = ("auc", "average_precision", "log_loss", "brier", "accuracy", "precision", "recall", "f1")
# Spark's area under the precision-recall curve interpolates, and so is another quantity than average precision.
COMPARABLE = tuple(name for name in METRICS if name != "average_precision")


def scored_rows(spark: SparkSession) -> DataFrame:
    """Rows with a score that is right about as often as that of a usual model, in the forms that both need."""
    noise = F.randn(1)
    rows = spark.range(ROWS).select(
        "id",
        F.concat(F.lit("slice "), F.col("id") % SLICES).alias("slice"),
        F.round(F.lit(1.0) / (F.lit(1.0) + F.exp(F.lit(1.3) - noise)), 6).alias("prediction"),
    )
    labelled = rows.withColumn("label", (F.rand(2) < F.col("prediction")).cast("double"))
    pair = F.array(F.lit(1.0) - F.col("prediction"), F.col("prediction"))
    chosen = (F.col("prediction") >= 0.5).cast("double")
    return labelled.select("*", array_to_vector(pair).alias("probability"), chosen.alias("chosen"))


def one_pass(rows: DataFrame) -> Evaluation:
    """All metrics and slices."""
    return evaluate(rows, "binary", Measures(metrics=METRICS, slices=("slice",)), ["id"])


def evaluators(rows: DataFrame) -> dict[str, float]:
    """The same metrics of one set of rows, one job or more for each."""
    # No bins: the default of 1,000 is off by about 1e-5.
    ranked = BinaryClassificationEvaluator(rawPredictionCol="probability", numBins=0)
    chosen = MulticlassClassificationEvaluator(predictionCol="chosen", metricLabel=1.0)
    return {
        "auc": ranked.setMetricName("areaUnderROC").evaluate(rows),
        "average_precision": ranked.setMetricName("areaUnderPR").evaluate(rows),
        "log_loss": chosen.setMetricName("logLoss").evaluate(rows),
        "brier": RegressionEvaluator(metricName="mse").evaluate(rows),
        "accuracy": chosen.setMetricName("accuracy").evaluate(rows),
        "precision": chosen.setMetricName("precisionByLabel").evaluate(rows),
        "recall": chosen.setMetricName("recallByLabel").evaluate(rows),
        "f1": chosen.setMetricName("fMeasureByLabel").evaluate(rows),
    }


def main() -> None:
    """Measures both, each after a first run."""
    spark = session(load_environment("local", ROOT))
    rows = scored_rows(spark).repartition(4).persist()
    rows.count()
    started = time.monotonic()
    one_pass(rows)
    first = time.monotonic() - started
    evaluators(rows)
    started = time.monotonic()
    found = one_pass(rows)
    ours = time.monotonic() - started
    started = time.monotonic()
    theirs = {("all", "all"): evaluators(rows)}
    for number in range(SLICES):
        value = f"slice {number}"
        theirs["slice", value] = evaluators(rows.where(F.col("slice") == value))
    plain = time.monotonic() - started
    worst = max(
        abs(values[name] - float(found.measurement(name, *where).value or 0.0))
        for where, values in theirs.items()
        for name in COMPARABLE
    )
    sys.stdout.write(
        f"{ROWS:,} rows, {len(METRICS)} metrics, all rows and {SLICES} slices\n"
        f"  one pass              {ours:8.1f} s, with intervals and curves ({first:.1f} s when it first ran)\n"
        f"  pyspark.ml evaluators {plain:8.1f} s\n"
        f"  ratio                 {plain / ours:8.1f} x (goal: at least 10)\n"
        f"  largest difference    {worst:8.1e} over {', '.join(COMPARABLE)}\n"
    )


if __name__ == "__main__":
    main()
