"""The alarm that a release raises which is taken back."""

from __future__ import annotations

from solvent.deployment.probation.evidence import Watch
from solvent.deployment.probation.release import Release
from solvent.kinds.paired import DaySums, daily
from solvent.monitoring import Monitored
from solvent.monitoring.detector import ChangePoint
from solvent.monitoring.deviation import Finding, Verdict
from solvent.monitoring.expectation import expectations
from solvent.monitoring.streams import Stream, aligned


def alarm_of_release(release: Release, watch: Watch, before: DaySums, after: DaySums) -> Monitored:
    """The verdict of probation as monitoring would tell it: worse since the release, found on the day that decided.

    Args:
        release: That is taken back.
        watch: What is known of it.
        before: Sums by day of the new champion on the holdout.
        after: Likewise since its release.
    """
    metric = max(watch.worse, key=lambda name: watch.worse[name])
    reference, since = daily(metric, before), daily(metric, after)
    alarm = watch.days.index(watch.decided) if watch.decided is not None else len(watch.days) - 1
    found = Finding(
        Stream(metric),
        deviates=True,
        alarm=alarm,
        p_value=min(1.0, 1 / max(watch.e_values)),
        e_value=max(watch.e_values),
        direction="worse",
        expected=expectations(aligned([list(reference.values())]))[0],
        observed=sum(since.values()) / len(since) if since else None,
        change=ChangePoint(0, 0, alarm),
    )
    verdict = Verdict(0.0, alarm, watch.e_values, (found,), {})
    return Monitored(release.version, (), (), (), (), verdict, watch.days)
