"""`python -I FOLDER MODE`: answers a request on standard input with JSON on standard output."""

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from slipway.notebook.command import main

    sys.exit(main(sys.argv))
