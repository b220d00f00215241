"""The page of an investigation: one HTML file that needs nothing else."""

from __future__ import annotations

from solvent.config.project import Project
from solvent.investigation import Dossier
from solvent.investigation.wording import place
from solvent.kinds.slices import ALL
from solvent.report.page import style, templates_of_pages, words
from solvent.report.timeline import timeline

KINDS = {
    "source": "Input",
    "slice": "Slice",
    "mean_label": "Mean label",
    "relation": "Inputs and labels",
    "volume": "Rows",
}


def investigation_page(dossier: Dossier, project: Project, environment: str, show_rows: bool) -> str:
    """The page as HTML; the same dossier gives the same text.

    Args:
        dossier: What was found.
        project: Whose model it is.
        environment: Its name, for the commands on the page.
        show_rows: Whether rows are shown as they are.
    """
    one, headline = dossier.investigation, dossier.headline
    stream = headline.stream
    what = words(stream.metric)
    templates = templates_of_pages()
    return templates.get_template("investigation.html.j2").render(
        one=one,
        project=project,
        dossier=dossier,
        show_rows=show_rows,
        analysis=dossier.analysis,
        headline=headline,
        stream=what if stream.slice == ALL else f"{what} of {stream.rows}",
        picture=timeline(
            f"{what} by {project.monitoring.window}",
            *(dossier.series, headline.expected, one.change_low, one.change_high, one.alarm),
        ),
        kinds=KINDS,
        place=lambda part: place(part, dossier.references),
        options=f"--project {project.project}" + ("" if environment == "local" else f" --environment {environment}"),
        style=style(templates),
    )
