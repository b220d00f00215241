"""The jobs of a project, each on the results of those before it, in one Spark session.

What a step needs and is not there is made first; what is there is taken as it is. So every job can be run alone, again, or after one that
was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.analysis import require_analysed
from solvent.config.base import counted, digest_of
from solvent.config.estimator import Estimator
from solvent.config.project import Project
from solvent.config.windows import Intervals
from solvent.errors import EvaluationError, RefusedError, RegistryError
from solvent.estimators.spark_ml import Inputs, predict
from solvent.evaluation import ALL, DaySums, Evaluation, Lead, lead
from solvent.evaluation.metrics import DESCRIPTIVE, UNPAIRED
from solvent.evaluation.table import find_days
from solvent.failure import noting
from solvent.features.table import (
    FeatureBuild,
    build_features,
    declared,
    feature_code,
    predicted_within,
    read_build,
)
from solvent.identity import (
    Commit,
    code_digest,
    commit_of,
    environment_facts,
    function_digests,
    java_of,
    lock_remark,
    packages_of,
    parse_manifest,
    unpushed,
)
from solvent.importance import importances
from solvent.investigation import (
    RESOLVED,
    Investigation,
    append_opened,
    investigate,
    investigations,
    judged_from,
    may_open,
    notify,
    resolve,
)
from solvent.monitoring import Monitored, append_model_health, monitor, reference_measured
from solvent.progress import Progress
from solvent.promises import broken_promises
from solvent.registry import CHALLENGER, CHAMPION, ModelVersion, Registry
from solvent.release import (
    SHARED,
    Compared,
    Decision,
    GateResult,
    Shared,
    apply_gates,
    champion_of,
    decisions,
    find_version,
    looks_of,
    release,
)
from solvent.report import ModelPage, investigation_page, model_page
from solvent.retraining import Retraining, announce, record, standing_of, triggers, unrecorded
from solvent.scoring import Interval, ScoreBatch, batches, described_of, predictions_table, score, scored_by, skew_of
from solvent.session import session
from solvent.settings import Settings
from solvent.sources.ingest import Batch, ingest
from solvent.sources.pins import Pin, source_pins
from solvent.tables.warehouse import Warehouse
from solvent.training import (
    MANIFESTS,
    MEASURED_BY,
    Training,
    estimator_of,
    evaluation_of,
    in_words,
    learned_by,
    manifest_in_both,
    train,
    unseen,
    written,
)

BASELINE = "baseline"


class Run:
    """One run of jobs: the session, the tables, the models, and what was resolved once."""

    def __init__(
        self,
        settings: Settings,
        as_of: date,
        say: Callable[[str], None],
        force: bool = False,
        pins: tuple[Pin, ...] | None = None,
    ) -> None:
        """Nothing is started before it is needed.

        Args:
            settings: What and where.
            as_of: The date that windows are relative to.
            say: Told of progress, line by line.
            force: Do again what is there.
            pins: The versions of the sources to read; their last ones if none are given.
        """
        self.settings, self.as_of, self.force, self.given_pins = settings, as_of, force, pins
        self.say = Progress(say)
        self.models: dict[str, PipelineModel] = {}
        self.days: dict[tuple[object, ...], DaySums] = {}
        self.project = settings.project

    @cached_property
    def spark(self) -> SparkSession:
        """The session."""
        if SparkSession.getActiveSession() is not None:
            spark = session(self.settings.environment)
        else:
            with self.step("session", "Spark starts") as say:
                spark = session(self.settings.environment)
                say(f"Spark {spark.version}")
        self.say.spark = spark
        root, name = self.settings.root, self.project.project
        require_analysed(spark, self.project, root / "conf" / name / "model.yml")
        return spark

    @cached_property
    def warehouse(self) -> Warehouse:
        """The project's tables."""
        spark = self.spark
        return replace(self.settings.warehouse, session=lambda: spark)

    @cached_property
    def registry(self) -> Registry:
        """The project's models."""
        return self.settings.registry

    def find(self, which: str) -> ModelVersion:
        """A version of the project's model by its number or by an alias.

        Raises:
            RegistryError: If there is none, naming those there are.
        """
        return find_version(self.warehouse, self.registry, self.project.project, which)

    def champion(self) -> ModelVersion | None:
        """The champion of the project that was decided on, if there is one."""
        return champion_of(self.warehouse, self.registry, self.project.project)

    @cached_property
    def code(self) -> str:
        """Digest of the code that is imported."""
        return code_digest(*packages_of(self.project.project, self.shaping))

    @cached_property
    def shaping(self) -> dict[str, str]:
        """Digests of the functions that shape features, by import path."""
        return feature_code(self.settings.groups)

    @cached_property
    def functions(self) -> dict[str, str]:
        """Digests of the functions that shape features and models, by import path."""
        estimators = (self.project.model, self.project.baseline)
        learning = dict.fromkeys(name for one in estimators for name in learned_by(one))
        return {**self.shaping, **function_digests(list(learning))}

    @cached_property
    def measuring(self) -> str:
        """Digest of the functions that measure models."""
        return digest_of(function_digests(MEASURED_BY))

    @cached_property
    def commit(self) -> Commit:
        """Where the code comes from."""
        return commit_of(self.settings.root)

    @cached_property
    def facts(self) -> dict[str, str]:
        """The environment, as manifests tell it."""
        return environment_facts(java_of(self.spark), self.settings.root)

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """The versions of the sources that everything in this run reads."""
        return self.given_pins or source_pins(self.warehouse, self.project)

    @contextmanager
    def step(self, name: str, doing: str = "") -> Iterator[Callable[[str], None]]:
        """Tells what a step does, and how far it is, while it takes long; then what it did, and how long it took."""
        for job, line in broken_promises(self.project):
            if job == name:
                self.say(f"{'warning':<10} {line}")
        started = time.monotonic()
        told: list[str] = []
        with self.say.during(name, doing), noting(name):
            yield told.append
        self.say(f"{name:<10} {'; '.join(told)}  ({time.monotonic() - started:.1f} s)")

    def ingest(self) -> list[Batch]:
        """Brings new landing files into the sources."""
        warehouse = self.warehouse
        with self.step("ingest", "landing files are read") as say:
            landing = f"{self.settings.environment.landing}/{self.project.project}"
            batches = ingest(warehouse, self.project, landing, say)
            say(ingested(batches) if batches else "no new files")
        return batches

    @cached_property
    def build(self) -> FeatureBuild:
        """The features of this run's as-of."""
        pins, code = self.pins, digest_of(self.shaping)
        with self.step("features", f"are built as of {self.as_of}") as say:
            build, made = build_features(
                self.warehouse, self.project, self.settings.groups, pins, self.as_of, code, self.facts, self.force
            )
            say(
                f"{'built' if made else 'there already:'} {counted(build.rows, 'row')} in {build.table} version {build.version}"
            )
        return build

    def training(self, name: str, estimator: Estimator) -> Training:
        """The training of a model on this run's features."""
        windows = self.project.windows.at(self.as_of)
        return self.training_on(name, estimator, self.build, self.pins, self.as_of, windows)

    def training_on(
        self,
        name: str,
        estimator: Estimator,
        build: FeatureBuild,
        pins: Sequence[Pin],
        as_of: date,
        windows: Intervals,
    ) -> Training:
        """The training of a model on any features."""
        types = {feature.name: feature.type for feature in declared(self.settings.groups)}
        return Training(
            project=self.project,
            name=name,
            estimator=estimator,
            inputs=Inputs.of(types),
            types=types,
            rows=read_build(self.warehouse, build),
            build=build.document(),
            pins=pins,
            as_of=as_of,
            windows=windows,
            code=self.code,
            functions=self.functions,
            measuring=self.measuring,
            commit=self.commit,
            environment=self.facts,
        )

    @property
    def baseline_name(self) -> str:
        """The registered name of the baseline."""
        return f"{self.project.project}_{BASELINE}"

    def train(self) -> tuple[ModelVersion, ModelVersion]:
        """The model and the baseline of this run; the model becomes challenger."""
        trainings = [
            self.training(self.project.project, self.project.model),
            self.training(self.baseline_name, self.project.baseline),
        ]
        with self.step("train", f"{self.project.model.name} and {self.project.baseline.name} learn") as say:
            found = train(self.warehouse, self.registry, trainings, self.force)
            made = {version.digest: model for version, model in found if model is not None}
            self.models |= made
            (version, _), (baseline, _) = found
            for (one, model), training in zip(found, trainings, strict=True):
                say(told(one, training.estimator, model is not None) + self.chosen(one))
            if made and (remark := lock_remark(self.settings.root)) is not None:
                say(remark)
        for remark in self.registry.manifest(version).remarks:
            self.say(f"{'look at':<10} {remark}")
        self.registry.set_alias(self.project.project, CHALLENGER, version.version)
        return version, baseline

    def chosen(self, version: ModelVersion) -> str:
        """What a parameter search chose, if there was one."""
        search = self.registry.manifest(version).search
        return (
            ""
            if search is None
            else f", chosen {written(search['chosen'])} of {counted(len(search['candidates']), 'candidate')}"
        )

    def trained_before(self, version: ModelVersion) -> Training:
        """The training of a registered version, by its manifest, with the features it was trained on."""
        manifest = manifest_in_both(self.warehouse, self.registry, version)
        return self.training_on(
            version.name,
            estimator_of(manifest),
            FeatureBuild(**manifest["features"]),
            tuple(Pin(**pin) for pin in manifest["pins"]),
            date.fromisoformat(manifest["as_of"]),
            manifest.windows,
        )

    def shared_holdout(self, version: ModelVersion, rival: ModelVersion) -> Training:
        """The training of a version, of whose holdout only rows count that another model has not learned from either.

        Raises:
            EvaluationError: If there are too few.
        """
        return unseen(self.trained_before(version), rival, self.registry.manifest(rival))

    def evaluate(self, version: ModelVersion, looking_back: bool = False) -> Review:
        """Challenger, champion and baseline on the holdout of a version.

        Args:
            version: The challenger.
            looking_back: Take the champion of the time at which the version was released, if it was.
        """
        made: list[bool] = []

        def measured(training: Training, one: ModelVersion) -> Evaluation:
            found, new = evaluation_of(self.warehouse, self.registry, training, one, self.model, self.force)
            made.append(new)
            return found

        with self.step("evaluate", f"{version} is measured") as say:
            training, baseline = self.trained_before(version), self.baseline_of(version)
            compared = Compared(measured(training, version), None, measured(training, baseline))
            say(f"on {in_words(training)} {headline(f'{version}', compared.challenger, self.project)}")
            say(headline("baseline", compared.baseline, self.project))
            rival = self.rival_of(version, looking_back)
            if rival is not None:
                try:
                    shared = self.shared_holdout(version, rival)
                    against = measured(shared, rival)
                    compared = replace(compared, champion=against)
                    if shared.measured_from is not None:
                        beside = Shared(measured(shared, version), in_words(shared))
                        compared = replace(compared, shared=beside)
                        say(f"on {beside.rows} only, as the champion has learned from what is before")
                        say(headline(f"{version}", beside.evaluation, self.project))
                    say(headline(f"champion (version {rival.version})", against, self.project))
                except EvaluationError as error:
                    compared = replace(compared, champion=str(error))
                    say(f"champion cannot be evaluated: {error}")
            if not any(made):
                say("all there already")
        return Review(version, baseline, rival, compared)

    def baseline_of(self, version: ModelVersion) -> ModelVersion:
        """The latest baseline that was trained on the same rows as a version.

        Raises:
            RegistryError: If there is none.
        """

        def rows(one: ModelVersion) -> tuple[object, ...]:
            manifest = self.registry.manifest(one)
            return manifest["features"]["digest"], manifest["as_of"], manifest.windows

        mine = rows(version)
        for baseline in reversed(self.registry.versions(self.baseline_name)):
            if rows(baseline) == mine:
                return baseline
        raise RegistryError(f"{version}: no baseline was trained on its features; run `solvent train`")

    def rival_of(self, version: ModelVersion, looking_back: bool) -> ModelVersion | None:
        """The champion that a version stands against: the present one; for the champion itself the one before."""
        champion = self.champion()
        if not looking_back and champion is not None and champion.version != version.version:
            return champion
        decided = [
            one
            for one in decisions(self.warehouse)
            if one.kind == "release" and one.to_version == version.version and one.passed
        ]
        if decided:
            before = decided[-1].from_version
            return self.registry.find(version.name, str(before)) if before is not None else None
        return champion if champion is not None and champion.version != version.version else None

    def gates(self, review: Review) -> list[GateResult]:
        """The gates of model.yml applied to a review."""
        rivals = {gate.rival for gate in self.project.gates if gate.confidence is not None}
        days = self.days_compared(review, rivals)
        looks = self.looks(review) if days else 1
        return apply_gates(self.project.gates, replace(review.compared, days=days, looks=looks))

    def looks(self, review: Review) -> int:
        """The number of a version among the challengers judged against its rival on holdouts that overlap its own."""
        name, rival = review.version.name, review.champion.version if review.champion is not None else None
        manifests = {
            row["version"]: parse_manifest(row["manifest"], row["manifest_digest"], f"{name} version {row['version']}")
            for row in self.warehouse.rows(MANIFESTS, model=name)
        }
        windows = {version: manifest.windows for version, manifest in manifests.items()}
        windows[review.version.version] = self.registry.manifest(review.version).windows
        history = [one for one in decisions(self.warehouse) if one.model == name]
        return looks_of(history, review.version.version, rival, windows)

    def leads(self, review: Review) -> dict[str, dict[str, Lead]]:
        """How far a version is ahead of the baseline, and of the champion, by each metric whose lead has an interval."""
        measures = self.project.evaluation
        metrics = [name for name in measures.metrics if name not in (*UNPAIRED, *DESCRIPTIVE)]
        compared = replace(review.compared, days=self.days_compared(review, {BASELINE, CHAMPION}))
        return {
            rival: {
                name: lead(name, sides[CHALLENGER], sides[rival], confidence=measures.confidence) for name in metrics
            }
            for rival in (CHAMPION, BASELINE)
            if rival in compared.days
            for sides in [compared.beside(rival).days]
        }

    def days_compared(self, review: Review, rivals: Set[str | None]) -> dict[str, DaySums]:
        """What is compared with an interval: the models' sums per day, by role, on the holdout of the challenger."""
        training = self.trained_before(review.version)
        scored: dict[str, tuple[Training, ModelVersion]] = {}
        if BASELINE in rivals:
            scored[BASELINE] = training, review.baseline
        if CHAMPION in rivals and review.champion is not None and isinstance(review.compared.champion, Evaluation):
            shared = self.shared_holdout(review.version, review.champion)
            scored[CHAMPION] = shared, review.champion
            scored[CHALLENGER if shared.measured_from is None else SHARED] = shared, review.version
        if BASELINE in scored:
            scored[CHALLENGER] = training, review.version
        if not scored:
            return {}

        def named(of: tuple[Training, ModelVersion]) -> tuple[object, ...]:
            return review.version.version, of[0].measured_from, of[1].name, of[1].version

        def sums(of: tuple[Training, ModelVersion]) -> DaySums:
            rows, model = of
            subject = rows.subject(model.version, model.digest, model.name)
            return find_days(self.warehouse, subject, self.project.evaluation, training.estimator.kind)

        new = {role: of for role, of in scored.items() if named(of) not in self.days}
        if new:
            with self.step("compare", f"{', '.join(new)} by day") as say:
                self.days |= {named(of): sums(of) for of in new.values()}
                for role in sorted({CHAMPION, BASELINE} & {*scored}):
                    days = self.days[named(scored[role])].parts[ALL, ALL].days
                    say(f"challenger with {role} on {counted(len(days), 'day')}")
        return {role: self.days[named(of)] for role, of in scored.items()}

    def release(self, review: Review, more: Sequence[GateResult] = (), force: bool = False) -> Decision:
        """Decides on a version, and makes it champion if it passed.

        Args:
            review: The version and what it is compared with.
            more: What else decides.
            force: Release also what was rolled back before.

        Raises:
            RefusedError: If it may not be released whatever its metrics.
        """
        with self.step("release") as say:
            decided = release(
                self.warehouse,
                self.registry,
                review.version,
                lambda: [*self.gates(review), *more],
                review.champion,
                force,
                self.out_of_reach(review.version),
            )
            say(f"{review.version} {'is champion' if decided.passed else 'is refused'}: {decided.reason}")
        return decided

    def out_of_reach(self, version: ModelVersion) -> str | None:
        """Why nobody else could check out the code of a version, if so."""
        commit = self.registry.manifest(version)["commit"]["hash"]
        if not unpushed(self.settings.root, commit):
            return None
        return f"its commit {str(commit)[:12]} is in no branch of a remote: push it, so that others can make the model again"

    def report(self, review: Review, environment: str) -> Path:
        """Writes the page of a version; one that says the same is left as it is.

        Args:
            review: The version and what it is compared with.
            environment: As the user named it, for the command on the page.
        """
        version = review.version
        path = Path(self.settings.environment.reports) / version.name / f"version_{version.version}.html"
        with self.step("report") as say:
            say(f"{path}{'' if write_page(path, model_page(self.page(review, environment))) else ' there already'}")
        return path

    def page(self, review: Review, environment: str) -> ModelPage:
        """What the page of a version tells."""
        version, compared = review.version, review.compared
        evaluations = {CHALLENGER: compared.challenger, BASELINE: compared.baseline}
        names = {CHALLENGER: f"this model (version {version.version})", BASELINE: "baseline"}
        absent = compared.champion if isinstance(compared.champion, str) else "There was no champion to compare with."
        if isinstance(compared.champion, Evaluation) and review.champion is not None:
            absent = ""
            evaluations[CHAMPION] = compared.champion
            names = {CHALLENGER: names[CHALLENGER], CHAMPION: f"champion (version {review.champion.version})", **names}
            if compared.shared is not None:
                evaluations[SHARED] = compared.shared.evaluation
                names[CHAMPION] += f", {compared.shared.rows} only"
                names[SHARED] = f"this model, {compared.shared.rows} only"
                absent = "The champion has learned from rows of the days before, so that both are measured on the days after them, too."
        made = [
            one for one in decisions(self.warehouse) if one.to_version == version.version and one.kind != "rollback"
        ]
        where = "" if environment == "local" else f" --environment {environment}"
        training = self.trained_before(version)
        return ModelPage(
            description=self.project.description,
            owner=self.project.owner,
            model=version.name,
            version=version.version,
            manifest=self.registry.manifest(version),
            evaluations=evaluations,
            names=names,
            rows=in_words(training),
            leads=self.leads(review),
            importances=importances(self.model(version), training.holdout_rows, training.inputs.names),
            absent=absent,
            metrics=self.project.evaluation.metrics,
            threshold=self.project.evaluation.threshold,
            confidence=self.project.evaluation.confidence,
            gates=made[-1].gates if made and made[-1].gates else self.gates(review),
            decision=made[-1] if made else None,
            features=declared(self.settings.groups),
            reproduce=f"solvent reproduce --project {self.project.project}{where} --model {version.version}",
        )

    def score(self, version: ModelVersion, since: datetime, until: datetime) -> ScoreBatch:
        """Scores the rows of an interval of prediction times."""
        interval = Interval(since, until, self.pins)
        with self.step("score", f"{version} predicts {since:%Y-%m-%d} to {until:%Y-%m-%d}") as say:
            batch, made = score(
                self.warehouse,
                self.registry,
                self.project,
                self.settings.groups,
                version,
                interval,
                self.code,
                self.model,
            )
            before = f", {batch.scored_before:,} scored before" if batch.scored_before else ""
            left = f", {batch.unscored:,} without a usable prediction" if batch.unscored else ""
            said = "scored" if made else "there already:"
            say(f"{version}, {since:%Y-%m-%d} to {until:%Y-%m-%d}: {said} {counted(batch.rows, 'row')}{before}{left}")
        return batch

    def predictions(self, version: ModelVersion, since: datetime, until: datetime) -> DataFrame:
        """What a version predicted for an interval of prediction times: key, slices, prediction_time, prediction."""
        table = predictions_table(self.project, self.settings.groups)
        return self.warehouse.read(table).where(scored_by(version, since, until))

    def skew(self, version: ModelVersion) -> int:
        """How many rows scored have features that are not what the sources, as they were, give now.

        Raises:
            RefusedError: If any has, naming one.
        """
        with self.step("skew", "features are built again") as say:
            total = 0
            for batch in batches(self.warehouse, version.digest):
                differing, skewed = skew_of(self.warehouse, self.project, self.settings.groups, batch)
                if skewed:
                    row = ", ".join(f"{a}={b}" for a, b in zip(self.project.predicted.key, skewed[0].key, strict=True))
                    what = "other features" if skewed[0].found else "is not built any more"
                    raise RefusedError(
                        f"{version}: {differing:,} rows of batch {batch.batch[:12]} do not have the features they were scored with; for "
                        f"instance {row}: {what}; compare the code of the batch with the present one"
                    )
                total += batch.rows
            say(f"{version}: {total:,} rows have the features they were scored with")
        return total

    def monitor(self, version: ModelVersion) -> Monitored:
        """Measures what a version predicted and what has become known of it, and judges it.

        Raises:
            RefusedError: If it has scored nothing.
            ConfigurationError: If the variable of the webhook holds no URL.
        """
        webhook = self.settings.environment.webhook_url
        scored = batches(self.warehouse, version.digest)
        if not scored:
            raise RefusedError(f"{version} has scored nothing; run `solvent score` first")
        manifest = self.registry.manifest(version)
        mine = F.col("model_digest") == version.digest
        # What it has learned from, and was asked to score nevertheless, tells nothing of how good it is.
        mine &= F.col("prediction_time") >= F.lit(manifest.windows.holdout_start)
        predictions = self.warehouse.read(predictions_table(self.project, self.settings.groups)).where(mine)
        with self.step("monitor", f"{version} is measured") as say:
            holdout = None
            if not reference_measured(self.warehouse, version):
                windows = manifest.windows
                span = self.project.monitoring.whole_windows(windows.holdout_start, windows.holdout_end)
                whole = predicted_within(*span)
                holdout = self.holdout_of(version, featured=True).where(whole)
            described = described_of(self.settings.groups, manifest)
            since = judged_from(self.warehouse, version, self.as_of)
            trained = date.fromisoformat(manifest["as_of"])
            found = monitor(
                self.warehouse, self.project, version, predictions, holdout, trained, described, self.pins, self.as_of,
                since,
            )  # fmt: skip
            last = next((batch for batch in reversed(scored) if batch.rows), scored[-1])
            health = append_model_health(self.warehouse, version, trained, last.rows, last.seconds, self.as_of)
            say(
                f"{version}: {len(found.windows)} {self.project.monitoring.window}s new or changed, {len(found.life)} judged"
            )
            say(
                f"trained {counted(health.age_days, 'day')} ago, scores {counted(health.rows_per_second, 'row')} per second"
            )
        if found.verdict.alarm is not None:
            self.investigate(found)
        if webhook is not None:
            self.notify(version, webhook)
        return found

    def investigate(self, found: Monitored) -> Investigation | None:
        """Opens an investigation of what deviates, unless one is open or that alarm had its own; what is open now."""
        if not may_open(found, investigations(self.warehouse, found.version)):
            return None
        with self.step("open", "causes are looked for") as say:
            dossier = investigate(
                self.warehouse, self.project, self.settings.groups, self.registry.manifest(found.version), found,
                lambda: self.holdout_of(found.version, featured=True), self.pins, self.as_of,
            )  # fmt: skip
            name = dossier.investigation.id
            path = Path(self.settings.environment.reports) / found.version.name / f"investigation_{name}.html"
            environment = self.settings.environment
            write_page(path, investigation_page(dossier, self.project, environment.name, environment.show_rows))
            opened = append_opened(self.warehouse, replace(dossier.investigation, report=str(path)))
            # Another run has opened one meanwhile, and nothing leads to this page.
            if opened.id != name:
                path.unlink(missing_ok=True)
            say(f"investigation {opened.id}: {opened.first_cause}; {opened.report}")
        return opened

    def notify(self, version: ModelVersion, webhook: str) -> None:
        """Tells the webhook of investigations it has not heard of; what fails is tried again at the next run."""
        for one in notify(self.warehouse, self.project.project, version, webhook):
            became = "delivered" if one.delivered else "not delivered, the next run tries again"
            self.say(f"webhook    investigation {one.id} to {one.host}: {became} ({one.outcome})")

    def holdout_of(self, version: ModelVersion, featured: bool = False) -> DataFrame:
        """Predictions and labels of a version's own holdout, and if asked for its features."""
        return self.scored_on(self.trained_before(version), version, featured)

    def scored_on(self, training: Training, model: ModelVersion, featured: bool = False) -> DataFrame:
        """Predictions of a model and labels of the holdout of a training, and if asked for its features."""
        features = [one.name for one in declared(self.settings.groups)] if featured else []
        carried = [*dict.fromkeys([*training.carried, *features, "prediction_time"])]
        return predict(self.model(model), training.holdout_rows, training.estimator.kind, carried)

    def model(self, version: ModelVersion) -> PipelineModel:
        """The model of a version, which is read and verified once."""
        if version.digest not in self.models:
            self.models[version.digest] = self.registry.load(version)
        return self.models[version.digest]

    def retrain(self, environment: str, because: str | None = None) -> Retraining | None:
        """Trains a challenger and decides on it, if the policy says so or somebody does.

        Args:
            environment: As the user named it, for the command on the page.
            because: Why, if somebody asks for it.

        Returns:
            What came of it; None if there was nothing to do.

        Raises:
            RefusedError: If the working tree differs from its commit, before anything is made.
        """
        self.require_releasable()
        champion = self.champion()
        with self.step("retrain") as say:
            for left in unrecorded(self.warehouse, self.project.project):
                made = self.conclude(*left)
                say(f"that as of {made.as_of}, which ended before it was recorded, is recorded")
            why = self.why_retrain(champion, because)
            say("; ".join(why) if why else f"nothing to do: no trigger of the policy holds for {champion}")
        if not why:
            return None
        version, _ = self.train()
        review, before = self.evaluate(version), champion.version if champion is not None else None
        announce(self.warehouse, self.as_of, before, why, version)
        made = self.conclude(self.as_of, before, why, self.release(review))
        self.report(review, environment)
        return made

    def conclude(self, as_of: date, champion: int | None, why: Sequence[str], decided: Decision) -> Retraining:
        """Does what follows from the decision of a retraining, unless it was done: ends investigations of a model that was replaced."""
        if decided.passed and champion is not None:
            before, after = (self.registry.find(decided.model, str(one)) for one in (champion, decided.to_version))
            for one in investigations(self.warehouse, before):
                if one.state != RESOLVED:
                    resolve(self.warehouse, one.id, f"{after} has replaced it", as_of)
        return record(self.warehouse, as_of, champion, why, decided)

    def why_retrain(self, champion: ModelVersion | None, because: str | None) -> tuple[str, ...]:
        """What a retraining would be for; empty if for nothing."""
        if champion is None:
            return ("there is no champion yet",)
        trained = date.fromisoformat(self.registry.manifest(champion)["as_of"])
        found = triggers(self.project.retrain, standing_of(self.warehouse, champion, trained, self.as_of))
        return found if because is None else (because, *found)

    def require_releasable(self) -> None:
        """Refuses, before anything is made, what could not be released at the end.

        Raises:
            RefusedError: If the working tree differs from its commit.
        """
        if self.commit.dirty:
            raise RefusedError(
                f"{self.settings.root} {self.commit.lacks}: a model made from it cannot be made again; commit, or run without --release"
            )


@dataclass(frozen=True)
class Review:
    """A version and those it is compared with, on the same rows."""

    version: ModelVersion
    baseline: ModelVersion
    champion: ModelVersion | None
    compared: Compared


def write_page(path: Path, text: str) -> bool:
    """Writes a page unless it is there and says the same; whether it was written."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return True


def ingested(batches: Sequence[Batch]) -> str:
    """What came in, in a line."""
    totals: dict[str, Any] = {
        name: sum(getattr(batch, name) for batch in batches)
        for name in ("files", "rows_in", "accepted", "quarantined", "duplicates")
    }
    sources = ", ".join(sorted({batch.source for batch in batches}))
    return (
        f"{counted(totals['rows_in'], 'row')} of {counted(totals['files'], 'file')} into {sources}: {totals['accepted']:,} accepted, "
        f"{totals['quarantined']:,} quarantined, {counted(totals['duplicates'], 'duplicate')}"
    )


def told(version: ModelVersion, estimator: Estimator, made: bool) -> str:
    """A version in a few words."""
    return f"{version} {'made' if made else 'there already'}: {estimator.name}, digest {version.digest[:12]}"


def headline(name: str, found: Evaluation, project: Project) -> str:
    """The first metric of a model with its interval."""
    metric = project.evaluation.metrics[0]
    one = next(one for one in found.measurements if one.slice == ALL and one.metric == metric)
    if one.value is None:
        return f"{name}: {metric} {one.method}"
    interval = f" [{one.low:.4f}, {one.high:.4f}]" if one.low is not None and one.high is not None else ""
    return f"{name}: {metric} {one.value:.4f}{interval}"
