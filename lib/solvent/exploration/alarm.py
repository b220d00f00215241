"""An alarm, looked into again: what deviates by day, what carries it, how inputs moved, and rows to look at."""

from __future__ import annotations

import pandas as pd

from solvent.config.base import midnight
from solvent.exploration.inputs import moved_inputs
from solvent.exploration.streams import deviating_streams, first_judged
from solvent.investigation import Investigation
from solvent.investigation.alarm import Alarm
from solvent.investigation.look import look
from solvent.investigation.span import around
from solvent.investigation.wording import place
from solvent.jobs.alarms import case_of
from solvent.jobs.context import Context


def look_into(context: Context, one: Investigation) -> Alarm:
    """Reads what deviates, and builds the rows around the change again, as the model was given them."""
    version = context.registry.find(one.model, str(one.model_version))
    # The windows that were judged when it was opened end where labels were still to come.
    settings = context.project.monitoring
    end = settings.window_of(midnight(one.as_of) - context.project.windows.maturity)
    life = settings.windows(settings.window_of(midnight(first_judged(context, version, one))), end)
    streams = deviating_streams(context, version, one, life)
    case = case_of(context, version, one.as_of)
    looked = look(case, streams[0].stream, around(one.change, one.alarm + settings.length, end))
    return Alarm(one, version, streams, looked, moved_inputs(context, version, looked, one.change, end))


def places_table(alarm: Alarm) -> pd.DataFrame:
    """Where the change is more than elsewhere: where, share of the change, and of rows, labels and predictions before and since."""
    return pd.DataFrame(
        {
            "where": place(part, alarm.look.references),
            "of_change": f"{part.carried:.0%}",
            "rows": f"{part.before.share:.0%} → {part.after.share:.0%}",
            "labels": f"{figure(part.before.label)} → {figure(part.after.label)}",
            "predictions": f"{figure(part.before.prediction)} → {figure(part.after.prediction)}",
        }
        for part in alarm.look.analysis.regions
    )


def figure(value: float | None) -> str:
    """A mean, if there is one."""
    return "none" if value is None else f"{value:.3f}"


def examples_table(alarm: Alarm) -> pd.DataFrame:
    """The rows since the change with the largest loss where it is strongest; their keys are what row.find_row takes."""
    return pd.DataFrame(alarm.look.examples.rows, columns=list(alarm.look.examples.columns))
