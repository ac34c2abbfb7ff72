"""Reads what the magics show: experiments, runs with their columns, the newest run."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from slipway.display.failure import NotShown
from slipway.display.server import Server
from slipway.display.words import clean

#: Columns of one kind that a table has where none are named.
MOST_COLUMNS = 8
#: Runs among which those with a metric are looked for.
LOOKED_AT = 200


@dataclass(frozen=True)
class Experiment:
    """Whose runs are shown; `id` is empty for those of all experiments."""

    id: str
    name: str


@dataclass(frozen=True)
class Columns:
    """Names of columns, and how many more there are."""

    metrics: list[str]
    params: list[str]
    more_metrics: int = 0
    more_params: int = 0


def find_experiment(server: Server, given: str, everywhere: bool) -> Experiment:
    """The experiment of a name or an id; without one that of MLFLOW_EXPERIMENT_ID (`mlflow.set_experiment` sets it) or _NAME, else all."""
    if everywhere:
        return Experiment("", "")
    if given:
        return named(server, given, "") or by_id(server, given, "")
    if one := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return by_id(server, one, "MLFLOW_EXPERIMENT_ID: ")
    if one := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        return named(server, one, "MLFLOW_EXPERIMENT_NAME: ") or by_id(server, one, "MLFLOW_EXPERIMENT_NAME: ")
    return Experiment("", "")


def named(server: Server, name: str, source: str) -> Experiment | None:
    """The one experiment of this name; projects may have one each."""
    quoted = name.replace("'", "''")
    found = server.items("/v1/experiments", filter=f"name = '{quoted}'")
    if len(found) > 1:
        ids = ", ".join(f"{clean(one['id'])} (project {clean(one['project'])})" for one in found)
        raise NotShown(server.mask(f'{source}several experiments are called "{clean(name)}"; give the id: {ids}'))
    return Experiment(found[0]["id"], found[0]["name"]) if found else None


def by_id(server: Server, experiment_id: str, source: str) -> Experiment:
    """The experiment of an id."""
    try:
        found = server.get("/api/2.0/mlflow/experiments/get", "experiment", experiment_id=experiment_id)["experiment"]
    except NotShown as error:
        if error.status not in (400, 404):
            raise
        names = ", ".join(clean(one["name"]) for one in server.items("/v1/experiments", limit=10)) or "none"
        text = f'{source}no experiment "{clean(experiment_id)}" on {server.url}; there are: {names}'
        raise NotShown(server.mask(text)) from None
    return Experiment(found["experiment_id"], found["name"])


def find_columns(server: Server, experiment: Experiment, metrics: list[str] | None, params: list[str] | None) -> Columns:
    """The columns that were named; else those of the newest run first, then those that others have."""
    if metrics is not None and params is not None:
        return Columns(metrics, params)
    keys = server.get("/v1/runs/keys", "newest", experiment_id=experiment.id)
    newest = keys["newest"]

    def chosen(kind: str) -> list[str]:
        return list(dict.fromkeys([*newest[kind], *keys[kind]]))

    all_metrics, all_params = chosen("metrics"), chosen("params")
    return Columns(
        all_metrics[:MOST_COLUMNS] if metrics is None else metrics,
        all_params[:MOST_COLUMNS] if params is None else params,
        max(0, len(all_metrics) - MOST_COLUMNS) if metrics is None else 0,
        max(0, len(all_params) - MOST_COLUMNS) if params is None else 0,
    )


def newest_runs(server: Server, experiment: Experiment, limit: int, **query: object) -> tuple[list[dict[str, Any]], bool]:
    """Rows of runs, newest first, and whether there are more."""
    found = server.get("/v1/runs", "items", experiment_id=experiment.id, limit=limit, **query)
    return found["items"], "next_page_token" in found


def runs_with(server: Server, experiment: Experiment, key: str, limit: int) -> list[dict[str, Any]]:
    """The newest runs that have a metric. Raises NotShown with the metrics that there are."""
    rows, more = newest_runs(server, experiment, LOOKED_AT, metrics=key)
    found = [row for row in rows if key in row["metrics"]]
    if found:
        return found[:limit]
    known = server.get("/v1/runs/keys", "metrics", experiment_id=experiment.id)["metrics"]
    names = ", ".join(clean(one) for one in known[:20]) or "none"
    which = f"none of the newest {LOOKED_AT} runs has" if more else "no run has"
    raise NotShown(server.mask(f'{which} the metric "{clean(key)}"; there are: {names}'))


def last_run(server: Server, experiment: Experiment, own: bool) -> dict[str, Any] | None:
    """With `own` the run of this notebook where mlflow logs to this server, else the newest of the experiment; None where there is none."""
    rows, _ = newest_runs(server, experiment, 1)
    mine = own_run(server) if own else None
    if mine is None and not rows:
        return None
    return server.get(f"/v1/runs/{mine or rows[0]['id']}", "metrics")


def own_run(server: Server) -> str | None:
    """The last run that mlflow began in this process on this server."""
    mlflow = sys.modules.get("mlflow")
    # asked only of a server that has just answered: mlflow waits for minutes for one that does not
    if mlflow is None or str(mlflow.get_tracking_uri()).rstrip("/") != server.url:
        return None
    try:
        run = mlflow.last_active_run()
    except mlflow.exceptions.MlflowException:
        return None
    return None if run is None else str(run.info.run_id)
