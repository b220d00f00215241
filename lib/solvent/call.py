"""The command `solvent` as a function that returns when a job is done and raises when it is not.

Schedulers that call an entry point of a wheel in a process of their own take any SystemExit for a failure, also that of success, with which
a click command ends (https://github.com/MicrosoftDocs/azure-docs/issues/116964).
"""

from __future__ import annotations

import sys

from solvent.cli import main


def call() -> None:
    """Runs the command that sys.argv names.

    Raises:
        RuntimeError: If its exit code is not 0; what went wrong was said before, in a line.
    """
    try:
        main()
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise RuntimeError(f"solvent {' '.join(sys.argv[1:])} ended with exit code {ended.code}") from None
