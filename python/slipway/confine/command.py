"""The launcher: confines itself, then becomes the program. With `--probe` it tells what this machine can hold."""

from __future__ import annotations

import os
import sys

from slipway.quick_json import loads

#: Exit code of a program that could not be confined, and so was not started; 127 = it is not there.
REFUSED = 126


def main(argv: list[str]) -> int:
    """``POLICY PROGRAM ARGUMENT…`` or ``--probe FOLDER``. Returns only when the program was not started, or for a probe."""
    if argv[1] == "--probe":
        import json

        from slipway.confine.probe import probe

        print(json.dumps(probe(argv[2])))
        return 0
    from slipway.confine.enter import confine

    try:
        confine(loads(argv[1]))
    except OSError as error:
        print(f"{argv[2]} cannot be confined, and was not started: {error}", file=sys.stderr)
        return REFUSED
    try:
        os.execvp(argv[2], argv[2:])
    except OSError as error:
        print(f"{argv[2]} cannot be run: {error.strerror}", file=sys.stderr)
        return 127
