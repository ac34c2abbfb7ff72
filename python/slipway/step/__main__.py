"""Runs the package by its path: the supervisor, or with ``--run`` the user's code in the environment of the step."""

import os
import sys

if __name__ == "__main__":
    # in place of this folder, in which modules are found by the wrong names
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if sys.argv[2:] == ["--run"]:
        from slipway.step.call import main

        sys.exit(main(sys.argv))
    from slipway.step.launch import begin

    begun = begin(sys.argv)
    # loaded now, while the child starts already
    from slipway.step.supervisor import supervise

    sys.exit(supervise(*begun))
