"""The page of an investigation: one HTML file that needs nothing else."""

from __future__ import annotations

from solvent.config.project import Project
from solvent.investigation import Dossier
from solvent.investigation.wording import place
from solvent.kinds.slices import ALL
from solvent.plots.wording import words
from solvent.report.rendering import render

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
    # Imported here, as it takes half a second that only who draws needs.
    from solvent.plots.alarm import deviation
    from solvent.plots.inline import inline_svg

    one, headline, expected = dossier.investigation, dossier.headline, dossier.headline.expected
    stream = headline.stream
    what = words(stream.metric)
    title = f"{what} by {project.monitoring.window}"
    return render(
        "investigation.html.j2",
        one=one,
        project=project,
        dossier=dossier,
        show_rows=show_rows,
        analysis=dossier.look.analysis,
        headline=headline,
        stream=what if stream.slice == ALL else f"{what} of {stream.rows}",
        picture=inline_svg(deviation(title, dossier.series, (expected.mean, expected.low, expected.high), one)),
        kinds=KINDS,
        place=lambda part: place(part, dossier.look.references),
        options=project.options(environment),
    )
