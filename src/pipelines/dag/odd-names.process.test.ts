/** DAGs of projects whose names, params and times mean something in the language of another scheduler: they are written so that they mean nothing there, or refused by name. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parse } from 'yaml'
import { outputOf } from '../../../test/output.ts'
import { DAG_TOOLS, type DagTool } from '../../contract/pipelines/tasks.ts'
import { specOf } from '../spec/edits.fixture.ts'
import { writeDag } from './dag.ts'

/** Words of Python, and names that a written file has for its own things. */
const STEPS = [
  'run',
  'task',
  'class',
  'None',
  'dsl',
  'url',
  'params',
  'dag',
  'pipeline',
  '2nd',
  'slipway_step',
  'print',
]

function odd(project: string, more: readonly string[] = []): string {
  const steps = STEPS.map((name, i) => `    ${name}: {run: "step:main"${i === 0 ? '' : `, after: [${STEPS[i - 1]}]`}}`)
  return `project: ${project}\npython: {packages: []}\npipeline:\n${more.map((line) => `  ${line}\n`).join('')}  steps:\n${steps.join('\n')}\n`
}

const PARAMS = [
  'params:',
  '  rate: {type: float, default: 1.0, min: 0, help: "\\"\\"\\"); import os; os.abort(); \'\'\' \\\\"}',
  '  big: {type: int, default: 123456789012345678901234567890}',
  '  rates: {type: list, of: float, default: [1.0, 0.5]}',
  `  word: {type: choice, choices: [1.0, "{{ 1 }}", 'é\\n'], default: "{{ 1 }}"}`,
]

/** Runs a DAG file with what it takes of Airflow, and tells what it made: Airflow itself reads one in the second part of the check. */
const AIRFLOW = `
import json, runpy, sys, types
made, edges = [], []
class Params:
    def __init__(self, default=None, **rules): self.default, self.rules = default, rules
class Dag:
    def __init__(self, **given): self.given = given; made.append(self)
    def __enter__(self): return self
    def __exit__(self, *_): pass
class Operator:
    def __init__(self, task_id, python_callable, op_args, trigger_rule):
        assert callable(python_callable), task_id
        self.id = task_id; made.append(self); self.args = op_args
    def __rshift__(self, other): edges.append([self.id, other.id])
def module(name, **names): sys.modules[name] = types.SimpleNamespace(**names)
for name in ("airflow", "airflow.providers", "airflow.providers.standard", "airflow.providers.standard.operators", "airflow.timetables"): module(name)
module("airflow.providers.standard.operators.python", PythonOperator=Operator)
module("airflow.sdk", DAG=Dag, Connection=None, Param=Params, get_current_context=None)
module("airflow.sdk.exceptions", AirflowException=Exception, AirflowFailException=Exception, AirflowSkipException=Exception)
module("airflow.timetables.trigger", CronTriggerTimetable=lambda cron, timezone: [cron, timezone])
runpy.run_path(sys.argv[1])
dag, *tasks = made
params = {name: [param.default, type(param.default).__name__] for name, param in dag.given["params"].items()}
print(json.dumps({"tasks": [[one.id, *one.args] for one in tasks], "edges": edges, "params": params, "schedule": dag.given["schedule"]}))
`
const KUBEFLOW = `
import json, runpy, sys, types
made = []
class Made:
    def __init__(self, step): self.step, self.needs = step, []
    def set_display_name(self, name): return self
    def set_caching_options(self, on): return self
    def after(self, *needs): self.needs = [need.step for need in needs]; return self
def component(**_):
    def given(run):
        def call(version, step, run, url, params):
            made.append(Made(step)); return made[-1]
        return call
    return given
dsl = types.SimpleNamespace(component=component, pipeline=lambda **given: lambda run: made.append(given["name"]) or run, PIPELINE_JOB_ID_PLACEHOLDER="id")
sys.modules["kfp"] = types.SimpleNamespace(dsl=dsl)
runpy.run_path(sys.argv[1])["pipeline"]()
name, *tasks = made
print(json.dumps({"name": name, "tasks": [[one.step, one.needs] for one in tasks]}))
`

interface ArgoTemplate {
  readonly dag?: { readonly tasks: readonly { readonly arguments: { readonly parameters: readonly object[] } }[] }
}

describe('DAGs of odd projects', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-dags-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function written(tool: DagTool, project: string, more: readonly string[] = []): Promise<string> {
    const spec = await specOf({ 'slipway.yaml': odd(project, more), 'step.py': 'def main(): pass\n' })
    return writeDag(tool, { version: 'pv_1', spec, url: 'http://server:1' }).text
  }
  async function told<T>(program: string, text: string): Promise<T> {
    const file = join(folder, 'dag.py')
    writeFileSync(file, text)
    const { code, out } = await outputOf('python3', ['-c', program, file], { limitMs: 120_000 })
    assert.equal(code, 0, out)
    return JSON.parse(out) as T
  }
  const at = (cron: string): readonly string[] => [`schedule: {cron: "${cron}", timezone: Europe/Berlin}`]

  test('Airflow gets each step as a task behind the one before it, and params as the values that they are', async () => {
    type Read = { tasks: string[][]; edges: string[][]; params: Record<string, [unknown, string]> }
    const text = await written('airflow', 'odd', PARAMS)
    const { tasks, edges, params } = await told<Read>(AIRFLOW, text)
    const ids = STEPS.map((name) => (name === '2nd' ? 'step_2nd' : name))
    assert.deepEqual(tasks, [...STEPS.map((name, i) => [ids[i], name]), ['slipway_end']])
    const expected = [...ids.slice(1).map((id, i) => [ids[i], id]), [ids.at(-1), 'slipway_end']]
    assert.deepEqual(edges, expected)
    assert.deepEqual(params['rate'], [1, 'float'])
    assert.deepEqual(params['rates'], [[1, 0.5], 'list'])
    assert.deepEqual([params['big']?.[1], params['word']?.[0]], ['int', '{{ 1 }}'])
    assert.match(text, /\b123456789012345678901234567890\b/)
  })

  test('Kubeflow gets them too', async () => {
    type Read = { name: string; tasks: [string, string[]][] }
    const { tasks } = await told<Read>(KUBEFLOW, await written('kubeflow', 'odd', PARAMS))
    assert.deepEqual(
      tasks,
      [...STEPS, ''].map((step, i) => [step, i === 0 ? [] : [STEPS[i - 1]]]),
    )
  })

  test('names of Kubernetes are names, and two projects have two of them', async () => {
    const names: string[] = []
    for (const project of ['a.b', 'A-b', `${'long-'.repeat(25)}x-`]) {
      const argo = parse(await written('argo', project)) as { metadata: { name: string } }
      const { name } = await told<{ name: string }>(KUBEFLOW, await written('kubeflow', project))
      assert.equal(name, argo.metadata.name)
      assert.match(name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
      names.push(name)
    }
    assert.equal(new Set(names).size, 3)
  })

  test('steps whose names are other values in YAML 1.1 are texts there', async () => {
    const names = ['on', 'off', 'yes', 'no', 'y', 'n', '2026-01-01', '1_000', '0b11', '012', '1e5', '0x1f', 'null']
    const steps = names.map((name) => `    "${name}": {run: "step:main"}\n`).join('')
    const files = { 'slipway.yaml': `project: yes\npipeline:\n  steps:\n${steps}`, 'step.py': 'def main(): pass\n' }
    const laid = { version: 'pv_1', spec: await specOf(files), url: 'http://server:1' }
    const argo = parse(writeDag('argo', laid).text, { version: '1.1' }) as { spec: { templates: ArgoTemplate[] } }
    const named = argo.spec.templates.flatMap((one) => one.dag?.tasks ?? []).map((one) => one.arguments.parameters[0])
    assert.deepEqual(
      named,
      [...names, ''].map((value) => ({ name: 'step', value })),
    )
    const azure = parse(writeDag('azure', laid).text, { version: '1.1' }) as {
      jobs: Record<string, { display_name: unknown }>
    }
    const shown = Object.values(azure.jobs).map((one) => one.display_name)
    assert.deepEqual(shown, [...names, 'end of the run'])
  })

  test('a schedule means the same there, or is refused', async () => {
    const seconds = at('0 30 4 * * 1-5')
    const { schedule } = await told<{ schedule: unknown }>(AIRFLOW, await written('airflow', 'odd', seconds))
    assert.deepEqual(schedule, ['30 4 * * 1-5', 'Europe/Berlin'])
    const workflow = parse(await written('github', 'odd', seconds)) as { on: { schedule: object[] } }
    assert.deepEqual(workflow.on.schedule, [{ cron: '30 4 * * 1-5' }])
    for (const tool of ['airflow', 'github'] as const)
      for (const cron of ['0 4 L * *', '30 0 4 * * *'])
        await assert.rejects(written(tool, 'odd', at(cron)), /cannot be written for another scheduler/)
  })

  test('a pipeline with partitions is refused by name for every scheduler', async () => {
    for (const tool of DAG_TOOLS)
      await assert.rejects(
        written(tool, 'odd', ['partitions: {by: day, start: "2026-01-01"}']),
        /a pipeline with partitions cannot be written as a DAG/,
      )
  })

  test('the jobs of Azure are of one run, named by what all of them know', async () => {
    type Job = { command: string; environment_variables: Record<string, string> }
    const { jobs } = parse(await written('azure', 'odd')) as { jobs: Record<string, Job> }
    for (const { command, environment_variables } of Object.values(jobs)) {
      const shell = command
        .replace('${{outputs.done}}', join(folder, 'done'))
        .replace(/python3 -c .*?(?= &&)/, 'echo "$SLIPWAY_RUN $SLIPWAY_PARAMS"')
      const run = (env: NodeJS.ProcessEnv): ReturnType<typeof outputOf> =>
        outputOf('bash', ['-c', shell], {
          env: { PATH: process.env['PATH'], ...environment_variables, ...env },
          limitMs: 120_000,
        })
      const params = `{"rate": 2, "of": "a'; echo b; $(echo c)"}`
      const given = { AZUREML_ROOT_RUN_ID: 'night_1', AZUREML_PARAMETER_params: params }
      assert.deepEqual(await run(given), { code: 0, out: `azure night_1 ${params}\n` })
      for (const name of Object.keys(given)) assert.notEqual((await run({ ...given, [name]: undefined })).code, 0)
    }
  })
})
