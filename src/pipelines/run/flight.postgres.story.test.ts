/** Steps with equal keys at the same time on a real PostgreSQL, with two control processes of which one is killed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import { until } from '../../../test/until.ts'
import { openBench, type Bench } from '../bench.fixture.ts'
import { flightCases } from './flight.cases.ts'

async function database(t: TestContext): Promise<string> {
  const server = await startPostgres()
  t.after(() => server.stop())
  return server.url
}

flightCases('PostgreSQL', database)

/** A step that ends when a file says so, and counts how often it began. */
const project = (folder: string): Record<string, string> => ({
  'slipway.yaml': 'project: fly\npipeline: {steps: {one: {run: one:main, outputs: [a]}}}\n',
  'one.py': `import os, pathlib, time
FOLDER = pathlib.Path(${JSON.stringify(folder)})
def main(a):
    (FOLDER / f"began-{os.getpid()}").write_text("")
    while not (FOLDER / "go").exists():
        time.sleep(0.02)
    a.write_text(str(os.getpid()))
`,
})

interface Two {
  readonly folder: string
  readonly bench: Bench
  /** Kills the process that leads, at once. */
  readonly kill: () => Promise<void>
  /** Runs of the process that leads, and of the other one. */
  readonly first: string
  readonly second: string
  readonly began: () => number[]
}

/** Two processes on one database; the run of the one that leads holds the key, that of the other waits for it. */
async function two(t: TestContext): Promise<Two> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-flights-'))
  const dataDir = join(folder, 'data')
  mkdirSync(dataDir)
  // hooks run in their order: processes and rooms go before their database
  const closing: (() => Promise<unknown>)[] = []
  t.after(async () => {
    writeFileSync(join(folder, 'go'), '')
    for (const close of closing) await close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const url = await database(t)
  writeFileSync(join(dataDir, 'files.json'), JSON.stringify(project(folder)))
  const fixture = join(import.meta.dirname, 'control.fixture.ts')
  const leader = spawn(process.execPath, [fixture, dataDir, url], { stdio: 'inherit' })
  const gone = new Promise((resolve) => leader.once('exit', resolve))
  const kill = async (): Promise<void> => {
    leader.kill('SIGKILL')
    await gone
  }
  closing.push(kill)
  const began = (): number[] =>
    readdirSync(folder).flatMap((name) => (name.startsWith('began-') ? [Number(name.slice(6))] : []))
  await until('the first process runs the step', () => existsSync(join(dataDir, 'run-id')) && began().length === 1)
  const bench = await openBench(dataDir, undefined, url)
  closing.push(() => bench.close())
  const second = await bench.begin(project(folder))
  await until('the second waits', async () => (await bench.view(second)).steps[0]?.waits_for !== null)
  return { folder, bench, kill, began, second, first: readFileSync(join(dataDir, 'run-id'), 'utf8') }
}

test('the run of another process is waited for, through a kill -9 of the process that leads', async (t) => {
  const { folder, bench, kill, began, first, second } = await two(t)
  assert.deepEqual((await bench.view(second)).steps[0]?.waits_for, { run: first, step: 'one' })
  await kill()
  writeFileSync(join(folder, 'go'), '')
  const [one, other] = [await bench.end(first), await bench.end(second)]
  assert.deepEqual([one.outcome, other.outcome], ['succeeded', 'succeeded'])
  assert.deepEqual([one.steps[0]?.state, other.steps[0]?.state], ['succeeded', 'cached'])
  assert.deepEqual([other.steps[0]?.cache?.from_run, began().length], [first, 1])
})

test('a kill -9 of the leader and of the step that is waited for loses no run: one of both runs it again', async (t) => {
  const { folder, bench, kill, began, first, second } = await two(t)
  await kill()
  for (const { id } of await bench.store.db.all<{ id: string }>('SELECT id FROM pipeline_attempts'))
    await bench.room.context.deps.driver.kill(id)
  await until('the step is run again', () => began().length === 2)
  writeFileSync(join(folder, 'go'), '')
  const ended = [await bench.end(first), await bench.end(second)]
  assert.deepEqual(
    ended.map(({ outcome }) => outcome),
    ['succeeded', 'succeeded'],
  )
  assert.deepEqual(ended.map(({ steps }) => steps[0]?.state ?? '').toSorted(), ['cached', 'succeeded'])
  assert.deepEqual(ended[0]?.steps[0]?.outputs, ended[1]?.steps[0]?.outputs)
  assert.equal(began().length, 2)
})
