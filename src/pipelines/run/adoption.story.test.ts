/** The control process is killed at any point: on return the run ends the same, nothing is lost and nothing doubled. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { until } from '../../../test/until.ts'
import { openStore } from '../../store/open.ts'
import { openBench } from '../bench.fixture.ts'
import { killMarked, marked } from '../drivers/local/processes.ts'
import type { RunView } from './view.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-adoption-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
let cases = 0

/** Two steps; each notes in a file outside that it began, and waits for a file before it ends. */
function project(gate: string, notes: string): Record<string, string> {
  return {
    'slipway.yaml':
      'project: crash\npipeline: {steps: {one: {run: work:one, outputs: [a]}, two: {run: work:two, inputs: {a: one.a}, outputs: [b]}}}\n',
    'work.py': `import os, time
def note(text):
    with open(${JSON.stringify(notes)}, "a") as file: file.write(text + "\\n")
def one(a):
    note("one begins")
    print("one has begun")
    while not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.02)
    a.write_text("from one")
    note("one ends")
    return {"m": 1}
def two(a, b):
    note("two begins")
    b.write_text(a.read_text() + ", then two")
    return {"m": 2}
`,
  }
}

interface Case {
  readonly dataDir: string
  readonly notes: () => string[]
  readonly openGate: () => void
  readonly control: (env?: Record<string, string>) => ChildProcess
}

function prepare(): Case {
  const folder = join(root, `case${++cases}`)
  const dataDir = join(folder, 'data')
  mkdirSync(dataDir, { recursive: true })
  const [gate, notes] = [join(folder, 'gate'), join(folder, 'notes')]
  writeFileSync(join(dataDir, 'files.json'), JSON.stringify(project(gate, notes)))
  return {
    dataDir,
    notes: () => (existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []),
    openGate: () => writeFileSync(gate, ''),
    control: (env = {}) =>
      spawn(process.execPath, [join(import.meta.dirname, 'control.fixture.ts'), dataDir], {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...process.env, ...env },
      }),
  }
}

/** What the control process leaves at its end. */
interface Ended {
  readonly run: RunView
  readonly tracked: readonly { readonly run_id: string; readonly status: string }[]
}

function gone(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

/** Waits until a process moves runs on. */
async function untilLeads(dataDir: string, { pid }: ChildProcess): Promise<void> {
  const { db } = await openStore({ dataDir })
  const sql = "SELECT holder FROM leases WHERE name = 'pipelines'"
  const isOf = (holder: string): boolean => holder.includes(`/${pid}/`) || holder.startsWith(`${pid}-`)
  await until(`process ${pid} leads`, async () => isOf((await db.get<{ holder: string | null }>(sql))?.holder ?? ''))
  await db.close()
}

/** A case whose control process was killed while step one runs. */
async function killedInStepOne(): Promise<Case> {
  const here = prepare()
  const control = here.control()
  await until('step one begins', () => here.notes().includes('one begins'))
  control.kill('SIGKILL')
  await gone(control)
  return here
}

async function finish({ dataDir, control }: Case): Promise<RunView> {
  await gone(control())
  const { run, tracked } = JSON.parse(readFileSync(join(dataDir, 'ended.json'), 'utf8')) as Ended
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(
    run.steps.map((step) => [step.state, step.metrics['m']]),
    [
      ['succeeded', 1],
      ['succeeded', 2],
    ],
  )
  assert.deepEqual(readdirSync(join(dataDir, 'run', 'attempts')), [], 'nothing is left of the attempts')
  const attempts = run.steps.flatMap((step) => step.attempts).filter((attempt) => attempt.tracking_run_id !== null)
  const succeeded = attempts.filter((attempt) => attempt.state === 'succeeded').map((one) => one.tracking_run_id)
  const finished = tracked.filter((one) => one.status === 'FINISHED').map((one) => one.run_id)
  assert.deepEqual(new Set(finished), new Set(succeeded), 'each attempt that succeeded has its finished tracking run')
  assert.deepEqual(
    tracked.filter((one) => one.status === 'RUNNING'),
    [],
    'no tracking run is left open',
  )
  return run
}

test('a step that runs while the control process is killed is adopted', async () => {
  const here = await killedInStepOne()
  const next = here.control()
  await untilLeads(here.dataDir, next)
  here.openGate()
  await gone(next)
  const run = await finish(here)
  assert.equal(run.steps[0]?.attempts.length, 1)
  assert.deepEqual(here.notes(), ['one begins', 'one ends', 'two begins'])
})

test('a step that ends while the control process is dead is collected', async () => {
  const here = await killedInStepOne()
  here.openGate()
  await until('step one ends', () => here.notes().includes('one ends'))
  const run = await finish(here)
  assert.equal(run.steps[0]?.attempts.length, 1)
  assert.deepEqual(here.notes(), ['one begins', 'one ends', 'two begins'])
})

test('a step that dies with the control process is repeated from our budget', async () => {
  const here = await killedInStepOne()
  const [attempt = ''] = readdirSync(join(here.dataDir, 'run', 'attempts'))
  await killMarked('SLIPWAY_ATTEMPT', attempt)
  here.openGate()
  const run = await finish(here)
  assert.deepEqual(
    run.steps[0]?.attempts.map((one) => [one.state, one.failure?.class ?? null]),
    [
      ['lost', 'infrastructure'],
      ['succeeded', null],
    ],
  )
})

test('a step whose wrapper alone is killed leaves no process behind and is repeated', async () => {
  const here = prepare()
  const bench = await openBench(here.dataDir)
  const id = await bench.begin(
    JSON.parse(readFileSync(join(here.dataDir, 'files.json'), 'utf8')) as Record<string, string>,
  )
  await until('step one begins', () => here.notes().includes('one begins'))
  const [attempt = ''] = readdirSync(join(here.dataDir, 'run', 'attempts'))
  const file = join(here.dataDir, 'run', 'attempts', attempt, 'process.json')
  // a step may be faster than the server, which writes down what it has started
  await until('its process is written down', () => existsSync(file))
  const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await until('the attempt is lost', async () => (await bench.view(id)).steps[0]?.attempts[0]?.state === 'lost')
  assert.deepEqual(await marked('SLIPWAY_ATTEMPT', attempt), [])
  here.openGate()
  const run = await bench.end(id)
  assert.equal(run.outcome, 'succeeded')
  assert.deepEqual(bench.errors, [])
  await bench.close()
})

/** Where the control process kills itself; `@2` is the second step's. */
const POINTS = [
  'pipelines.run_made',
  'pipelines.prepared',
  'pipelines.keyed',
  'pipelines.tracked',
  'pipelines.tracked@2',
  'pipelines.attempt_opened',
  'pipelines.attempt_opened@2',
  'pipelines.submitted',
  'pipelines.submitted@2',
  'pipelines.outputs_stored',
  'pipelines.attempt_closed',
  'pipelines.attempt_closed@2',
  'pipelines.run_closing',
]
for (const point of POINTS) {
  test(`killed at ${point}, the run ends the same`, async () => {
    const here = prepare()
    here.openGate()
    const crashed = here.control({ SLIPWAY_FAULT: point, SLIPWAY_TEST_HOOKS: '1' })
    await gone(crashed)
    assert.equal(crashed.signalCode, 'SIGKILL', 'the point was passed')
    if (!existsSync(join(here.dataDir, 'run-id'))) await nameTheRun(here.dataDir)
    const run = await finish(here)
    const ended = here.notes().filter((line) => line === 'one ends').length
    assert.equal(ended, 1, 'step one did its work once')
    for (const step of run.steps) {
      assert.equal(step.attempts.filter((attempt) => attempt.state === 'succeeded').length, 1)
      assert.ok(step.attempts.length <= 2)
    }
  })
}

/** The process died before it could write down its run's id: the run is in the database. */
async function nameTheRun(dataDir: string): Promise<void> {
  const { db } = await openStore({ dataDir })
  const row = await db.get<{ id: string }>('SELECT id FROM pipeline_runs')
  await db.close()
  writeFileSync(join(dataDir, 'run-id'), row?.id ?? assert.fail('the run was lost'))
}
