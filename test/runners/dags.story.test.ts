/** What `slipway dag` writes, in the schedulers' own programs: Airflow and Kubeflow run it, the others read it by their own schemas and parsers. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, describe, test, type TestContext } from 'node:test'
import { DAG_TOOLS, type DagTool } from '../../src/contract/pipelines/tasks.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { ForeignFile } from '../../src/pipelines/dag/read/foreign.ts'
import { readKubeflow } from '../../src/pipelines/dag/read/kubeflow.ts'
import { skeletonOf } from '../../src/pipelines/dag/read/skeleton.ts'
import { readProject } from '../../src/pipelines/spec/parse.ts'
import { nightProject, nightSteps } from '../fixtures/night-project.ts'
import { projectServer } from '../fixtures/project-server.ts'
import { outputOf, type Output } from '../output.ts'
import { ACTIONLINT, findGoTool, missing } from '../programs/go-tools.ts'
import { testEnv } from '../python-env.ts'

const READER = join(import.meta.dirname, '../../python/slipway/dags/command.py')
const AIRFLOW = ['apache-airflow==3.3.2']
/** Its local runner installs the SDK into the environment of a component, by pip. */
const KUBEFLOW = ['kfp==2.17.3', 'pip', 'setuptools']
const READERS = [
  'hera==7.1.0',
  'azure-ai-ml==1.35.2',
  'moto==5.2.5',
  'boto3==1.44.8',
  'azure-mgmt-datafactory==9.3.0',
  'antlr4-python3-runtime',
  'jsonpath_ng',
]

const MORE = [
  '  mode: {type: choice, choices: [fast, slow], default: fast}',
  'schedule: {cron: "0 3 * * *", timezone: Europe/Berlin}',
]

/** Reads an Argo template by the types made from Argo's own schema, and names fields that it does not have. */
const ARGO = `
import sys, pydantic, yaml
from hera.workflows.models import WorkflowTemplate
def unknown(model, data, path=""):
    if isinstance(model, list):
        return [one for at, (m, d) in enumerate(zip(model, data)) for one in unknown(m, d, f"{path}[{at}]")]
    if not isinstance(model, pydantic.BaseModel):
        return []
    names = {(field.alias or name): name for name, field in type(model).model_fields.items()}
    missing = [f"{path}.{name}" for name in data if name not in names]
    return missing + [one for name in data if name in names for one in unknown(getattr(model, names[name]), data[name], f"{path}.{name}")]
data = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
print("unknown:", unknown(WorkflowTemplate.model_validate(data), data))
`
const AZURE = `
import sys
from azure.ai.ml import load_job
job = load_job(sys.argv[1])
found = job._validate()
print("jobs:", ",".join(job.jobs), "valid:", found.passed, found.error_messages)
`
const STATES = `
import sys
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
print("read:", type(AmazonStateLanguageParser.parse(open(sys.argv[1], encoding="utf-8").read())[0]).__name__)
`
/** Holds each step's job to what AWS's own model of the call says: names, types, lengths, patterns, values. */
const SAGEMAKER = `
import json, re, sys, botocore.session
from botocore.validate import ParamValidator
job = botocore.session.Session().get_service_model("sagemaker").shape_for("CreateProcessingJobRequest")
GIVEN = {"Parameters.RoleArn": "arn:aws:iam::123456789012:role/jobs", "Parameters.InstanceType": "ml.m5.large"}
def filled(value):
    if isinstance(value, dict):
        return GIVEN.get(value["Get"], "x") if set(value) == {"Get"} else {name: filled(one) for name, one in value.items()}
    return [filled(one) for one in value] if isinstance(value, list) else value
def faults(shape, value, at):
    rules = shape.metadata
    if shape.type_name == "structure":
        return [fault for name, one in value.items() for fault in faults(shape.members[name], one, f"{at}.{name}")]
    size = len(value) if hasattr(value, "__len__") else value
    found = [] if rules.get("min", size) <= size <= rules.get("max", size) else [f"{at}: {size} is not within {rules}"]
    if shape.type_name == "list":
        return found + [fault for one in value for fault in faults(shape.member, one, at)]
    if shape.type_name == "map":
        return found + [fault for key, one in value.items() for fault in faults(shape.key, key, at) + faults(shape.value, one, f"{at}.{key}")]
    if isinstance(value, str) and not re.fullmatch(rules.get("pattern", ".*"), value, re.S): found.append(f"{at}: pattern")
    if isinstance(value, str) and getattr(shape, "enum", None) and value not in shape.enum: found.append(f"{at}: {value}")
    return found
steps = json.load(open(sys.argv[1], encoding="utf-8"))["Steps"]
found = []
for step in steps:
    asked = {**filled(step["Arguments"]), "ProcessingJobName": "job"}
    wrong = ParamValidator().validate(asked, job).generate_report()
    found += [wrong] if wrong else faults(job, asked, step["Name"])
print("steps:", ",".join(step["Name"] for step in steps), "faults:", found)
`
/** Reads the parts of a factory by Microsoft's models: nothing is lost, and nothing is left that they do not know. */
const FACTORY = `
import json, sys
from azure.mgmt.datafactory.models import PipelineResource, TriggerResource
def unknown(model, at):
    if isinstance(model, list):
        return [one for part in model for one in unknown(part, at)]
    if not hasattr(model, "_attribute_map"):
        return []
    more = getattr(model, "additional_properties", None) or {}
    parts = [name for name in model._attribute_map if name != "additional_properties"]
    return [f"{at}.{name}" for name in more] + [one for name in parts for one in unknown(getattr(model, name), f"{at}.{name}")]
for resource in json.load(open(sys.argv[1], encoding="utf-8"))["resources"]:
    kind = PipelineResource if resource["type"].endswith("/pipelines") else TriggerResource
    given = {"properties": resource["properties"]}
    read = kind.deserialize(given)
    # a time without a zone is read as one of UTC
    same = json.loads(json.dumps(read.serialize()).replace(':00.000Z"', ':00"')) == given
    print(kind.__name__, "same:", same, "unknown:", unknown(read, ""))
`
/** Airflow's own examples, as Airflow reads them: file → DAG → task → the tasks before it. */
const EXAMPLES = `
import json, sys
from pathlib import Path
import airflow.example_dags
from airflow.dag_processing.dagbag import DagBag
folder = Path(airflow.example_dags.__file__).parent
found = {}
for file in sorted(folder.glob("*.py")):
    dags = DagBag(dag_folder=str(file)).dags.values()
    found[str(file)] = {dag.dag_id: {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks} for dag in dags}
Path(sys.argv[1]).write_text(json.dumps(found))
`
/** What is read of them otherwise than Airflow does, and named with its line: assets are no tasks, and a teardown is no end of its group. */
const OTHERWISE = ['example_setup_teardown_taskflow']

const LOCAL = `
import sys
sys.path.insert(0, sys.argv[1])
from kfp import local
import night
local.init(runner=local.SubprocessRunner(use_venv=False), raise_on_error=True, pipeline_root=sys.argv[2])
night.pipeline()
`

describe('DAGs in the schedulers themselves', () => {
  const at = projectServer('dags', {
    'slipway.yaml': nightProject('night-1', MORE, ', resources: {cpus: 1, memory: 512MiB}'),
    'step.py': nightSteps(),
  })
  const fileOf = (tool: DagTool): string => join(at.folder, tool, tool === 'kubeflow' ? 'night.py' : `dag-${tool}.yml`)

  before(async () => {
    for (const tool of DAG_TOOLS) {
      mkdirSync(dirname(fileOf(tool)), { recursive: true })
      const { code, said } = await at.slipway('dag', tool, at.project, '--out', fileOf(tool))
      assert.equal(code, 0, said)
    }
  })

  /** The interpreter of an environment; undefined where it cannot be had, which is told. */
  async function pythonWith(t: TestContext, packages: readonly string[]): Promise<string | undefined> {
    try {
      return await testEnv(packages, 'once')
    } catch (error) {
      t.skip(`${packages[0]} is not in the cache and could not be installed: ${(error as Error).message.slice(-200)}`)
      return undefined
    }
  }
  const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    ...process.env,
    HOME: at.folder,
    SLIPWAY_TOKEN: at.server.token,
    SLIPWAY_NODE_CACHE: join(at.folder, 'node'),
    ...more,
  })
  const read = (python: string, source: string, tool: DagTool): Promise<Output> =>
    outputOf(python, ['-c', source, fileOf(tool)], { env: env(), limitMs: 120_000 })
  async function newestRun() {
    const { items } = await at.server.client.call(pipelinesApi.listPipelineRuns, { query: { limit: 1 } })
    return at.server.client.call(pipelinesApi.getPipelineRun, { params: { id: items[0]?.id ?? '' } })
  }

  test('Airflow reads the file without a fault, and runs it: steps, items, what is skipped, and the end', async (t) => {
    const python = await pythonWith(t, AIRFLOW)
    if (python === undefined) return
    const home = join(at.folder, 'airflow-home')
    mkdirSync(join(home, 'dags'), { recursive: true })
    writeFileSync(join(home, 'dags', 'night.py'), readFileSync(fileOf('airflow')))
    const own = env({
      AIRFLOW_HOME: home,
      AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
      AIRFLOW__LOGGING__LOGGING_LEVEL: 'WARNING',
    })
    const airflow = (...words: string[]): Promise<Output> =>
      outputOf(join(dirname(python), 'airflow'), words, { env: own, limitMs: 300_000 })
    const migrated = await airflow('db', 'migrate')
    assert.equal(migrated.code, 0, migrated.out)
    const faults = await airflow('dags', 'list-import-errors')
    assert.match(faults.out, /No data found/)
    const ran = await airflow('dags', 'test', 'slipway_night-1', '2026-01-01')
    assert.equal(ran.code, 0, ran.out)
    assert.match(ran.out, /^reads 3$/m)
    assert.match(ran.out, /large: skipped: its condition does not hold/)
    const run = await newestRun()
    assert.deepEqual(
      [run.outcome, ...run.steps.map(({ state }) => state)],
      ['succeeded', 'succeeded', 'succeeded', 'skipped', 'succeeded'],
    )
    assert.deepEqual(run.set, { size: 3, mode: 'fast' })
  })

  test('what is read of Airflow’s examples without running them is what Airflow makes of them', async (t) => {
    const python = await pythonWith(t, AIRFLOW)
    if (python === undefined) return
    const result = join(at.folder, 'examples.json')
    const own = env({ AIRFLOW_HOME: join(at.folder, 'examples'), AIRFLOW__LOGGING__LOGGING_LEVEL: 'ERROR' })
    const { code, out } = await outputOf(python, ['-W', 'ignore', '-c', EXAMPLES, result], {
      env: own,
      limitMs: 300_000,
    })
    assert.equal(code, 0, out)
    type Tasks = Record<string, string[]>
    const examples = JSON.parse(readFileSync(result, 'utf8')) as Record<string, Record<string, Tasks>>
    let same = 0
    for (const [file, dags] of Object.entries(examples)) {
      const words = ['-I', '-W', 'ignore', READER, file]
      const { code: ended, out: told } = await outputOf('python3', words, { limitMs: 120_000 })
      assert.equal(ended, 0, told)
      const read = ForeignFile.parse(JSON.parse(told))
      if ('fault' in read) assert.fail(`${file}: ${read.fault}`)
      for (const dag of read.dags) {
        const real = dags[dag.name]
        if (real === undefined || OTHERWISE.includes(dag.name)) continue
        assert.deepEqual(Object.fromEntries(dag.tasks.map(({ id, needs }) => [id, needs.toSorted()])), real, dag.name)
        same += 1
        if (dag.tasks.length === 0) continue
        const { text } = skeletonOf(dag, file)
        assert.deepEqual(readProject(text).faults, [], text)
      }
    }
    assert.ok(same >= 75, `${same} DAGs were compared`)
  })

  test('Kubeflow’s SDK compiles the source, and its local runner runs it, with what Airflow made from the cache', async (t) => {
    const python = await pythonWith(t, KUBEFLOW)
    if (python === undefined) return
    const folder = dirname(fileOf('kubeflow'))
    const words = ['dsl', 'compile', '--py', fileOf('kubeflow'), '--output', join(folder, 'pipeline.yaml')]
    const compiled = await outputOf(join(dirname(python), 'kfp'), words, { env: env(), limitMs: 120_000 })
    assert.equal(compiled.code, 0, compiled.out)
    assert.match(readFileSync(join(folder, 'pipeline.yaml'), 'utf8'), /dependentTasks:/)
    const read = readKubeflow(readFileSync(join(folder, 'pipeline.yaml'), 'utf8'))
    if ('fault' in read) assert.fail(read.fault)
    // each task of the compiled form, with the order that the source asked for
    const needs = read.dags[0]?.tasks.map((task) => [task.id, task.needs.toSorted()]) ?? []
    const [first, second, third, fourth, end] = ['', '-2', '-3', '-4', '-5'].map((n) => `slipway-step${n}`)
    assert.deepEqual(Object.fromEntries(needs), {
      [first ?? '']: [],
      [second ?? '']: [first],
      [third ?? '']: [first],
      [fourth ?? '']: [second],
      [end ?? '']: [third, fourth],
    })
    const ran = await outputOf(python, ['-c', LOCAL, folder, join(folder, 'out')], { env: env(), limitMs: 300_000 })
    assert.equal(ran.code, 0, ran.out)
    const { outcome, message } = await newestRun()
    assert.deepEqual([outcome, message], ['succeeded', '0 steps ran, 3 came from the cache, 1 was skipped'])
  })

  test('Argo’s types, the SDKs of Azure and AWS and a parser of the States Language read theirs', async (t) => {
    const python = await pythonWith(t, READERS)
    if (python === undefined) return
    const argo = await read(python, ARGO, 'argo')
    assert.match(argo.out, /^unknown: \[\]$/m)
    const azure = await read(python, AZURE, 'azure')
    assert.match(azure.out, /^jobs: read,fit_each,large,report,slipway_end valid: True \{\}$/m)
    const states = await read(python, STATES, 'step-functions')
    assert.match(states.out, /^read: Program$/m)
    const sagemaker = await read(python, SAGEMAKER, 'sagemaker')
    assert.match(sagemaker.out, /^steps: read,fit-each,large,report,slipway_end faults: \[\]$/m)
    const factory = await read(python, FACTORY, 'data-factory')
    assert.match(factory.out, /^PipelineResource same: True unknown: \[\]$/m)
    assert.match(factory.out, /^TriggerResource same: True unknown: \[\]$/m)
  })

  test('actionlint finds nothing in the workflow of GitHub', async (t) => {
    const actionlint = await findGoTool(ACTIONLINT)
    if (actionlint === undefined) return t.skip(missing(ACTIONLINT))
    const { code, out } = await outputOf(actionlint, ['-shellcheck=', fileOf('github')], { limitMs: 120_000 })
    assert.equal(code, 0, out)
  })
})
