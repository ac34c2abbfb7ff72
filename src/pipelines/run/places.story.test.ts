/** The places of steps: a launch that fails in any way, or dies with the server, leaves its place to the next run. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { problem } from '../../contract/errors.ts'
import type { Failure } from '../../contract/pipelines.ts'
import { ANA, openBench, untilRun, type Bench } from '../bench.fixture.ts'
import type { Driver } from '../drivers/driver.ts'
import { localDriver } from '../drivers/local/driver.ts'
import { LOCK } from './idle.fixture.ts'
import { cancelRun } from './runs.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-places-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

const PYTHON = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
/** Asked for by the project whose launch fails; it locks to an environment of its own. */
const FAULTY = '>=3.9'
const ONE_PLACE = { cpus: 1, memory_bytes: 2 ** 40 }
const NO_PROGRAM = join(root, 'no-program')
writeFileSync(NO_PROGRAM, '#!/bin/sh\n', { mode: 0o644 })

function project(name: string, requires: string, step = ''): Record<string, string> {
  return {
    'slipway.yaml': `project: ${name}\npython: {requires: '${requires}'}\npipeline: {steps: {one: {run: a:main${step}}}}\n`,
    'a.py': 'def main(): pass\n',
  }
}

function fault(code: string): Error {
  return Object.assign(new Error(`${code}: it is refused`), { code })
}

/** How the launch of the faulty project fails; what is not named is sound. */
interface Way {
  readonly step?: string
  readonly resolve?: () => Promise<never>
  readonly python?: () => Promise<string>
  /** What the driver does instead, for the faulty project. */
  readonly submit?: () => Promise<unknown>
  readonly storeLog?: () => Promise<never>
  /** A file lies where the folders of attempts are made. */
  readonly blocked?: true
}

interface Server extends Bench {
  /** Takes the cause away, also from those who wait for it. */
  mend(): void
}

/** A server with one place for steps. */
async function serve(t: TestContext, way: Way): Promise<Server> {
  const dataDir = join(mkdtempSync(join(root, 'server-')), 'data')
  const attempts = join(dataDir, 'run', 'attempts')
  if (way.blocked) {
    mkdirSync(join(dataDir, 'run'), { recursive: true })
    writeFileSync(attempts, '')
  }
  let mended = false
  const envs = {
    resolve: ({ requires }: { requires: string }) =>
      requires !== FAULTY ? Promise.resolve(LOCK) : (way.resolve?.() ?? Promise.resolve({ ...LOCK, digest: FAULTY })),
    lock: () => Promise.resolve(LOCK),
    python: (digest: string) => (digest === FAULTY ? way.python?.() : undefined) ?? Promise.resolve(PYTHON),
  }
  const bench = await openBench(dataDir, ({ blobs, db }) => {
    const local = localDriver({ blobs, folder: attempts, clock: Date.now })
    const isFaulty = async (attempt: string): Promise<boolean> => {
      const row = await db.get<{ project: string }>(
        'SELECT r.project FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id WHERE a.id = ?',
        [attempt],
      )
      return !mended && row?.project === 'faulty'
    }
    const driver: Driver = Object.assign(Object.create(local) as Driver, {
      submit: async (spec: Parameters<Driver['submit']>[0]) => {
        if (way.submit !== undefined && (await isFaulty(spec.attempt))) await way.submit()
        return local.submit(spec)
      },
      storeLog: async (attempt: string) =>
        way.storeLog !== undefined && (await isFaulty(attempt)) ? way.storeLog() : local.storeLog(attempt),
    })
    // all else is the local driver's own, whose private fields it alone has
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(local)) as (keyof Driver)[]) {
      const one = local[name]
      if (typeof one === 'function' && !Object.hasOwn(driver, name)) Object.assign(driver, { [name]: one.bind(local) })
    }
    return { driver, envs, capacity: ONE_PLACE }
  })
  const mend = (): void => {
    mended = true
    if (way.blocked) rmSync(attempts, { force: true })
  }
  t.after(() => bench.close())
  return { ...bench, mend }
}

async function assertOtherRuns(server: Bench): Promise<void> {
  const other = await server.end(await server.begin(project('sound', '>=3.10')))
  assert.deepEqual([other.outcome, other.steps[0]?.attempts.length], ['succeeded', 1])
}

describe('a launch that fails leaves its place: the run of another project ends after', { concurrency: 4 }, () => {
  const failed: [string, Way, Failure, RegExp][] = [
    ['a secret that is not set', { step: ', secrets: [GONE]' }, 'environment', /"GONE" .* is not set/],
    [
      'an environment that cannot be built',
      { python: () => Promise.reject(problem('unprocessable', { detail: 'no such package' })) },
      'environment',
      /no such package/,
    ],
    ['a build that throws', { python: () => Promise.reject(fault('EIO')) }, 'infrastructure', /EIO/],
    [
      'a program that is not there',
      { python: () => Promise.resolve(join(root, 'nowhere')) },
      'infrastructure',
      /ENOENT/,
    ],
    ['a program that may not run', { python: () => Promise.resolve(NO_PROGRAM) }, 'infrastructure', /EACCES/],
    ['no more processes', { submit: () => Promise.reject(fault('EAGAIN')) }, 'infrastructure', /EAGAIN/],
    ['a driver that throws at once', { submit: () => { throw fault('EPIPE') } }, 'infrastructure', /EPIPE/], // prettier-ignore
    ['a disk that is full', { submit: () => Promise.reject(fault('ENOSPC')) }, 'infrastructure', /ENOSPC/],
    ['a working folder that cannot be made', { blocked: true }, 'infrastructure', /EEXIST|ENOTDIR/],
  ]
  for (const [name, way, cause, message] of failed) {
    test(name, async (t) => {
      const server = await serve(t, way)
      const id = await server.begin(project('faulty', FAULTY, way.step))
      const view = await untilRun(server, id, ({ steps }) => steps[0]?.attempts[0]?.state === 'failed', 'it fails')
      assert.equal(view.steps[0]?.attempts[0]?.failure?.class, cause)
      assert.match(view.steps[0]?.attempts[0]?.failure?.message ?? '', message)
      if (way.blocked) server.mend()
      await assertOtherRuns(server)
    })
  }

  test('a disk so full that the end cannot be written either holds the place no longer than that', async (t) => {
    const full = (): Promise<never> => Promise.reject(fault('ENOSPC'))
    const server = await serve(t, { submit: full, storeLog: full })
    const id = await server.begin(project('faulty', FAULTY))
    await untilRun(
      server,
      id,
      ({ message }) => /cannot be started by a fault of the server/.test(message),
      'it says so',
    )
    server.mend()
    await assertOtherRuns(server)
  })

  const waits: [string, (wait: () => Promise<never>) => Way, boolean][] = [
    ['its environment is locked', (wait) => ({ resolve: wait }), false],
    ['its environment is built', (wait) => ({ python: wait }), false],
    ['its process is started', (wait) => ({ submit: wait }), true],
  ]
  for (const [name, make, isWaitedFor] of waits) {
    test(`a cancel while ${name}`, async (t) => {
      const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()]
      // first, for what never ends would hold up the end of the server
      t.after(() => gate.resolve(undefined as never))
      const server = await serve(
        t,
        make(() => {
          begun.resolve()
          return gate.promise
        }),
      )
      // a step that has ended before it is told to stop has succeeded
      const code = 'import time\n\ndef main():\n    time.sleep(600)\n'
      const id = await server.begin({ ...project('faulty', FAULTY), 'a.py': code })
      await begun.promise
      await cancelRun(server.room.context, ANA, id)
      server.room.wake(id)
      if (isWaitedFor) gate.resolve(undefined as never)
      const ended = await server.end(id)
      assert.deepEqual([ended.outcome, ended.steps[0]?.state], ['cancelled', 'cancelled'])
      await assertOtherRuns(server)
    })
  }
})

describe(
  'a server that is killed while it launches leaves the place: both runs end when it is back',
  { concurrency: 2 },
  () => {
    for (const point of ['keyed', 'tracked', 'attempt_opened', 'submitted']) {
      test(`killed at pipelines.${point}`, async (t) => {
        const dataDir = join(root, point)
        mkdirSync(dataDir)
        writeFileSync(join(dataDir, 'files.json'), JSON.stringify(project('faulty', '>=3.10')))
        const fixture = join(import.meta.dirname, 'control.fixture.ts')
        const control = spawn(process.execPath, [fixture, dataDir], {
          stdio: ['ignore', 'inherit', 'inherit'],
          env: { ...process.env, SLIPWAY_FAULT: `pipelines.${point}`, SLIPWAY_TEST_HOOKS: '1' },
        })
        assert.deepEqual(await once(control, 'exit'), [null, 'SIGKILL'], 'the point was passed')
        const server = await openBench(dataDir, () => ({ capacity: ONE_PLACE }))
        t.after(() => server.close())
        await assertOtherRuns(server)
        const row = await server.store.db.get<{ id: string }>("SELECT id FROM pipeline_runs WHERE project = 'faulty'")
        assert.equal((await server.end(row?.id ?? '')).outcome, 'succeeded')
      })
    }
  },
)
