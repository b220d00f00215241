"""Writes the entry points for spark-submit in the folder jobs/, from the list of jobs."""

from __future__ import annotations

from pathlib import Path

from solvent.jobs import JOBS

FOLDER = Path(__file__).resolve().parent.parent / "jobs"
TEXT = '''"""spark-submit entry point of `solvent {name}`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["{name}", *sys.argv[1:]])
'''


def scripts() -> dict[Path, str]:
    """Path -> text, of each job that has an entry point."""
    return {FOLDER / f"{job.module}.py": TEXT.format(name=job.name) for job in JOBS if job.script}


if __name__ == "__main__":
    for path, text in scripts().items():
        path.write_text(text, encoding="utf-8")
