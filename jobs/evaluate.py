"""spark-submit entry point of `solvent evaluate`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
