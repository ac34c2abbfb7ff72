/** `slipway dag import`: what is taken from DAGs of Airflow and Kubeflow, what is named as left, and that a file that is read never runs. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { outputOf } from '../../../test/output.ts'
import { parseProject, readProject } from '../../pipelines/spec/parse.ts'
import { runCommand } from '../run-command.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-dag-import-'))
after(() => rmSync(root, { recursive: true, force: true }))
const ran = join(root, 'ran')

/** Each way in which a DAG file says tasks and their order. */
const AIRFLOW = `
import pendulum
from datetime import timedelta
from pathlib import Path
from airflow.sdk import DAG, Label, Param, TaskGroup, chain, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
open(${JSON.stringify(ran)}, "w").write("it ran")
COUNTRIES = ["de", "fr"]
with DAG(
    dag_id="nightly load",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=True,
    dagrun_timeout=timedelta(hours=2),
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={"size": Param(3, type="integer", minimum=1, maximum=9, description="rows"), "mode": Param("a", enum=["a", "b"]), "names": ["x"], "odd name": 1},
) as dag:
    @task
    def extract(n=1):
        raise RuntimeError("it ran")
    @task.branch
    def choose(rows):
        return "fast"
    start = EmptyOperator(task_id="start")
    with TaskGroup("load") as load:
        for country in COUNTRIES:
            one = BashOperator(task_id=f"load_{country}", bash_command="echo", execution_timeout=timedelta(minutes=3), retries=0)
            one >> EmptyOperator(task_id=f"check-{country}")
    rows = extract()
    way = choose(rows)
    fast = BashOperator(task_id="fast", bash_command="x", trigger_rule="one_success")
    slow = BashOperator(task_id="class", bash_command="x")
    start >> load >> rows
    way >> Label("quick") >> fast
    chain(way, [slow])
    [fast, slow] >> EmptyOperator(task_id="end", retries=1)
    extract.expand(n=[1, 2])
`

async function imported(name: string, text: string, ...more: string[]): ReturnType<typeof runCommand> {
  const file = join(root, name)
  writeFileSync(file, text)
  return runCommand(root, 'dag', 'import', file, ...more)
}

interface Data {
  readonly project: string
  readonly steps: number
  readonly left: { line: number; what: string }[]
}

describe('slipway dag import', () => {
  test('a DAG of Airflow: tasks, groups, loops, order, retries, limits, schedule and params', async () => {
    const folder = join(root, 'airflow')
    const { data, lines } = await imported('night.py', AIRFLOW, '--out', folder)
    assert.equal(existsSync(ran), false, 'the file was read, and not run')
    const { pipeline, project } = parseProject(readFileSync(join(folder, 'slipway.yaml'), 'utf8'))
    assert.equal(project, 'nightly-load')
    assert.deepEqual(pipeline.schedule, {
      cron: '0 0 * * *',
      timezone: 'Europe/Berlin',
      missed: 'last',
      overlap: 'skip',
    })
    assert.equal(pipeline.timeout, '7200s')
    const needs = Object.entries(pipeline.steps).map(([name, { after: before }]) => [name, before.toSorted()])
    assert.deepEqual(needs, [
      ['start', []],
      ['load-load_de', ['start']],
      ['load-check-de', ['load-load_de']],
      ['load-load_fr', ['start']],
      ['load-check-fr', ['load-load_fr']],
      ['extract', ['load-check-de', 'load-check-fr']],
      ['choose', ['extract']],
      ['fast', ['choose']],
      ['class', ['choose']],
      ['end', ['class', 'fast']],
      ['extract__1', []],
    ])
    assert.deepEqual(pipeline.steps['extract']?.retries, { user: 2, timeout: 2 })
    assert.deepEqual(pipeline.steps['end']?.retries, { user: 1, timeout: 1 })
    const first = pipeline.steps['load-load_de']
    assert.deepEqual([first?.retries, first?.timeout], [{}, '180s'])
    assert.deepEqual(pipeline.params, {
      size: { type: 'int', default: 3, min: 1, max: 9, help: 'rows' },
      mode: { type: 'choice', default: 'a', choices: ['a', 'b'] },
      names: { type: 'list', of: 'string', default: ['x'] },
    })
    const { left } = data[0] as Data
    const line = (of: string): number => AIRFLOW.split('\n').findIndex((one) => one.includes(of)) + 1
    const named = (of: RegExp): number | undefined => left.find(({ what }) => of.test(what))?.line
    assert.equal(named(/^trigger_rule of task "fast"/), line('trigger_rule='))
    assert.equal(named(/^catchup/), line('with DAG('))
    assert.equal(named(/^retry_delay of all tasks/), line('with DAG('))
    assert.equal(named(/^param "odd name"/), line('with DAG('))
    assert.equal(named(/^task "choose" chooses what runs/), line('way = choose'))
    assert.equal(named(/^"extract" is mapped over a list/), line('extract.expand'))
    assert.ok(lines.some((said) => said.includes(`night.py:${line('trigger_rule=')}: trigger_rule of task "fast"`)))
  })

  test('its steps are Python: each fails with what to put in its place, and what did nothing does nothing', async () => {
    const call = 'import sys; sys.path.insert(0, sys.argv[1]); import steps; getattr(steps, sys.argv[2])()'
    const run = (name: string): ReturnType<typeof outputOf> =>
      outputOf('python3', ['-B', '-c', call, join(root, 'airflow'), name], { limitMs: 60_000 })
    assert.deepEqual(await run('start'), { code: 0, out: '' })
    const { code, out } = await run('load_load_de')
    assert.equal(code, 1)
    assert.match(out, /NotImplementedError: put here what task "load\.load_de" did \(BashOperator, night\.py:\d+\)/)
    assert.equal((await run('step_class')).code, 1)
  })

  test('a compiled pipeline of Kubeflow: files, params, order, retries, and what stands in groups', async () => {
    const folder = join(root, 'kubeflow')
    const text = readFileSync(join(import.meta.dirname, 'kubeflow-pipeline.fixture.yaml'), 'utf8')
    const { data } = await imported('night.yaml', text, '--out', folder)
    const written = readFileSync(join(folder, 'slipway.yaml'), 'utf8')
    assert.deepEqual(readProject(written).faults, [])
    const { pipeline, project } = parseProject(written)
    assert.equal(project, 'night-train')
    const { load, fit, check, clean } = pipeline.steps
    assert.deepEqual([load?.params, load?.outputs], [{ size: '{params.size}' }, ['rows']])
    assert.deepEqual([fit?.inputs, fit?.retries], [{ rows: 'load.rows' }, { user: 2, timeout: 2 }])
    assert.deepEqual([check?.after, clean?.after], [['fit'], ['check']])
    assert.deepEqual(pipeline.steps['condition-1-publish']?.after.toSorted(), ['check', 'fit'])
    assert.deepEqual(pipeline.steps['for-loop-3-each']?.after, [])
    assert.deepEqual(pipeline.params?.['rate'], { type: 'float', default: 0.5 })
    const { left } = data[0] as Data
    const at = (of: RegExp): string | undefined => {
      const found = left.find(({ what }) => of.test(what))
      return found === undefined ? undefined : text.split('\n')[found.line - 1]?.trim()
    }
    assert.equal(at(/^"condition-1" has a condition/), 'condition-1:')
    assert.equal(at(/^"for-loop-3" is run for each item/), 'for-loop-3:')
    assert.equal(at(/^param "tags": LIST/), 'tags:')
    assert.equal(at(/^"score" of task "check" is a value of another task/), 'score:')
    assert.match(readFileSync(join(folder, 'steps.py'), 'utf8'), /^ {4}# {3}def fit\(rows: Input\[Dataset\]/m)
  })

  test('what cannot be read says why, and nothing is written over', async () => {
    const refused = (name: string, text: string, ...more: string[]): Promise<unknown> => imported(name, text, ...more)
    await assert.rejects(refused('a.py', 'x = ('), /a\.py cannot be read: line 1: /)
    await assert.rejects(refused('a.py', 'x = 1'), /a\.py has no DAG that can be read/)
    await assert.rejects(
      refused('a.py', 'DAG("one")\nDAG("two")'),
      /several DAGs: one \(line 1\), two \(line 2\); choose one/,
    )
    await assert.rejects(refused('a.py', 'DAG("one")\nDAG("two")', '--dag', 'three'), /has no DAG "three"; it has one/)
    await assert.rejects(refused('a.py', 'DAG("one")'), /the DAG one of .* has no task/)
    await assert.rejects(refused('a.yaml', 'a: [1'), /a\.yaml cannot be read: /)
    await assert.rejects(refused('a.yaml', 'a: 1'), /no compiled pipeline of Kubeflow: pipelineInfo/)
    await assert.rejects(refused('a.txt', ''), /expected \.py of Airflow, or \.yaml of Kubeflow/)
    await assert.rejects(runCommand(root, 'dag', 'import', join(root, 'none.py')), /there is no file/)
    await assert.rejects(runCommand(root, 'dag', 'import'), /needs a file/)
    const before = readFileSync(join(root, 'airflow', 'steps.py'), 'utf8')
    await assert.rejects(
      imported('night.py', AIRFLOW, '--out', join(root, 'airflow')),
      /exists already; it is left as it is/,
    )
    assert.equal(readFileSync(join(root, 'airflow', 'steps.py'), 'utf8'), before)
  })

  test('a file that would grow without end while it is read is refused, as is one that nests too deep', async () => {
    const loops = `${'for a in range(1000):\n'.split('\n')[0]}\n for b in range(1000):\n  c = a\nDAG("d")\n`
    await assert.rejects(imported('long.py', loops), /more is written here than is read of one file/)
    await assert.rejects(imported('deep.py', `x = ${'-'.repeat(20_000)}1`), /cannot be read/)
    const texts = 'x = "a" * 99\n'.concat('x = x + x\n'.repeat(60), 'DAG("d")\n')
    await assert.rejects(imported('texts.py', texts), /has no task that can be read/)
  })
})
