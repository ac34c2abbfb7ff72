"""Takes an attempt up and brings it to its end; see slipway.remote.node. Started by its path, by any interpreter."""

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.path.dirname(os.path.dirname(here)), *(path for path in sys.path if os.path.abspath(path) != here)]
    from slipway.remote.node import main

    sys.exit(main())
