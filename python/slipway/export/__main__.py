"""Runs the package as a command."""

import sys

from slipway.export.command import main

if __name__ == "__main__":
    sys.exit(main())
