"""Two runs of one training at the same time: one version of its model is registered, whichever of them is first."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from solvent.jobs.build_features import build_feature_table
from solvent.jobs.ingest import ingest_files
from solvent.jobs.trainings import training_on
from solvent.training.fitting import fit_and_score
from solvent.training.manifests import MANIFESTS
from solvent.training.train import register_model


def test_who_comes_second_takes_the_version_of_who_came_first(released: Any) -> None:
    """Both have found none before they began, and have made the same model."""
    run, name = released.run(), "shop_at_once"
    fitted = fit_and_score(training_on(run, name, run.project.baseline, build_feature_table(run)))
    first, made = register_model(run.warehouse, run.registry, fitted)
    assert made
    assert register_model(run.warehouse, run.registry, fitted) == (first, None)
    assert run.registry.versions(name) == [first]
    assert [row.version for row in MANIFESTS.rows(run.warehouse, model=name)] == [first.version]
    # Whoever asks for another one gets it.
    again, made = register_model(run.warehouse, run.registry, fitted, once=False)
    assert made
    assert run.registry.versions(name) == [first, again]
    assert again.digest == first.digest


@pytest.mark.long
def test_of_two_processes_that_train_at_once_one_version_remains(shop: Any) -> None:
    ingest_files(shop.run())
    command = [sys.executable, "-m", "solvent.cli", "--root", str(shop.root), "train", "--project", "shop"]
    command += ["--as-of", str(shop.as_of)]
    processes = [subprocess.Popen(command, cwd=shop.root, env=shop.environ) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    run = shop.run()
    for name in ("shop", "shop_baseline"):
        # Both were at it, as each has a model of its own.
        runs = run.registry.client.search_runs(
            [run.registry.experiment], f"attributes.run_name = '{name} as of {shop.as_of}'"
        )
        assert len(runs) == 2
        assert len(run.registry.versions(name)) == 1
