"""Runs the package by its path: the supervisor, with ``--nursery`` what forks it, with ``--run`` the user's code of a step."""

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    # in place of this folder, in which modules are found by the wrong names, where it is there: not for an isolated interpreter
    sys.path[:] = [os.path.dirname(os.path.dirname(here)), *(path for path in sys.path if os.path.abspath(path) != here)]
    if sys.argv[2:] == ["--run"]:
        from slipway.step.call import main

        sys.exit(main(sys.argv))
    if sys.argv[2:] == ["--nursery"]:
        from slipway.step.nursery import Nursery

        Nursery(sys.argv[1]).run()
        sys.exit()
    from slipway.step.launch import begin

    begun = begin(sys.argv[1], sys.stdin.read())
    # loaded now, while the child starts already
    from slipway.step.supervisor import supervise

    code = supervise(*begun)
    sys.stderr.flush()
    # everything is written; the server waits for this end, and taking an interpreter apart takes milliseconds
    os._exit(code)
