/** A change of a rollout of which a statement fails is not made at all; one that is made is told once the gateways answer by it. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import { moveAlias } from '../../registry/aliases/aliases.ts'
import { SYSTEM } from '../../auth/tokens.ts'
import { writeVariants } from '../../serving/endpoints/variants.ts'
import { label, newest, QUICK, round, send, ship } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import type { RolloutDeps } from '../context/context.ts'
import { breakableWorld, change, ENOUGH, wholeOrNothing } from '../atomicity.fixture.ts'
import type { BreakableWorld, Change, Work } from '../atomicity.fixture.ts'
import { ann } from '../world.fixture.ts'
import { act, halt } from './acts.ts'
import type { Act } from './acts.ts'
import { beginRound, judgeRound } from './controller.ts'
import { freeze, thaw } from './freeze.ts'
import { startRollout, takeUp } from './starting.ts'

const CAUSE = { by: 'ada', way: 'deployed', reason: '' } as const

const BOTH = ['published', 'changed'] as const

describe('a change that cannot be written as a whole is not made', () => {
  let world: BreakableWorld
  let bench: RolloutBench
  const { begun, begunWith } = breakableWorld((made) => {
    world = made
    bench = made.bench
  })
  const sent = (endpoint: string, seed: number, failing = 0) =>
    send(bench, endpoint, { rows: ENOUGH, seed, failing, at: bench.deps.clock() })
  /** A rollout that was started by hand after another, and of which nothing was done yet. */
  const startedAgain = async (endpoint: string, more: object = {}): Promise<void> => {
    await begun(endpoint)
    await halt(bench.deps, endpoint, 'again')
    const plan = Plan.parse({ ...QUICK, ...more })
    await startRollout(bench.deps, ann, { endpoint, version: '2', slices: [], plan })
  }
  /** A round whose first fault is thrown. */
  const throwing =
    (of: (deps: RolloutDeps) => Promise<void>): Work =>
    async (deps) => {
      const errors: unknown[] = []
      await of({ ...deps, onError: (error) => void errors.push(error) })
      if (errors.length > 0) throw errors[0]
    }
  const began = throwing(beginRound)
  const judged = throwing(judgeRound)
  const byHand =
    (action: Act['action']) =>
    async (endpoint: string): Promise<Work> => {
      const { id } = await newest(bench.db, endpoint)
      return (deps) => act(deps, ann, id, { action, reason: 'I say so' })
    }
  /** The endpoint of a rollout in a canary of all requests, whose last row has come. */
  const atItsEnd = async (endpoint: string, plan: object = {}): Promise<void> => {
    await begunWith(endpoint, { canary: [10_000], ...plan })
    await sent(endpoint, 1)
    await round(bench)
    await sent(endpoint, 2)
  }
  const watched = async (endpoint: string): Promise<void> => {
    await atItsEnd(endpoint, { watch: { labels: 100, hours: 1000 } })
    await round(bench)
    assert.equal((await newest(bench.db, endpoint)).state, 'watching')
  }
  const labelledAfter = async (endpoint: string, bad?: string): Promise<void> => {
    for (let seed = 3; seed < 6; seed++) {
      const made = await send(bench, endpoint, { rows: 200, seed, ...(bad !== undefined && { bad }) })
      await label(bench, endpoint, made)
    }
  }

  const CHANGES: Readonly<Record<string, Change>> = {
    'a start by hand': change(['changed'], async (endpoint) => {
      await begun(endpoint)
      await halt(bench.deps, endpoint, 'again')
      return (deps) => startRollout(deps, ann, { endpoint, version: '2', slices: [] })
    }),
    'a version that is taken up and ends a watch': change(['changed'], async (endpoint) => {
      await watched(endpoint)
      await ship(bench, { model: endpoint })
      const [asked] = await bench.deps.asked()
      assert.ok(asked !== undefined)
      return (deps) => takeUp(deps, asked)
    }),
    'the first step': change(BOTH, async (endpoint) => {
      await startedAgain(endpoint)
      return began
    }),
    'a first step that waits': change(['changed'], async (endpoint) => {
      await startedAgain(endpoint, { shadow: { requests: 0 }, approvals: [{ before: 1000 }] })
      return began
    }),
    'a version that cannot be served': change(BOTH, async (endpoint) => {
      await startedAgain(endpoint)
      const prepare = () => Promise.reject(new Error('its files are gone'))
      return (deps) => began({ ...deps, prepare })
    }),
    'a reason to wait': change(['changed'], async (endpoint) => {
      await begun(endpoint)
      await sent(endpoint, 1)
      await freeze(bench.deps, ann, { endpoint, reason: 'audit', until: null })
      return judged
    }),
    'a step forward': change(BOTH, async (endpoint) => {
      await begunWith(endpoint, { each: { min_requests: 1 } })
      await sent(endpoint, 1)
      await round(bench)
      await sent(endpoint, 2)
      return judged
    }),
    'a promotion': change(BOTH, async (endpoint) => {
      await atItsEnd(endpoint)
      return judged
    }),
    'a promotion to what the alias names already': change(BOTH, async (endpoint) => {
      await atItsEnd(endpoint)
      await moveAlias(bench.registry, SYSTEM, { model: endpoint, alias: 'production', version: '2' })
      return judged
    }),
    'a promotion that the registry refuses': change(BOTH, async (endpoint) => {
      const gates = [{ metric: 'auc', at_least: 0.9 }]
      await atItsEnd(endpoint)
      await bench.db.tx((t) =>
        t.run('UPDATE registered_models SET gates = ? WHERE name = ?', [JSON.stringify(gates), endpoint]),
      )
      return judged
    }),
    'a promotion that is watched': change(BOTH, async (endpoint) => {
      await atItsEnd(endpoint, { watch: { labels: 100, hours: 1000 } })
      return byHand('promote')(endpoint)
    }),
    'the good end of a watch': change(BOTH, async (endpoint) => {
      await watched(endpoint)
      await labelledAfter(endpoint)
      return judged
    }),
    'the bad end of a watch': change(BOTH, async (endpoint) => {
      await watched(endpoint)
      await labelledAfter(endpoint, '2')
      return judged
    }),
    'a way back': change(BOTH, async (endpoint) => {
      await begun(endpoint)
      await sent(endpoint, 1, 0.5)
      return judged
    }),
    'a pause': change(BOTH, async (endpoint) => {
      await begunWith(endpoint, { on_failure: 'pause' })
      await sent(endpoint, 1, 0.5)
      return judged
    }),
    'a promotion by hand': change(BOTH, async (endpoint) => {
      await begun(endpoint)
      return byHand('promote')(endpoint)
    }),
    'an abort': change(BOTH, async (endpoint) => {
      await begun(endpoint)
      return byHand('abort')(endpoint)
    }),
    'an abort of what others have taken': change(['changed'], async (endpoint) => {
      await begun(endpoint)
      await bench.db.tx((t) =>
        writeVariants(t, endpoint, [{ role: 'stable', version: '7', weight: 0 }], { now: 1, cause: CAUSE }),
      )
      return byHand('abort')(endpoint)
    }),
    'a resumption': change(BOTH, async (endpoint) => {
      await begunWith(endpoint, { max_wait_hours: 0.001 })
      await send(bench, endpoint, { rows: 60, seed: 1 })
      await round(bench)
      return byHand('resume')(endpoint)
    }),
    'an approval': change(BOTH, async (endpoint) => {
      await begunWith(endpoint, { approvals: [{ before: 1000 }] })
      await sent(endpoint, 1)
      return byHand('approve')(endpoint)
    }),
    'a freeze': change([], async (endpoint) => {
      await begun(endpoint)
      return (deps) => freeze(deps, ann, { endpoint, reason: 'audit', until: null })
    }),
    'a thaw': change([], async (endpoint) => {
      await begun(endpoint)
      await freeze(bench.deps, ann, { endpoint, reason: 'audit', until: null })
      return (deps) => thaw(deps, ann, endpoint)
    }),
  }

  wholeOrNothing(CHANGES, () => world)
})
