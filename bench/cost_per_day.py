"""What one more day costs, scored and monitored, after 30 days of a model's life and after 147: whether cost grows with history.

The flights of 2013 are played with a model that is never retrained, in steps of so many days (given as argument, 7 if none is) up to either
age, then day by day: three days are measured, the median counts. All in one session, warm.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from flights.staging import stage
from solvent.config.monitoring import Retrain
from solvent.replay import replay
from solvent.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
START, AGES, DAYS = date(2013, 8, 2), (30, 147), 3


def measured(age: int) -> list[int]:
    """An age, and the days after it that are measured."""
    return [age + n for n in range(DAYS + 1)]


def main(every: int) -> None:
    """Plays, measures, and prints the ratio."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        settings = load_settings("flights", "local", ROOT).within(Path(scratch))
        never = settings.project.model_copy(update={"retrain": Retrain()})
        settings = replace(settings, project=never)

        def arrive(as_of: date) -> None:
            stage(settings.environment.landing, date(2013, 1, 1), as_of - timedelta(days=2))

        ages = [*range(0, AGES[0], every), *measured(AGES[0])]
        ages += [*range(ages[-1] + every, AGES[1], every), *measured(AGES[1])]
        steps = replay(settings, "local", arrive, [START + timedelta(days=n) for n in ages], print, compare=False)
    seconds = {(one.as_of - START).days: one.score_seconds + one.monitor_seconds for one in steps}
    medians = [statistics.median(seconds[n] for n in measured(age)[1:]) for age in AGES]
    sys.stdout.write(
        f"score and monitor of one more day\n"
        f"  after {AGES[0]:3d} days {medians[0]:6.1f} s\n"
        f"  after {AGES[1]:3d} days {medians[1]:6.1f} s\n"
        f"  ratio          {medians[1] / medians[0]:6.2f} x (goal: at most 1.1)\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
