"""Calls of the helper: `facts` of cells, `environment` of imports, names of modules (`stars`), parameters (`signatures`), `versions`."""

from __future__ import annotations

import json
import sys
from typing import Any

from slipway.notebook.environment import environment, versions
from slipway.notebook.facts import facts
from slipway.notebook.modules import exported
from slipway.notebook.signatures import signatures


def main(argv: list[str]) -> int:
    """``MODE`` with a request as JSON on standard input; no code of the request is run."""
    request: dict[str, Any] = json.load(sys.stdin)
    answers = {"facts": facts, "environment": environment, "stars": exported, "signatures": signatures, "versions": versions}
    answer = answers[argv[1]](request)
    json.dump(answer, sys.stdout)
    return 0
