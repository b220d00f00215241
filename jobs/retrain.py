"""spark-submit entry point of `solvent retrain`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["retrain", *sys.argv[1:]])
