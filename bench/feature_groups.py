"""What each feature group brings: the model of conf/flights trained on some groups only, measured on the holdout of July 2013.

Reads the features as `make run` leaves them (they are built if they are not there). Prints AUC with its DeLong interval, and what it has
more than the schedule alone. As-of 2013-08-02, so that training rows are those of 180 days before July.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

from solvent.estimators.spark_ml import Inputs, fit
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.context import Context
from solvent.jobs.trainings import training_on
from solvent.settings import load_settings
from solvent.training import Training, score_holdout

ROOT = Path(__file__).resolve().parent.parent
SCHEDULE, WEATHER, PLANE, DELAYS = "schedule", "weather_at_origin", "plane", "recent_delays"
SETS = (
    (SCHEDULE,),
    (SCHEDULE, WEATHER),
    (SCHEDULE, PLANE),
    (SCHEDULE, DELAYS),
    (SCHEDULE, WEATHER, PLANE, DELAYS),
)


def limited(training: Training, run: Context, groups: tuple[str, ...]) -> Training:
    """The training with the features of some groups only."""
    types = {
        feature.name: feature.type
        for group in run.settings.groups
        if group.name.rsplit(".", 1)[1] in groups
        for feature in group.features
    }
    return replace(training, inputs=Inputs.of(types), types=types)


def main() -> None:
    """Trains and measures each set."""
    run = Context(load_settings("flights", "local", ROOT), date(2013, 8, 2), lambda text: print(text, file=sys.stderr))
    training = training_on(run, run.project.project, run.project.model, build_feature_table(run))
    base = None
    for groups in SETS:
        chosen = limited(training, run, groups)
        model = fit(chosen.train_rows, chosen.estimator, chosen.inputs, run.project.predicted.key)
        auc = score_holdout(chosen, model).evaluation.measurement("auc")
        base = base if base is not None else auc.value
        more = "" if len(groups) == 1 else f"  {auc.value - base:+.4f}"
        limits = f"[{auc.low:.4f}, {auc.high:.4f}] {auc.method}"
        sys.stdout.write(f"{' + '.join(groups):<55} AUC {auc.value:.4f} {limits}{more}\n")


if __name__ == "__main__":
    main()
