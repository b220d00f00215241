"""spark-submit entry point of `solvent ingest`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["ingest", *sys.argv[1:]])
