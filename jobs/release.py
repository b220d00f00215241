"""spark-submit entry point of `solvent release`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["release", *sys.argv[1:]])
