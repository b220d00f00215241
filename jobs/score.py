"""spark-submit entry point of `solvent score`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["score", *sys.argv[1:]])
