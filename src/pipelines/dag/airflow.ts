/** A DAG file of Airflow 3: one task a step, by Airflow's standard operators alone. */
import type { Declared } from '../../contract/values/params.ts'
import { commonNotes, END, type Dag, type Laid } from './laid.ts'
import { pythonLiteral, pythonText, variableOf } from './python.ts'
import { fiveFields } from './schedule.ts'

export function airflowDag(laid: Laid): Dag {
  const { project, version, url, spec, tasks, last, program } = laid
  const cron = fiveFields(spec)
  const timetable =
    cron === undefined
      ? 'None'
      : `CronTriggerTimetable(${pythonLiteral(cron)}, timezone=${pythonLiteral(spec.schedule?.timezone)})`
  const text = `${HEAD(project, version)}
VERSION = ${pythonLiteral(version)}
URL = ${pythonLiteral(url)}
#: The program of a task; the same for all.
PROGRAM = ${pythonText(program)}


def run_task(*step: str) -> None:
    """Runs a step of the run that is called as the run of Airflow, or waits for the end of that run."""
    context = get_current_context()
    run = context["dag_run"].run_id
    given = {
        "SLIPWAY_URL": os.environ.get("SLIPWAY_URL", URL),
        "SLIPWAY_TOKEN": os.environ.get("SLIPWAY_TOKEN") or Connection.get("slipway").password,
        "SLIPWAY_RUN": f"airflow {context['dag'].dag_id} {run}",
        "SLIPWAY_PARAMS": json.dumps(dict(context["params"])),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, VERSION, *step],
        env={**os.environ, **given}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
    if code == 99:
        raise AirflowSkipException("the step is skipped")
    if code == 1:
        # Slipway has repeated it as often as its project file says; Airflow's own retries are for lost workers
        raise AirflowFailException("the step has failed")
    if code != 0:
        raise AirflowException(f"the task ended with {code}")


def task(task_id: str, *step: str) -> PythonOperator:
    # what is skipped is decided by Slipway, which knows the conditions
    return PythonOperator(task_id=task_id, python_callable=run_task, op_args=list(step), trigger_rule="none_failed")


with DAG(
    dag_id=${pythonLiteral(`slipway_${project}`)},
    description=${pythonLiteral(`Pipeline ${project} of Slipway, version ${version}`)},
    schedule=${timetable},
    catchup=False,
    params={${paramsOf(spec.params)}},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    tags=["slipway"],
) as dag:
${tasks.map(({ id, step }) => `    ${variableOf(id)} = task(${pythonLiteral(id)}, ${pythonLiteral(step)})`).join('\n')}
    ${variableOf(END)} = task(${pythonLiteral(END)})
${tasks.flatMap(({ id, needs }) => needs.map((need) => `    ${variableOf(need)} >> ${variableOf(id)}`)).join('\n')}
${last.map((id) => `    ${variableOf(id)} >> ${variableOf(END)}`).join('\n')}
`
  return {
    file: `slipway_${project.replaceAll(/[^A-Za-z0-9_]/g, '_')}.py`,
    text,
    notes: [
      'Put the file into the DAG folder of Airflow 3 (it needs apache-airflow-providers-standard, which comes with it).',
      'The token is the variable SLIPWAY_TOKEN of the workers, or the password of the connection "slipway".',
      'A worker runs the steps itself; a cleared task that had failed repeats its step, and what succeeded is kept.',
      ...commonNotes(laid),
    ],
  }
}

const HEAD = (
  project: string,
  version: string,
): string => `"""Pipeline ${project} of Slipway, version ${version}, as a DAG of Airflow 3.

Written by \`slipway dag airflow\`: write it anew rather than edit it. Each task takes its step of a run of Slipway, which decides what comes
from the cache, keeps outputs and lineage, and repeats what failed by the rules of the project file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Connection, Param, get_current_context
from airflow.timetables.trigger import CronTriggerTimetable

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
`

const TYPES: Readonly<Record<Declared['type'], string>> = {
  string: 'string',
  int: 'integer',
  float: 'number',
  bool: 'boolean',
  choice: '',
  list: 'array',
}

/** Declared params, with what JSON schema says of their types and ranges. */
function paramsOf(params: Readonly<Record<string, Declared>> = {}): string {
  return Object.entries(params)
    .map(([name, declared]) => `${pythonLiteral(name)}: ${paramOf(declared)}`)
    .join(', ')
}

function paramOf({ type, default: value, min, max, choices, help }: Declared): string {
  const rules = {
    ...(TYPES[type] !== '' && { type: TYPES[type] }),
    ...(choices !== undefined && { enum: choices }),
    ...(min !== undefined && { minimum: min }),
    ...(max !== undefined && { maximum: max }),
    ...(help !== undefined && { description: help }),
  }
  const named = Object.entries(rules).map(([name, rule]) => `, ${name}=${pythonLiteral(rule)}`)
  return value === undefined ? `Param(${named.join('').slice(2)})` : `Param(${pythonLiteral(value)}${named.join('')})`
}
