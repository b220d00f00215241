"""spark-submit entry point of `solvent build-features`; takes its options."""

import sys

from solvent.cli import main

if __name__ == "__main__":
    main(["build-features", *sys.argv[1:]])
