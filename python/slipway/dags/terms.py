"""What Airflow's words for DAGs and tasks mean here, and which have no meaning here."""

from __future__ import annotations

from typing import Any

from slipway.dags.graph import Dag, Task
from slipway.dags.values import UNKNOWN, Made, seconds_of, zone_of

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
TIMETABLES = ("CronTriggerTimetable", "CronDataIntervalTimetable")

#: Arguments of tasks that change what runs when, and have no meaning here.
LEFT_OF_TASKS = {
    "trigger_rule": "a step runs when all before it have succeeded; give it a `when`, or inputs with `?`",
    "depends_on_past": "a run here does not wait for the one before it",
    "wait_for_downstream": "a run here does not wait for the one before it",
    "pool": "make a pool of the server, and name it in the step",
    "pool_slots": "a step takes one place of its pool",
    "priority_weight": "priority is of a whole run here",
    "weight_rule": "priority is of a whole run here",
    "queue": "say where the step runs by `on`",
    "executor": "say where the step runs by `on`",
    "executor_config": "say what the step needs by `resources` and `image`",
    "retry_delay": "an attempt is repeated without a pause of its own",
    "retry_exponential_backoff": "an attempt is repeated without a pause of its own",
    "max_retry_delay": "an attempt is repeated without a pause of its own",
    "retry_policy": "retries are counted by cause of the failure",
    "end_date": "a schedule here has no end",
    "sla": "use `timeout` of the step or of the pipeline",
    "outlets": "name what the step makes in `outputs`, or as a data set",
    "inlets": "name what the step reads in `inputs` or `sources`",
    "max_active_tis_per_dag": "use a pool",
    "max_active_tis_per_dagrun": "use a pool",
    "run_if": "write it as `when` of the step",
    "skip_if": "write it as `when` of the step",
    "email_on_failure": "use an alert",
    "email_on_retry": "use an alert",
    "on_failure_callback": "a step calls nothing at its end; use an alert, or a trigger of another pipeline",
    "on_success_callback": "a step calls nothing at its end; use a step behind it",
    "on_retry_callback": "a step calls nothing at its end",
    "on_skipped_callback": "a step calls nothing at its end",
    "on_execute_callback": "a step calls nothing at its beginning",
}
LEFT_OF_DAGS = {
    "end_date": "a schedule here has no end",
    "max_active_runs": "say by `overlap` of the schedule what happens while a run is under way",
    "max_active_tasks": "use a pool",
    "on_failure_callback": "use an alert, or a trigger of another pipeline",
    "on_success_callback": "use a trigger of another pipeline",
    "sla_miss_callback": "use `timeout` of the pipeline",
    "fail_fast": "steps that do not need the one that failed go on",
    "access_control": "rights are of a project here",
}
TORN_DOWN = "what sets up and tears down is a step like others here, which does not run when one before it fails"
#: What a value has to be for the argument to change nothing.
HARMLESS = {"trigger_rule": ("all_success", "none_failed"), "pool_slots": (1,), "priority_weight": (1,), "pool": ("default_pool",)}


def note(dag: Dag, line: int, of: str, given: dict[str, Any], words: dict[str, str]) -> None:
    """Names what of the arguments has no meaning here."""
    for name, value in given.items():
        if name in words and value not in (None, False, *HARMLESS.get(name, ())):
            dag.left.append((line, f"{name} of {of}: {words[name]}"))


def describe(dag: Dag, given: dict[str, Any]) -> None:
    """Takes over schedule, time zone, limit and params of a DAG."""
    defaults = given.get("default_args")
    defaults = defaults if isinstance(defaults, dict) else {}
    note(dag, dag.line, "the DAG", given, LEFT_OF_DAGS)
    note(dag, dag.line, "all tasks", defaults, LEFT_OF_TASKS)
    if given.get("catchup") is True:
        dag.left.append((dag.line, "catchup: times before the schedule was made are run by a backfill of partitions"))
    start = given.get("start_date", defaults.get("start_date"))
    dag.zone = zone_of(start) if isinstance(start, Made) and zone_of(start) else "UTC"  # type: ignore[assignment]
    _schedule(dag, given.get("schedule", given.get("schedule_interval", given.get("timetable"))))
    if given.get("dagrun_timeout") is not None:
        dag.timeout_s = seconds_of(given["dagrun_timeout"])
        if dag.timeout_s is None:
            dag.left.append((dag.line, "dagrun_timeout: the file alone does not tell how long it is"))
    _params(dag, given.get("params"))


def _schedule(dag: Dag, value: Any) -> None:
    if isinstance(value, Made) and value.name in TIMETABLES:
        cron = value.args[0] if value.args else value.options.get("cron")
        dag.zone = zone_of(value.options.get("timezone")) or dag.zone
        value = cron if isinstance(cron, str) else UNKNOWN
    if value is None or value == "@once":
        return
    if isinstance(value, str):
        dag.cron = NICKNAMES.get(value, value)
        if len(dag.cron.split()) == 5:
            return
        dag.cron = None
        dag.left.append((dag.line, f'schedule "{value}": expected five fields of cron'))
    elif seconds_of(value) is not None:
        dag.left.append((dag.line, "schedule: a stretch of time from run to run; write the times as cron"))
    else:
        dag.left.append((dag.line, "schedule: neither a time nor cron; if it waits for data, see `pipeline.triggers`"))


TYPES = {"integer": "int", "number": "float", "string": "string", "boolean": "bool"}
KINDS: tuple[tuple[type, str], ...] = ((bool, "bool"), (int, "int"), (float, "float"), (str, "string"))


def _params(dag: Dag, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        dag.left.append((dag.line, "params: the file alone does not tell what they are"))
        return
    for name, given in value.items():
        told = _param(given) if isinstance(name, str) and name.isidentifier() and name.isascii() else None
        if told is None:
            dag.left.append((dag.line, f'param "{name}": expected a name of Python with a text, a number, true, false or a list of one'))
        else:
            dag.params.append({"name": name, **told})


def _param(value: Any) -> dict[str, Any] | None:
    """What a declared param says; None for what has no type here."""
    rules: dict[str, Any] = {}
    missing = object()
    if isinstance(value, Made):
        if value.name != "Param":
            return None
        rules, value = value.options, value.args[0] if value.args else value.options.get("default", missing)
    described = rules.get("description")
    told: dict[str, Any] = {"help": described[:500]} if isinstance(described, str) and described else {}
    if value is not missing:
        told["default"] = value
    if "enum" in rules:
        choices = rules["enum"]
        plain = isinstance(choices, list) and 0 < len(choices) <= 100 and all(_kind(one) for one in choices)
        return {"type": "choice", "choices": choices, **told} if plain and value in (missing, *choices) else None
    kinds = {_kind(one) for one in value} if isinstance(value, list) and value else set()
    if len(kinds) == 1 and None not in kinds and rules.get("type", "array") == "array":
        return {"type": "list", "of": kinds.pop(), **told}
    kind = _kind(value) if value is not missing else TYPES.get(str(rules.get("type")))
    named = rules.get("type")
    if named is not None and value is not missing:
        kind = TYPES.get(named) if isinstance(named, str) and kind in (TYPES.get(named), "int" if named == "number" else None) else None
    if kind is None:
        return None
    bounds = {"min": rules.get("minimum"), "max": rules.get("maximum")} if kind in ("int", "float") else {}
    return {"type": kind, **told, **{name: bound for name, bound in bounds.items() if isinstance(bound, (int, float))}}


def _kind(value: Any) -> str | None:
    return next((name for kind, name in KINDS if type(value) is kind), None)


def settle(dag: Dag, task: Task, own: dict[str, Any], inherited: dict[str, Any]) -> None:
    """Takes over retries and limits of a task, and names what is left of its own arguments."""
    note(dag, task.line, f'task "{task.id}"', own, LEFT_OF_TASKS)
    given = {**inherited, **own}
    retries = given.get("retries")
    if isinstance(retries, int) and retries > 0:
        task.retries = min(retries, 100)
    limit = given.get("execution_timeout")
    task.timeout_s = seconds_of(limit)
    if limit is not None and task.timeout_s is None:
        dag.left.append((task.line, f'execution_timeout of task "{task.id}": the file alone does not tell how long it is'))
    if task.kind.endswith("Sensor") or task.kind == "task.sensor":
        dag.left.append((task.line, f'task "{task.id}" waits for something ({task.kind}): see `pipeline.triggers`'))
    if task.kind in ("setup", "teardown"):
        dag.left.append((task.line, f'task "{task.id}": {TORN_DOWN}'))
    if "branch" in task.kind.lower() or "shortcircuit" in task.kind.lower() or task.kind == "task.short_circuit":
        dag.left.append((task.line, f'task "{task.id}" chooses what runs ({task.kind}): write that as `when` of the steps behind it'))
