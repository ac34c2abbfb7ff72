/** Changes of rollouts of which one statement after the other fails: what each must leave behind, and what may be told of it. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { migratedSqlite } from '../../test/databases.ts'
import { breakable } from '../jobs/wrapped-db.fixture.ts'
import type { Breakable } from '../jobs/wrapped-db.fixture.ts'
import { QUICK } from './bench.fixture.ts'
import type { RolloutBench } from './bench.fixture.ts'
import { Plan } from '../contract/rollout/plan.ts'
import type { RolloutDeps } from './context/context.ts'
import { halt } from './controller/acts.ts'
import { rolloutWorld } from './world.fixture.ts'
import type { Asking } from './world.fixture.ts'

/** Makes the change with these ports. */
export type Work = (deps: RolloutDeps) => Promise<unknown>

export interface Change {
  /** What is told of it: that the gateways answer by it, and that the rollout changed. */
  readonly tells: readonly ('published' | 'changed')[]
  /** Brings the endpoint of this name to where the change is to be made. */
  readonly ready: (endpoint: string) => Promise<Work>
}

export function change(tells: Change['tells'], ready: Change['ready']): Change {
  return { tells, ready }
}

/** A world on SQLite whose statements can be made to fail. */
export interface BreakableWorld {
  readonly bench: RolloutBench
  readonly disk: Breakable
}

/** Sets one up for the describe in which it is called; `ready` gets it before the first case. */
export function breakableWorld(ready: (world: BreakableWorld) => void): Asking & { begunWith: BegunWith } {
  let disk: Breakable
  const open = async () => {
    const opened = await migratedSqlite()
    disk = breakable(opened.db)
    return { db: disk.db, close: () => opened.close() }
  }
  const asking = rolloutWorld(open, ({ bench }) => ready({ bench, disk }))
  const begunWith: BegunWith = (endpoint, plan) => asking.begun(endpoint, { plan: Plan.parse({ ...QUICK, ...plan }) })
  return { ...asking, begunWith }
}

/** Version 2 of an endpoint in the first step of the quick plan with these changes. */
type BegunWith = (endpoint: string, plan: object) => Promise<string>

/** So many rows end a step of the quick plan. */
export const ENOUGH = 110

const OWN = ['verdicts', 'observations', 'pairs', 'units', 'values', 'freezes'].map((one) => `rollout_${one}`)
const SERVED = ['endpoints', 'endpoint_variants', 'serving_state', 'predictions', 'shadow_predictions']
const TABLES = ['rollouts', ...OWN, ...SERVED, 'alias_moves', 'model_aliases', 'model_versions', 'audit']

/** A case for each change: with a statement that fails nothing of it is written or told, without one all is. */
export function wholeOrNothing(changes: Readonly<Record<string, Change>>, world: () => BreakableWorld): void {
  for (const [i, [name, { tells, ready }]] of Object.entries(changes).entries()) {
    void it(name, async () => {
      const { bench, disk } = world()
      const endpoint = `e${i}`
      const work = await ready(endpoint)
      const heard: string[] = []
      const deps: RolloutDeps = {
        ...bench.deps,
        publish: async () => {
          await bench.deps.publish()
          await setImmediate()
          heard.push('published')
        },
        changed: () => void heard.push('changed'),
      }
      const was = await everything(bench)
      for (let place = 0; ; place++) {
        disk.breakAt(place)
        const outcome = await work(deps).then(
          () => 'made',
          (error: unknown) => String(error),
        )
        if (!disk.heal()) break
        assert.match(outcome, /the disk is full/, `statement ${place}`)
        assert.deepEqual([changed(was, await everything(bench)), heard], [[], []], `statement ${place}`)
      }
      assert.notDeepEqual(changed(was, await everything(bench)), [])
      assert.deepEqual(heard, tells)
      await halt(bench.deps, endpoint, 'the case is over')
    })
  }
}

/** The rows of each table that a change may write, as text. */
async function everything({ db }: RolloutBench): Promise<Map<string, string>> {
  const rows = TABLES.map(async (name) => [name, JSON.stringify(await db.all(`SELECT * FROM ${name}`))] as const)
  return new Map(await Promise.all(rows))
}

/** Names of the tables that are not as they were. */
function changed(was: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string[] {
  return [...now].flatMap(([name, rows]) => (rows === was.get(name) ? [] : [name]))
}
