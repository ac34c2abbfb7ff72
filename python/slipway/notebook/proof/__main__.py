"""`python FOLDER REQUEST.json`: runs the original or the package as the request says."""

import json
import os
import sys

if __name__ == "__main__":
    sys.path.pop(0)
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))
    from slipway.notebook.proof.original import run_original
    from slipway.notebook.proof.packaged import run_packaged

    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    sys.exit((run_original if request["what"] == "original" else run_packaged)(request))
