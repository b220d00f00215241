"""The whole run, from landing files to a report, against bench/plain/flights.py, which does the same modelling by hand.

Both run as processes of their own, in turn, each on an empty folder, on the files of `make run`; given a number, so many times. Prints
seconds, the ratio of the medians, and both AUCs, which show that the same was learned.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that a command takes, and what it printed."""
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return time.monotonic() - started, done.stdout


def root_in(scratch: Path) -> Path:
    """A folder with configuration and landing files, and no tables."""
    root = scratch / "root"
    shutil.copytree(ROOT / "conf", root / "conf")
    (root / ".jars").symlink_to(ROOT / ".jars")
    shutil.copy(ROOT / "requirements.lock", root)
    staging = [sys.executable, str(ROOT / "jobs/stage_flights.py"), "--until", "2013-07-31"]
    timed(staging, root)
    return root


def main(times: int) -> None:
    """Runs both in turn."""
    ours, plain, figures = [], [], {}
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            root = root_in(Path(scratch))
            solvent = [sys.executable, "-m", "solvent.cli", "--root", str(root), "pipeline"]
            solvent += ["--project", "flights", "--as-of", "2013-08-02"]
            seconds, said = timed(solvent, root)
            ours.append(seconds)
            found = re.search(r"auc ([\d.]+)", said)
            figures["solvent"] = found[1] if found else "?"
            script = [sys.executable, str(ROOT / "bench/plain/flights.py"), str(root / ".jars")]
            (root / "plain").mkdir()
            seconds, said = timed([*script, str(root / "var/landing/flights"), str(root / "plain")], root)
            plain.append(seconds)
            found = re.search(r"gbt auc ([\d.]+)", said)
            figures["plain"] = found[1] if found else "?"
    ratio = statistics.median(ours) / statistics.median(plain)
    sys.stdout.write(
        f"whole run, {times} in turn\n"
        f"  solvent pipeline {statistics.median(ours):7.1f} s, AUC {figures['solvent']}\n"
        f"  plain script     {statistics.median(plain):7.1f} s, AUC {figures['plain']}\n"
        f"  ratio            {ratio:7.2f} x (goal: at most 1.3)\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
