"""spark-submit entry point of `solvent report`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["report", *sys.argv[1:]])
