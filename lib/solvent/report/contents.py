"""What the page of a version tells, put together from its review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solvent.config.project import Project
from solvent.evaluation import Evaluation
from solvent.features import Feature
from solvent.identity import Manifest
from solvent.importance import Importances
from solvent.kinds.paired import Lead
from solvent.release import SHARED, Decision, GateResult, Review
from solvent.report.model import BASELINE, CHALLENGER, CHAMPION, ModelPage
from solvent.training import in_words


def page_of_review(
    project: Project,
    review: Review,
    manifest: Manifest,
    gates: Sequence[GateResult],
    decision: Decision | None,
    leads: Mapping[str, Mapping[str, Lead]],
    importances: Importances,
    features: Sequence[Feature],
    environment: str,
) -> ModelPage:
    """What the page of a version tells.

    Args:
        project: Whose it is.
        review: The version and what it is compared with.
        manifest: What it was made from.
        gates: What each gate said.
        decision: The decision on it, None if there was none.
        leads: Rival -> metric -> how far it is ahead.
        importances: What it makes of its features.
        features: Their declarations.
        environment: As the user named it, for the command on the page.
    """
    version = review.version
    evaluations, names, absent = columns_of(review)
    return ModelPage(
        description=project.description,
        owner=project.owner,
        model=version.name,
        version=version.version,
        kind=review.training.estimator.kind,
        manifest=manifest,
        evaluations=evaluations,
        names=names,
        rows=in_words(review.training),
        leads=leads,
        importances=importances,
        absent=absent,
        metrics=project.evaluation.metrics,
        threshold=project.evaluation.threshold,
        confidence=project.evaluation.confidence,
        gates=gates,
        decision=decision,
        features=features,
        reproduce=f"solvent reproduce {project.options(environment)} --model {version.version}",
    )


def columns_of(review: Review) -> tuple[dict[str, Evaluation], dict[str, str], str]:
    """The evaluations of a review by role, how each role is called, and why there is no champion beside it, or on fewer days."""
    version, compared = review.version, review.compared
    evaluations = {CHALLENGER: compared.challenger, BASELINE: compared.baseline}
    names = {CHALLENGER: f"this model (version {version.version})", BASELINE: "baseline"}
    if not isinstance(compared.champion, Evaluation) or review.champion is None:
        absent = compared.champion if isinstance(compared.champion, str) else "There was no champion to compare with."
        return evaluations, names, absent
    evaluations[CHAMPION] = compared.champion
    names = {CHALLENGER: names[CHALLENGER], CHAMPION: f"champion (version {review.champion.version})", **names}
    if compared.shared is None:
        return evaluations, names, ""
    evaluations[SHARED] = compared.shared.evaluation
    names[CHAMPION] += f", {compared.shared.rows} only"
    names[SHARED] = f"this model, {compared.shared.rows} only"
    fewer = (
        "The champion has learned from rows of the days before, so that both are measured on the days after them, too."
    )
    return evaluations, names, fewer
