"""What a run does at an alarm: it opens an investigation, and tells the webhook of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from solvent.investigation import Case, Investigation, append_opened, investigate, investigations, may_open, notify
from solvent.jobs.context import Context
from solvent.jobs.trainings import predicted_holdout
from solvent.monitoring import Monitored
from solvent.registry import ModelVersion
from solvent.report import investigation_page, write_page


def open_investigation(context: Context, found: Monitored) -> Investigation | None:
    """Opens an investigation of what deviates, unless one is open or that alarm had its own; what is open now."""
    warehouse, version, environment = context.warehouse, found.version, context.settings.environment
    if not may_open(found, investigations(warehouse, version)):
        return None
    with context.step("open", "causes are looked for") as say:
        dossier = investigate(case_of(context, version, context.as_of), found)
        name = dossier.investigation.id
        path = Path(environment.reports) / version.name / f"investigation_{name}.html"
        write_page(path, investigation_page(dossier, context.project, environment.name, environment.show_rows))
        opened = append_opened(warehouse, replace(dossier.investigation, report=str(path)))
        # Another run has opened one meanwhile, and nothing leads to this page.
        if opened.id != name:
            path.unlink(missing_ok=True)
        say(f"investigation {opened.id}: {opened.first_cause}; {opened.report}")
    return opened


def case_of(context: Context, version: ModelVersion, as_of: date) -> Case:
    """A model as it is looked into at a date."""
    return Case(
        context.warehouse,
        context.project,
        context.settings.groups,
        version,
        context.registry.manifest(version),
        lambda: predicted_holdout(context, version),
        context.pins,
        as_of,
    )


def notify_webhook(context: Context, version: ModelVersion, webhook: str) -> None:
    """Tells the webhook of investigations it has not heard of; what fails is tried again at the next run."""
    for one in notify(context.warehouse, context.project.project, version, webhook):
        became = "delivered" if one.delivered else "not delivered, the next run tries again"
        context.say(f"webhook    investigation {one.id} to {one.host}: {became} ({one.outcome})")
