/** Two control processes on one database: one moves runs on, and the other takes over when it leaves or dies. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { until } from '../../../test/until.ts'
import { openBench, type Bench } from '../bench.fixture.ts'
import type { Driver } from '../drivers/driver.ts'
import { localDriver } from '../drivers/local/driver.ts'
import { Leases } from '../../jobs/leases.ts'
import { openPipelines, type Pipelines } from '../pipelines.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-leader-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

const FILES = {
  'slipway.yaml': 'project: lead\npipeline: {steps: {one: {run: one:main, outputs: [a]}}}\n',
  'one.py': 'def main(a):\n    a.write_text("x")\n',
}

/** A driver that notes what is submitted through it. */
function noting(driver: Driver, notes: string[]): Driver {
  return new Proxy(driver, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        if (name === 'submit') notes.push((given[0] as { attempt: string }).attempt)
        return Reflect.apply(value, target, given) as unknown
      }
    },
  })
}

interface Two {
  readonly bench: Bench
  readonly second: Pipelines
  readonly first: string[]
  readonly other: string[]
}

async function open(name: string): Promise<Two> {
  const dataDir = join(root, name)
  const [first, other]: [string[], string[]] = [[], []]
  const driver = (notes: string[], { blobs }: Bench['store']): Driver =>
    noting(localDriver({ blobs, folder: join(dataDir, 'run', 'attempts'), clock: Date.now }), notes)
  const bench = await openBench(dataDir, (store) => ({ driver: driver(first, store) }))
  const second = openPipelines(
    { ...bench.room.context.deps, driver: driver(other, bench.store) },
    // it never takes a lease from one that is only slow
    new Leases(bench.store.db, { now: () => Date.now() - 3_600_000, steady: () => 0 }),
  )
  return { bench, second, first, other }
}

test('the second process starts nothing while the first leads, and takes over when it stops', async () => {
  const { bench, second, first, other } = await open('stops')
  await bench.end(await bench.begin(FILES))
  second.start()
  const runs = await Promise.all(Array.from({ length: 4 }, () => bench.begin(FILES, { force: true })))
  for (const id of runs) second.wake(id)
  for (const id of runs) {
    const run = await bench.end(id)
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.equal(run.steps[0]?.attempts.length, 1)
  }
  assert.deepEqual([first.length, other.length], [5, 0])
  await bench.room.stop()
  const last = await bench.end(await bench.begin(FILES, { force: true }))
  assert.equal(last.outcome, 'succeeded', last.message)
  assert.deepEqual([first.length, other.length], [5, 1])
  await second.stop()
  assert.deepEqual(bench.errors, [])
  await bench.close()
})

test('a run that another process has made is found without being told', async () => {
  const { bench, second, other } = await open('found')
  await bench.room.stop()
  second.start()
  const run = await bench.end(await bench.begin(FILES))
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.equal(other.length, 1)
  await second.stop()
  await bench.close()
})

test(
  'a process that is killed while it leads is replaced at once',
  { skip: process.platform !== 'linux' },
  async () => {
    const dataDir = join(root, 'killed')
    const bench = await openBench(dataDir)
    await bench.room.stop()
    writeFileSync(join(dataDir, 'files.json'), JSON.stringify({ ...FILES, 'one.py': 'def main(a):\n    input()\n' }))
    const leader = spawn(process.execPath, [join(import.meta.dirname, 'control.fixture.ts'), dataDir], {
      stdio: 'inherit',
    })
    const holder = async (): Promise<string> =>
      (await bench.store.db.get<{ holder: string | null }>("SELECT holder FROM leases WHERE name = 'pipelines'"))
        ?.holder ?? ''
    await until('it leads', async () => (await holder()).includes(`/${leader.pid}/`))
    leader.kill('SIGKILL')
    await new Promise((resolve) => leader.once('exit', resolve))
    // so that it can only be taken from a holder that is known to have ended
    await bench.store.db.tx((t) => t.run('UPDATE leases SET expires_at = ?', [Date.now() + 3_600_000]))
    const next = openPipelines(bench.room.context.deps, new Leases(bench.store.db))
    next.start()
    await until('it is replaced', async () => (await holder()).includes(`/${process.pid}/`))
    await next.stop()
    await bench.close()
  },
)
