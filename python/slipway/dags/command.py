"""Reads a DAG file of Airflow and prints as JSON what it says: FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path[:] = [str(Path(__file__).resolve().parents[2]), *(path for path in sys.path[1:] if path)]

from slipway.dags.airflow import read  # noqa: E402
from slipway.dags.expressions import TooLong  # noqa: E402
from slipway.dags.graph import Dag, needs_of, tasks_of  # noqa: E402


def told(dag: Dag) -> dict[str, Any]:
    """What a DAG says, as JSON."""
    needs = needs_of(dag)
    ids: dict[int, str] = {}
    for task in tasks_of(dag.top):
        # a function that is called again is a task of its own, as Airflow numbers them
        taken, number, name = set(ids.values()), 0, task.id
        while name in taken:
            number += 1
            name = f"{task.id}__{number}"
        ids[id(task)] = name
    tasks = [
        {
            "id": ids[id(task)],
            "line": task.line,
            "kind": task.kind,
            "source": task.source,
            "needs": [ids[id(before)] for before in needs[task]],
            "retries": task.retries,
            "timeout_s": task.timeout_s,
        }
        for task in tasks_of(dag.top)
    ]
    return {
        "name": dag.name,
        "line": dag.line,
        "cron": dag.cron,
        "timezone": dag.zone,
        "timeout_s": dag.timeout_s,
        "params": dag.params,
        "tasks": tasks,
        "left": [{"line": line, "what": what} for line, what in sorted(dag.left)],
    }


def main(argv: list[str]) -> int:
    """Prints ``{dags, left}`` or ``{fault}``."""
    sys.setrecursionlimit(5000)
    try:
        text = Path(argv[0]).read_text(encoding="utf-8")
        reader = read(text, argv[0])
        said: dict[str, Any] = {
            "dags": [told(dag) for dag in reader.dags],
            "left": [{"line": line, "what": what} for line, what in sorted(reader.left)],
        }
    except SyntaxError as error:
        said = {"fault": f"line {error.lineno}: {error.msg}"}
    except (TooLong, UnicodeDecodeError, ValueError) as error:
        said = {"fault": str(error)}
    except (RecursionError, MemoryError):
        said = {"fault": "it nests deeper than is read"}
    json.dump(said, sys.stdout, default=str)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
