/** A run that waits for something is looked at four times a second, and not as fast as it can be. */
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { describe, test } from 'node:test'
import { LOCK } from './idle.fixture.ts'
import { held, open, type Room } from './moves.fixture.ts'

/** Between looks, ms. A look that is late makes the next one double. */
const LOOK_MS = 250
const LOOKS = 10

/** How often a run has been read to be moved on. */
function countReads({ store }: Room): () => number {
  let count = 0
  const { db } = store
  const get = db.get.bind(db)
  const counted: typeof db.get = (text, values) => {
    if (text.includes('FROM pipeline_runs WHERE id')) count++
    return get(text, values)
  }
  Object.assign(db, { get: counted })
  return () => count
}

interface Waiting {
  readonly what: string
  /** Brings it about before the room is started. */
  readonly set: (server: Room) => Promise<unknown>
  readonly state: string
}

const later = (server: Room): number => server.clock.now + 1000
const WAITS: readonly Waiting[] = [
  { what: 'for an attempt', set: () => Promise.resolve(), state: 'running' },
  {
    what: 'for its environment',
    set: (server) => server.setRun('pr_1', { state: 'waiting', environment: null }),
    state: 'waiting',
  },
  {
    what: 'for its next preparation',
    set: (server) => server.setRun('pr_1', { state: 'preparing', preparation_retry_at: later(server) }),
    state: 'waiting',
  },
  {
    what: 'for the end of a fault',
    set: (server) => server.setRun('pr_1', { fault_retry_at: later(server) }),
    state: 'waiting',
  },
  {
    what: 'for a project file that cannot be read',
    set: ({ store }) => store.db.tx((t) => t.run("UPDATE pipeline_versions SET spec = '{'")),
    state: 'waiting',
  },
  {
    what: 'for the next try of a step',
    set: (server) => server.setStep('pr_1', 'a', { state: 'ready', retry_at: later(server) }),
    state: 'ready',
  },
  {
    what: 'for a place',
    set: async (server) =>
      server.driver.states.set(await server.attempt('pr_1', 'b', 1), { state: 'running', silent_ms: 0, quiet_ms: 0 }),
    state: 'ready',
  },
  {
    what: 'for what it has asked to stop',
    async set(server) {
      await server.setStep('pr_1', 'a', { state: 'running' })
      server.driver.states.set(await server.attempt('pr_1', 'a', 1), { state: 'running', silent_ms: 0, quiet_ms: 0 })
      await server.setRun('pr_1', { desired_state: 'cancel' })
    },
    state: 'running',
  },
]

describe('a run that waits', { concurrency: true }, () => {
  for (const { what, set, state } of WAITS) {
    test(what, async (t) => {
      const environment = held()
      const resolve = () => environment.call().then(() => LOCK)
      const envs = { lock: () => Promise.resolve(LOCK), python: () => Promise.resolve('python'), resolve }
      const server = await open(t, { envs })
      await set(server)
      const reads = countReads(server)
      server.room.start()
      // the first looks bring it to where it waits
      await server.until(() => reads() >= 4, 'it is looked at')
      const [before, started] = [reads(), performance.now()]
      await server.until(() => reads() >= before + LOOKS, 'it is looked at again')
      const [looks, most] = [reads() - before, (2 * (performance.now() - started)) / LOOK_MS + 4]
      assert.equal(await server.state('a'), state)
      // so that the stop at the end has nothing to wait for
      environment.answer()
      assert.ok(looks <= most, `${looks} looks where ${most} are the most`)
    })
  }
})
