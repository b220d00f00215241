"""What two models were made from, where it differs."""

from __future__ import annotations

import pandas as pd

from solvent.deployment.differences import between
from solvent.deployment.wording import KINDS
from solvent.jobs.context import Context
from solvent.registry import ModelVersion


def differences_table(context: Context, before: ModelVersion, after: ModelVersion) -> pd.DataFrame:
    """What two models were made from, where it differs, as `solvent diff` says it: kind, name, before, after."""
    found = between(context.registry.manifest(before), context.registry.manifest(after))
    rows = [(KINDS[one.kind], one.name, one.before, one.after) for one in found]
    if before.name != after.name:
        # A manifest holds the whole configuration, so that two models of one training differ by what they were told to be only.
        was, now = (context.registry.manifest(one)["estimator"] for one in (before, after))
        rows += [
            ("Estimator", name, str(was.get(name)), str(now.get(name)))
            for name in was
            if was.get(name) != now.get(name)
        ]
    return pd.DataFrame(rows, columns=["kind", "name", "before", "after"])
