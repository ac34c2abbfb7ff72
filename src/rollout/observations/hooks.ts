/** Takes ingested rows and labels in as evidence, inside the transaction that ingests them: each is counted exactly once. */
import type { Tx } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { count } from '../../stats/sequential.ts'
import type { RateState } from '../../stats/sequential.ts'
import { lossOf, versusOptions } from '../evidence/evidence.ts'
import type { Observation } from '../evidence/evidence.ts'
import { observing, planOf } from '../context/context.ts'
import type { RolloutDeps, RolloutRow } from '../context/context.ts'
import { take } from './observations.ts'
import type { IngestedBreaker, IngestedLabel, IngestedPrediction, IngestedShadow } from './ingested.ts'
import { unitsOf } from './units.ts'
import { armOf, waitingValues } from './values.ts'
import { answersById } from '../../serving/records/queries.ts'

/** Calls of the rooms that ingest; each runs in the caller's transaction. */
export interface RolloutHooks {
  onPredictions(t: Tx, rows: readonly IngestedPrediction[]): Promise<void>
  onShadows(t: Tx, rows: readonly IngestedShadow[]): Promise<void>
  onBreakers(t: Tx, rows: readonly IngestedBreaker[]): Promise<void>
  onLabels(t: Tx, rows: readonly IngestedLabel[]): Promise<void>
}

export function rolloutHooks(deps: RolloutDeps): RolloutHooks {
  return {
    onPredictions: (t, rows) =>
      forEachRollout(t, rows, 'ep', async (rollout, mine) => {
        if (rollout.state === 'watching') return
        const slices = await slicer(deps, t, rollout)
        await take(t, rollout, {
          observations: [
            ...mine.flatMap((row) => [...ofPrediction(rollout, row), ...sliced(rollout, row, slices)]),
            ...ofBoth(rollout, mine),
            ...(await unitsOf(t, rollout, mine)),
            ...(await waitingValues(t, rollout, mine)),
          ],
          events: mine.map((row) => row.et),
        })
      }),
    onShadows: (t, rows) => forEachRollout(t, rows, 'ep', (rollout, mine) => takeShadows(deps, t, rollout, mine)),
    onLabels: (t, rows) => forEachRollout(t, rows, 'endpoint', (rollout, mine) => takeLabels(t, rollout, mine)),
    async onBreakers(t, rows) {
      for (const row of rows) {
        if (!(await deps.isCanary(t, row.ep, row.ver, row.since))) continue
        await t.run(
          "UPDATE rollouts SET breaker = ? WHERE endpoint = ? AND version = ? AND state IN ('canary', 'paused') AND breaker IS NULL",
          [row.reason, row.ep, row.ver],
        )
      }
    },
  }
}

async function forEachRollout<K extends string, R extends Readonly<Record<K, string>>>(
  t: Tx,
  rows: readonly R[],
  key: K,
  work: (rollout: RolloutRow, mine: readonly R[]) => Promise<void>,
): Promise<void> {
  for (const rollout of await observing(t)) {
    const mine = rows.filter((row) => row[key] === rollout.endpoint)
    if (mine.length > 0) await work(rollout, mine)
  }
}

function ofPrediction(rollout: RolloutRow, row: IngestedPrediction): Observation[] {
  // told here and not by the failure's own record, so that failures stand in the order in which they came
  if (fellBack(rollout, row)) return [['c', 1, row.us, 0]]
  if (row.ver === rollout.version && row.role === 'canary') return [['c', row.st >= 500 ? 1 : 0, row.us, 0]]
  if (row.ver === rollout.stable_version && row.role === 'stable' && row.fb !== true && row.st < 400)
    return [['s', row.us]]
  return []
}

/**
 * The batch as a comparison of both sides' failures. A request that stable answered for a failing candidate is the candidate's, whether or not
 * stable could: what no version can answer meets both sides alike.
 */
function ofBoth(rollout: RolloutRow, rows: readonly IngestedPrediction[]): Observation[] {
  if (versusOptions(planOf(rollout)) === undefined) return []
  const sides: [RateState, RateState] = [
    { n: 0, events: 0 },
    { n: 0, events: 0 },
  ]
  for (const row of rows) {
    const arm = row.pin === true ? undefined : armOf(rollout, row)
    if (arm !== undefined) count(sides[arm], row.fb === true || row.st >= 500)
  }
  const [stable, candidate] = sides
  return stable.n + candidate.n === 0 ? [] : [['x', candidate.n, candidate.events, stable.n, stable.events]]
}

/** True for a row that stable answered because the candidate failed; what stable could not answer either is no fault of the candidate. */
function fellBack(rollout: RolloutRow, row: IngestedPrediction): boolean {
  return row.fb === true && row.st < 500 && armOf(rollout, row) === 1
}

type Slicer = (version: string, x: readonly unknown[]) => string[]

/** Slices of a row by the inputs of the version that answered it. */
async function slicer(deps: RolloutDeps, t: Tx, rollout: RolloutRow): Promise<Slicer> {
  const columns = JSON.parse(rollout.slices) as string[]
  if (columns.length === 0) return () => []
  const names = new Map<string, readonly string[]>()
  for (const version of [rollout.version, rollout.stable_version ?? ''])
    names.set(version, await deps.inputNames(t, rollout.endpoint, version))
  return (version, x) => slicesOf(columns, names.get(version) ?? [], x)
}

/** A row that the candidate answered, or that stable answered because the candidate failed, by slice. */
function sliced(rollout: RolloutRow, row: IngestedPrediction, slices: Slicer): Observation[] {
  const own = row.ver === rollout.version && row.role === 'canary'
  const fell = fellBack(rollout, row)
  if (!own && !fell) return []
  const of = slices(row.ver, row.x)
  return of.length === 0 ? [] : [['e', fell || row.st >= 500 ? 1 : 0, of]]
}

/** Which version answers and which scores in shadow: after a promotion the former version is the shadow of the new one. */
function rolesOf({ state, version, stable_version }: RolloutRow): {
  readonly answers: string
  readonly shadows: string
} {
  const stable = stable_version ?? ''
  return state === 'watching' ? { answers: version, shadows: stable } : { answers: stable, shadows: version }
}

/** Rows of the version that answers for these ids, with the names of its inputs. */
async function answeredRows(deps: RolloutDeps, t: Tx, rollout: RolloutRow, ids: readonly string[]) {
  const { answers } = rolesOf(rollout)
  const rows = await answersById(t, { endpoint: rollout.endpoint, version: answers }, ids)
  const names = await deps.inputNames(t, rollout.endpoint, answers)
  return { rows: new Map(rows.map((row) => [row.id, row])), names }
}

async function takeShadows(
  deps: RolloutDeps,
  t: Tx,
  rollout: RolloutRow,
  mine: readonly IngestedShadow[],
): Promise<void> {
  const shadows = mine.filter((row) => row.ver === rolesOf(rollout).shadows)
  if (shadows.length === 0) return
  const ids = shadows.map((row) => row.id)
  const answered = await answeredRows(deps, t, rollout, ids)
  const labels = await deps.labelsOf(t, rollout.endpoint, ids)
  const columns = JSON.parse(rollout.slices) as string[]
  const observations: Observation[] = []
  for (const shadow of shadows) {
    const row = answered.rows.get(shadow.id)
    const of = row === undefined || columns.length === 0 ? [] : (JSON.parse(row.inputs) as unknown[])
    const slices = slicesOf(columns, answered.names, of)
    observations.push(...ofShadow(rollout, shadow, slices))
    const pair = pairOf(rollout, { shadow: shadow.s, answer: row?.score ?? null, slices })
    if (pair === undefined) continue
    if (rollout.state !== 'watching') observations.push(['p', pair.stable, pair.candidate])
    const label = labels.get(shadow.id)
    if (label === undefined) await keepPair(t, rollout.id, shadow.id, pair)
    else observations.push(labelled(rollout, pair, label))
  }
  await take(t, rollout, { observations, events: shadows.map((row) => row.et) })
}

/** What the candidate's own answer in shadow shows; after its promotion it is the former version that answers there. */
function ofShadow(rollout: RolloutRow, shadow: IngestedShadow, slices: readonly string[]): Observation[] {
  if (rollout.state === 'watching') return []
  const failed = shadow.err === undefined ? 0 : 1
  const answer = ['c', failed, shadow.us, 1] as const
  return slices.length === 0 ? [answer] : [answer, ['e', failed, slices]]
}

interface BothScores {
  readonly shadow: number | null
  readonly answer: number | null
  readonly slices: readonly string[]
}

function pairOf({ state }: RolloutRow, { shadow, answer, slices }: BothScores): Pair | undefined {
  if (shadow === null || answer === null) return undefined
  return state === 'watching'
    ? { stable: shadow, candidate: answer, slices }
    : { stable: answer, candidate: shadow, slices }
}

interface Pair {
  readonly stable: number
  readonly candidate: number
  readonly slices: readonly string[]
}

async function keepPair(t: Tx, rollout: string, id: string, pair: Pair): Promise<void> {
  await t.run(
    'INSERT INTO rollout_pairs (rollout_id, prediction_id, stable, candidate, slices) VALUES (?,?,?,?,?) ON CONFLICT (rollout_id, prediction_id) DO NOTHING',
    [rollout, id, pair.stable, pair.candidate, JSON.stringify(pair.slices)],
  )
}

/** The slices `column=value` of a row; values that are neither text nor number are in none. */
export function slicesOf(columns: readonly string[], names: readonly string[], values: readonly unknown[]): string[] {
  return columns.flatMap((column) => {
    const value = values[names.indexOf(column)]
    return typeof value === 'string' || typeof value === 'number' ? [`${column}=${value}`] : []
  })
}

async function takeLabels(t: Tx, rollout: RolloutRow, rows: readonly IngestedLabel[]): Promise<void> {
  const observations: Observation[] = []
  for (let i = 0; i < rows.length; i += 200) {
    const part = new Map(rows.slice(i, i + 200).map((row) => [row.prediction_id, row.label]))
    // a pair is used up by its label: a label that comes twice finds nothing
    const pairs = await fetchAll<{ prediction_id: string; stable: number; candidate: number; slices: string }>(
      t,
      sql`DELETE FROM rollout_pairs WHERE rollout_id = ${rollout.id} AND prediction_id IN ${inList([...part.keys()])}
        RETURNING prediction_id, stable, candidate, slices`,
    )
    // RETURNING has no order of its own
    for (const pair of pairs.toSorted((a, b) => (a.prediction_id < b.prediction_id ? -1 : 1))) {
      const label = part.get(pair.prediction_id)
      if (label !== undefined)
        observations.push(labelled(rollout, { ...pair, slices: JSON.parse(pair.slices) as string[] }, label))
    }
  }
  await take(t, rollout, { observations, events: [] })
}

function labelled(rollout: RolloutRow, pair: Pair, label: number): Observation {
  const plan = planOf(rollout)
  return ['l', lossOf(plan, pair.stable, label), lossOf(plan, pair.candidate, label), pair.slices]
}
