"""Runs one step of a pipeline run as a task of a foreign scheduler. Run as text or as a file, by a bare interpreter.

``python3 task.py VERSION STEP`` asks the server for the run that is called ``SLIPWAY_RUN`` there (made by whichever task comes first),
runs the attempts of STEP until the step has ended, and ends as it did: 0 for success or a result of the cache, 99 where it is skipped, 1
where it has failed, 75 where the server cannot be reached. Without STEP, or with an empty one, it waits for the end of the run.

Variables: ``SLIPWAY_URL``, ``SLIPWAY_TOKEN`` (of a contributor of the project), ``SLIPWAY_RUN`` (the scheduler's name of its run),
``SLIPWAY_PARAMS`` (JSON of params of the pipeline, if any), ``SLIPWAY_SKIPPED`` (exit code of a step that is skipped, 99).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

#: Exit codes: of success, failure, and a server that cannot be reached.
OK, FAILED, AWAY = 0, 1, 75
#: Seconds for which a server that is away is asked again.
PATIENCE_S = 600.0
#: Seconds between questions while there is nothing to run, at first and at most.
PAUSE_S = (0.2, 5.0)
#: Runs the program of a node, whose text is in the variable.
NODE = "import os; exec(os.environ.pop('SLIPWAY_NODE_START'))"


class Away(Exception):
    """The server could not be reached for longer than our patience."""


class Refused(Exception):
    """The server does not do what it was asked; the message is its own."""


def say(text: str) -> None:
    """A line for the scheduler's log."""
    print(f"[slipway] {text}", flush=True)


def ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Sends JSON and reads JSON. Raises Refused, Away."""
    url, token = os.environ["SLIPWAY_URL"].rstrip("/"), os.environ["SLIPWAY_TOKEN"]
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    until, pause = time.monotonic() + PATIENCE_S, 0.2
    while True:
        try:
            request = urllib.request.Request(url + path, sent, headers, method=method)
            with urllib.request.urlopen(request, timeout=60) as reply:
                answer: dict[str, Any] = json.loads(reply.read())
                return answer
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace")
            if error.code < 500 and error.code not in (408, 425, 429):
                raise Refused(f"{error.code}: {said}") from None
            failed = f"{error.code}: {said}"
        except (OSError, ValueError) as error:
            failed = str(error)
        if time.monotonic() > until:
            raise Away(f"{url} cannot be reached: {failed}")
        time.sleep(pause)
        pause = min(pause * 2, 10.0)


def begin(version: str) -> str:
    """The run of the scheduler's name, made if it is not there."""
    given = json.loads(os.environ.get("SLIPWAY_PARAMS") or "{}")
    body = {"pipeline_version": version, "once": os.environ["SLIPWAY_RUN"], "on": "external", "set": given}
    run: str = ask("POST", "/v1/pipeline-runs", body)["id"]
    say(f"run {run}: {os.environ['SLIPWAY_URL'].rstrip('/')}/pipelines/{run}")
    return run


def run_step(run: str, step: str) -> int:
    """Runs what there is to run for a step until it has ended."""
    # what had failed before this task began is repeated for it; what fails or is cancelled while it waits is not
    again, pause, told = True, PAUSE_S[0], ""
    while True:
        path = f"/v1/pipeline-runs/{quote(run, safe='')}/steps/{quote(step, safe='')}/take"
        taken = ask("POST", path, {"again": again})
        run, state, detail = taken["run"], taken["state"], taken["detail"]
        if (state, detail) != ("wait", told):
            say(f"{step}: {state}: {detail}")
            told = detail if state == "wait" else ""
        if state in ("succeeded", "skipped", "failed"):
            return {"succeeded": OK, "skipped": int(os.environ.get("SLIPWAY_SKIPPED", "99"))}.get(state, FAILED)
        if state == "wait":
            again = again and taken["repeats"]
            time.sleep(pause)
            pause = min(pause * 1.5, PAUSE_S[1])
            continue
        again, pause = again and state == "moved", PAUSE_S[0]
        if state == "run" and run_attempt(taken["attempt"]["variables"]) != OK:
            # another process may have taken it up, or it was ended from outside: the server knows
            time.sleep(PAUSE_S[0])


def run_attempt(variables: dict[str, str]) -> int:
    """Runs the program of a node, which ends with this process; its exit code."""
    ours = ("SLIPWAY_TOKEN", "SLIPWAY_RUN", "SLIPWAY_PARAMS", "SLIPWAY_SKIPPED")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", NODE], env={**kept, **variables, "SLIPWAY_NODE_ECHO": "1"})
    before = {number: signal.signal(number, lambda got, _: child.send_signal(got)) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def await_run(run: str) -> int:
    """Waits for the end of a run; 0 where it has succeeded and no gate refused its model."""
    pause = PAUSE_S[0]
    while True:
        found = ask("GET", f"/v1/pipeline-runs/{quote(run, safe='')}")
        if found.get("repeated_as"):
            run, pause = found["repeated_as"], PAUSE_S[0]
            continue
        if found["outcome"] is not None:
            say(f"run {run} has ended as {found['outcome']}: {found['message']}")
            return OK if found["outcome"] == "succeeded" else FAILED
        time.sleep(pause)
        pause = min(pause * 1.5, PAUSE_S[1])


def main(arguments: list[str]) -> int:
    """The exit code of the task."""
    version, *rest = arguments
    step = [word for word in rest if word]
    try:
        run = begin(version)
        return run_step(run, step[0]) if step else await_run(run)
    except Refused as error:
        say(f"the server refuses it ({error})")
        return FAILED
    except Away as error:
        say(str(error))
        return AWAY


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
