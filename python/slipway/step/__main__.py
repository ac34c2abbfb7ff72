"""Runs the package as a command."""

import sys

from slipway.step.supervisor import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
