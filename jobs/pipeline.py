"""spark-submit entry point of `solvent pipeline`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["pipeline", *sys.argv[1:]])
