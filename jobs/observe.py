"""spark-submit entry point of `solvent observe`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["observe", *sys.argv[1:]])
