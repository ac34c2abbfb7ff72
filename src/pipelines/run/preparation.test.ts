/** A preparation that throws what is no refusal: it is tried again after growing pauses, and a fault that stays ends the run. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { envsRoom } from '../../envs/room.ts'
import { ANA, openBench, untilRun } from '../bench.fixture.ts'
import type { Bench } from '../bench.fixture.ts'
import { cancelRun } from './runs.ts'
import type { RunView } from './view.ts'
import { preparationFailures } from './watched.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-preparation-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

const START = 1_750_000_000_000
/** Pauses before the tries after the first, ms: they double, and without chance they are the lower half. */
const PAUSES = [500, 1000, 2000, 4000, 8000]
/** What projects ask for whose environments have no place. */
const BLOCKED = '>=3.9'

interface Server extends Bench {
  /** Moves the clock, which stands still otherwise. */
  pass(ms: number): void
  /** How often an environment without a place was asked for. */
  asked(): number
}

/** A server with a clock that stands, and with a file in the place of the folder for some environments. */
async function serve(t: TestContext, folder: string, start = START): Promise<Server> {
  let now = start
  let asked = 0
  const clock = (): number => now
  const inTheWay = join(folder, 'file')
  writeFileSync(inTheWay, '')
  const bench = await openBench(join(folder, 'data'), ({ db }) => {
    const { envs } = envsRoom({ db, clock, cacheFolder: join(root, 'cache'), offline: true })
    const blocked = envsRoom({ db, clock, cacheFolder: join(inTheWay, 'cache'), offline: true }).envs
    return {
      clock,
      envs: {
        ...envs,
        resolve(request, say) {
          if (request.requires !== BLOCKED) return envs.resolve(request, say)
          asked += 1
          return blocked.resolve(request, say)
        },
      },
    }
  })
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= bench.close())
  t.after(close)
  return { ...bench, close, pass: (ms) => void (now += ms), asked: () => asked }
}

function newFolder(): string {
  return mkdtempSync(join(root, 'server-'))
}

function project(name: string, requires: string): Record<string, string> {
  const steps = '{one: {run: one:main, outputs: [x]}, two: {run: two:main, inputs: {x: one.x}}}'
  return {
    'slipway.yaml': `project: ${name}\npython: {requires: '${requires}'}\npipeline: {steps: ${steps}}\n`,
    'one.py': 'def main(x): x.write_text("1")\n',
    'two.py': 'def main(x): return {"m": 1}\n',
  }
}

/** Waits until a run says how often it was tried. */
function tried(server: Server, id: string, count: number): Promise<RunView> {
  return untilRun(server, id, ({ message }) => message.includes(`(try ${count} of 6)`), `try ${count}`)
}

test('a folder that cannot be made ends the run with its reason after six tries, and is counted', async (t) => {
  const server = await serve(t, newFolder())
  const id = await server.begin(project('stuck', BLOCKED))
  for (const [i, pause] of PAUSES.entries()) {
    const waiting = await tried(server, id, i + 1)
    assert.equal(waiting.state, 'preparing')
    assert.match(waiting.message, /is tried again .*: ENOTDIR: not a directory/)
    server.pass(pause)
  }
  const ended = await server.end(id)
  assert.deepEqual([ended.state, ended.outcome], ['failed', 'failed'])
  assert.match(ended.message, /^step "one" failed: the run could not be prepared in 6 tries: ENOTDIR: not a directory/)
  const [one, two] = ended.steps
  assert.deepEqual([one?.state, one?.failure?.class, two?.state], ['failed', 'infrastructure', 'skipped'])
  assert.deepEqual([server.asked(), server.errors.length], [6, 6], 'whoever runs the server is told each time')
  assert.deepEqual(await preparationFailures(server.store.db, null), [{ project: 'stuck', n: 6 }])
  assert.deepEqual(await preparationFailures(server.store.db, 'other'), [])
})

test('while a run waits for its next try others run to their end, and it is not tried before its time', async (t) => {
  const folder = newFolder()
  const server = await serve(t, folder)
  const id = await server.begin(project('stuck', BLOCKED))
  await tried(server, id, 1)
  server.pass(499)
  const other = await server.end(await server.begin(project('sound', '>=3.10')))
  assert.equal(other.outcome, 'succeeded')
  assert.equal(server.asked(), 1)
  rmSync(join(folder, 'file'))
  server.pass(1)
  const ended = await server.end(id)
  assert.equal(ended.outcome, 'succeeded', 'what is mended in time goes on')
  assert.match(ended.message, /^\d steps? ran/)
  assert.equal(server.asked(), 2)
  assert.deepEqual(await preparationFailures(server.store.db, 'stuck'), [{ project: 'stuck', n: 1 }])
})

test('tries are counted across a restart', async (t) => {
  const folder = newFolder()
  const before = await serve(t, folder)
  const id = await before.begin(project('stuck', BLOCKED))
  await tried(before, id, 1)
  before.pass(500)
  await tried(before, id, 2)
  await before.close()
  const next = await serve(t, folder, START + 500)
  assert.match((await next.view(id)).message, /try 2 of 6/, 'it says why it waits')
  next.pass(1000)
  await tried(next, id, 3)
  for (const [i, pause] of PAUSES.slice(2).entries()) {
    next.pass(pause)
    if (i < 2) await tried(next, id, 4 + i)
  }
  assert.equal((await next.end(id)).outcome, 'failed')
  assert.deepEqual([before.asked(), next.asked()], [2, 4])
})

test('a run can be cancelled between two tries', async (t) => {
  const server = await serve(t, newFolder())
  const id = await server.begin(project('stuck', BLOCKED))
  await tried(server, id, 1)
  await cancelRun(server.room.context, ANA, id)
  const { outcome, message, steps } = await server.end(id)
  assert.deepEqual([outcome, message], ['cancelled', 'was cancelled'])
  assert.deepEqual(
    steps.map((step) => step.state),
    ['cancelled', 'cancelled'],
  )
  assert.equal(server.asked(), 1)
})
