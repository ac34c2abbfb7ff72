"""Runs the package as a command."""

import sys

from slipway.lower.command import main

if __name__ == "__main__":
    sys.exit(main())
