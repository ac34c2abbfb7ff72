"""Checks of a program that calls a gateway: one JSON line each, and a list of those that failed."""

import json

FAILED = []


def check(name, ok, detail=""):
    """Prints a check and remembers a failed one."""
    print(json.dumps({"check": name, "ok": bool(ok), "detail": str(detail)[:300]}), flush=True)
    if not ok:
        FAILED.append(name)


def attempt(name, call):
    """A check whose exception is a failure."""
    try:
        check(name, *call())
    except Exception as error:
        check(name, False, f"{type(error).__name__}: {error}")
