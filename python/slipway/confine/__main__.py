"""Runs the package as a command, by its path: no package of an environment and no variable decides what is imported."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from slipway.confine.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
