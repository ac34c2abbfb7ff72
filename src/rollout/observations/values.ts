/** Values of the business's metrics: posted for a prediction or for a version, joined with the side that they count for. */
import { problem } from '../../contract/errors.ts'
import type { PostedValue } from '../../contract/rollout.ts'
import type { Tx } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import type { Observation } from '../evidence/evidence.ts'
import { observing, planOf } from '../context/context.ts'
import type { RolloutDeps, RolloutRow } from '../context/context.ts'
import { take } from './observations.ts'
import { arrivalOf } from '../../serving/records/queries.ts'

/** A prediction as far as it tells whose the value is. */
export interface Exposed {
  readonly id: string
  readonly ver: string
  readonly role: 'stable' | 'canary' | 'shadow'
  readonly at: number
  readonly key: string | null
  readonly fb?: boolean
}

/** What became of posted values, each counted in one of them. */
export interface PostedReply {
  counted: number
  waiting: number
  repeated: number
  ignored: number
}

/**
 * The side of a prediction: the one that its key was given to, so a request that stable answered for a failing candidate counts for the
 * candidate. Undefined for answers of other versions and from before callers met the candidate.
 */
export function armOf(rollout: RolloutRow, seen: Pick<Exposed, 'ver' | 'role' | 'at' | 'fb'>): 0 | 1 | undefined {
  if (rollout.canary_at === null || seen.at < rollout.canary_at) return undefined
  if (seen.ver === rollout.version && seen.role === 'canary') return 1
  if (seen.ver !== rollout.stable_version || seen.role !== 'stable') return undefined
  return seen.fb === true ? 1 : 0
}

/** Takes values in. Throws `invalid_field` for one that names neither a prediction nor a version, or both. */
export async function postValues(
  deps: RolloutDeps,
  endpoint: string,
  values: readonly PostedValue[],
): Promise<PostedReply> {
  for (const [i, one] of values.entries())
    if ((one.prediction_id === undefined) === (one.version === undefined))
      throw problem('invalid_field', { field: `values.${i}`, value: one, expected: 'a prediction_id or a version' })
  return deps.db.tx(async (t) => {
    const reply: PostedReply = { counted: 0, waiting: 0, repeated: 0, ignored: 0 }
    const named = (await observing(t)).filter((one) => one.endpoint === endpoint && one.state !== 'watching')
    for (const one of values) {
      const mine = named.filter((row) => planOf(row).metrics?.some((metric) => metric.name === one.metric))
      if (mine.length === 0) reply.ignored += 1
      for (const row of mine) reply[await postOne(deps, t, row, one)] += 1
    }
    return reply
  })
}

async function postOne(deps: RolloutDeps, t: Tx, row: RolloutRow, one: PostedValue): Promise<keyof PostedReply> {
  const forPrediction = one.prediction_id !== undefined
  const postedFor = one.prediction_id ?? `version ${one.version} ${one.id ?? deps.ids('val')}`
  const fresh = await t.run(
    'INSERT INTO rollout_values (rollout_id, metric, posted_for, value, at, unit) VALUES (?,?,?,?,?,NULL) ON CONFLICT DO NOTHING',
    [row.id, one.metric, postedFor, one.value, deps.clock()],
  )
  if (fresh === 0) return 'repeated'
  const known = forPrediction ? await exposedIn(t, row, postedFor) : versionOf(row, one.version ?? '', postedFor)
  if (known === undefined) return 'waiting'
  if (known.arm === undefined) return 'ignored'
  const observation = await joined(t, row, { metric: one.metric, posted_for: postedFor, value: one.value }, known)
  if (observation === undefined) return 'repeated'
  await take(t, row, { observations: [observation], events: [] })
  return 'counted'
}

interface Known {
  readonly arm: 0 | 1 | undefined
  readonly unit: string
}

/** A whole version's value, for example of a batch that an outside program has worked out: a unit of its own. */
function versionOf(row: RolloutRow, version: string, unit: string): Known {
  const counts = row.canary_at !== null
  return {
    unit,
    arm: !counts ? undefined : version === row.version ? 1 : version === row.stable_version ? 0 : undefined,
  }
}

async function exposedIn(t: Tx, row: RolloutRow, id: string): Promise<Known | undefined> {
  const seen = await arrivalOf(t, row.endpoint, id)
  if (seen === undefined) return undefined
  const arm = armOf(row, { ver: seen.version, role: seen.role, at: seen.at, fb: seen.fallback === 1 })
  return { arm, unit: seen.route_key ?? id }
}

interface Value {
  readonly metric: string
  readonly posted_for: string
  readonly value: number
}

/** One value a unit counts, the first: values of one user depend on each other. Undefined where the unit has one. */
async function joined(t: Tx, row: RolloutRow, value: Value, { arm, unit }: Known): Promise<Observation | undefined> {
  if (arm === undefined) return undefined
  const has = await t.get('SELECT unit FROM rollout_values WHERE rollout_id = ? AND metric = ? AND unit = ?', [
    row.id,
    value.metric,
    unit,
  ])
  if (has !== undefined) return undefined
  await t.run('UPDATE rollout_values SET unit = ? WHERE rollout_id = ? AND metric = ? AND posted_for = ?', [
    unit,
    row.id,
    value.metric,
    value.posted_for,
  ])
  return ['m', value.metric, arm, value.value]
}

/** Values that were posted before their predictions were ingested, as these come. */
export async function waitingValues(t: Tx, row: RolloutRow, seen: readonly Exposed[]): Promise<Observation[]> {
  if (planOf(row).metrics === undefined || row.canary_at === null) return []
  const ids = new Map(seen.map((one) => [one.id, one]))
  const waiting = await fetchAll<Value>(
    t,
    sql`SELECT metric, posted_for, value FROM rollout_values
      WHERE rollout_id = ${row.id} AND unit IS NULL AND posted_for IN ${inList([...ids.keys()])} ORDER BY metric, posted_for`,
  )
  const observations: Observation[] = []
  for (const value of waiting) {
    const one = ids.get(value.posted_for)
    if (one === undefined) continue
    const found = await joined(t, row, value, { arm: armOf(row, one), unit: one.key ?? one.id })
    if (found !== undefined) observations.push(found)
  }
  return observations
}
