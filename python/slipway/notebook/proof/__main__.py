"""`python FOLDER REQUEST.json`: runs the original or the package as the request says, asks the saved model, or takes a sample."""

import json
import os
import sys

if __name__ == "__main__":
    sys.path.pop(0)
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))
    from slipway.notebook.proof.original import run_original
    from slipway.notebook.proof.packaged import run_packaged
    from slipway.notebook.proof.sample import run_sample
    from slipway.notebook.proof.saved import run_saved

    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    runs = {"original": run_original, "packaged": run_packaged, "sample": run_sample, "saved": run_saved}
    sys.exit(runs[request["what"]](request))
