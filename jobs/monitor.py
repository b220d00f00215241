"""spark-submit entry point of `solvent monitor`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["monitor", *sys.argv[1:]])
