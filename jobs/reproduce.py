"""spark-submit entry point of `solvent reproduce`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["reproduce", *sys.argv[1:]])
