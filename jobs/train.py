"""spark-submit entry point of `solvent train`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
