/** Takes ingested rows and labels in as evidence, inside the transaction that ingests them: each is counted exactly once. */
import type { Tx } from '../store/db.ts'
import { lossOf, observe } from './evidence.ts'
import type { Observation } from './evidence.ts'
import { gateStates } from './gates.ts'
import { growCurve } from './curve.ts'
import { evidenceOf, observing, planOf } from './room.ts'
import type { RolloutDeps, RolloutRow } from './room.ts'

/** The parts of an ingested prediction that matter here; `x` is the row in the order of the version's inputs. */
export interface SeenPrediction {
  readonly ep: string
  readonly id: string
  readonly ver: string
  readonly role: 'stable' | 'canary' | 'shadow'
  readonly et: number
  readonly us: number
  readonly st: number
  readonly x: readonly unknown[]
  readonly fb?: boolean
}

export interface SeenShadow {
  readonly ep: string
  readonly id: string
  readonly ver: string
  readonly et: number
  readonly us: number
  readonly s: number | null
  readonly err?: string
}

export interface SeenFailure {
  readonly ep: string
  readonly id: string
  readonly ver: string
  readonly et: number
  readonly us: number
}

export interface SeenBreaker {
  readonly ep: string
  readonly ver: string
  /** When the variant got its role, ms: tells it from an earlier canary of the same version. */
  readonly since: number
  readonly reason: string
}

export interface SeenLabel {
  readonly endpoint: string
  readonly prediction_id: string
  /** 0 or 1, or a number. */
  readonly label: number
}

/** Calls of the rooms that ingest; each runs in the caller's transaction. */
export interface RolloutHooks {
  onPredictions(t: Tx, rows: readonly SeenPrediction[]): Promise<void>
  onShadows(t: Tx, rows: readonly SeenShadow[]): Promise<void>
  onFailures(t: Tx, rows: readonly SeenFailure[]): Promise<void>
  onBreakers(t: Tx, rows: readonly SeenBreaker[]): Promise<void>
  onLabels(t: Tx, rows: readonly SeenLabel[]): Promise<void>
}

export function rolloutHooks(deps: RolloutDeps): RolloutHooks {
  return {
    onPredictions: (t, rows) =>
      forEachRollout(t, rows, 'ep', async (rollout, mine) => {
        const slices = await slicer(deps, t, rollout)
        await take(t, rollout, {
          observations: mine.flatMap((row) => [...ofPrediction(rollout, row), ...sliced(rollout, row, slices)]),
          events: mine.map((row) => row.et),
        })
      }),
    onFailures: (t, rows) =>
      forEachRollout(t, rows, 'ep', (rollout, mine) => {
        const own = mine.filter((row) => row.ver === rollout.version)
        return take(t, rollout, {
          observations: own.map((row) => ['c', 1, row.us, 0] as const),
          events: own.map((row) => row.et),
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

function ofPrediction(rollout: RolloutRow, row: SeenPrediction): Observation[] {
  // a row that stable answered because the candidate failed is told by the failure's own record
  if (row.ver === rollout.version && row.role === 'canary') return [['c', row.st >= 500 ? 1 : 0, row.us, 0]]
  if (row.ver === rollout.stable_version && row.role === 'stable' && row.fb !== true && row.st < 400)
    return [['s', row.us]]
  return []
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
function sliced(rollout: RolloutRow, row: SeenPrediction, slices: Slicer): Observation[] {
  const own = row.ver === rollout.version && row.role === 'canary'
  const fell = row.ver === rollout.stable_version && row.role === 'stable' && row.fb === true
  if (!own && !fell) return []
  const of = slices(row.ver, row.x)
  return of.length === 0 ? [] : [['e', fell || row.st >= 500 ? 1 : 0, of]]
}

/** Rows of stable for these ids, with the names of its inputs. */
async function stableRows(deps: RolloutDeps, t: Tx, rollout: RolloutRow, ids: readonly string[]) {
  const rows = await t.all<{ id: string; score: number | null; inputs: string }>(
    `SELECT id, score, inputs FROM predictions WHERE endpoint = ? AND version = ? AND id IN (${ids.map(() => '?').join(',')})`,
    [rollout.endpoint, rollout.stable_version ?? '', ...ids],
  )
  const names = await deps.inputNames(t, rollout.endpoint, rollout.stable_version ?? '')
  return { rows: new Map(rows.map((row) => [row.id, row])), names }
}

async function takeShadows(deps: RolloutDeps, t: Tx, rollout: RolloutRow, mine: readonly SeenShadow[]): Promise<void> {
  const shadows = mine.filter((row) => row.ver === rollout.version)
  if (shadows.length === 0) return
  const ids = shadows.map((row) => row.id)
  const stable = await stableRows(deps, t, rollout, ids)
  const labels = await deps.labelsOf(t, rollout.endpoint, ids)
  const columns = JSON.parse(rollout.slices) as string[]
  const observations: Observation[] = []
  for (const shadow of shadows) {
    observations.push(['c', shadow.err === undefined ? 0 : 1, shadow.us, 1])
    const row = stable.rows.get(shadow.id)
    if (row === undefined) continue
    const slices = columns.length === 0 ? [] : slicesOf(columns, stable.names, JSON.parse(row.inputs) as unknown[])
    if (slices.length > 0) observations.push(['e', shadow.err === undefined ? 0 : 1, slices])
    if (row.score === null || shadow.s === null) continue
    observations.push(['p', row.score, shadow.s])
    const pair = { stable: row.score, candidate: shadow.s, slices }
    const label = labels.get(shadow.id)
    if (label === undefined) await keepPair(t, rollout.id, shadow.id, pair)
    else observations.push(labelled(rollout, pair, label))
  }
  await take(t, rollout, { observations, events: shadows.map((row) => row.et) })
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

async function takeLabels(t: Tx, rollout: RolloutRow, rows: readonly SeenLabel[]): Promise<void> {
  const observations: Observation[] = []
  for (let i = 0; i < rows.length; i += 200) {
    const part = new Map(rows.slice(i, i + 200).map((row) => [row.prediction_id, row.label]))
    // a pair is used up by its label: a label that comes twice finds nothing
    const pairs = await t.all<{ prediction_id: string; stable: number; candidate: number; slices: string }>(
      `DELETE FROM rollout_pairs WHERE rollout_id = ? AND prediction_id IN (${[...part].map(() => '?').join(',')}) RETURNING prediction_id, stable, candidate, slices`,
      [rollout.id, ...part.keys()],
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

interface Taken {
  readonly observations: readonly Observation[]
  /** Event times of the rows, ms. */
  readonly events: readonly number[]
}

/** Adds observations to a rollout: to its list, to its evidence, to its curve. */
async function take(t: Tx, seen: RolloutRow, taken: Taken): Promise<void> {
  if (taken.observations.length === 0) return
  // read again: another hook of the same transaction may have added to it
  const row = await t.get<RolloutRow>('SELECT * FROM rollouts WHERE id = ?', [seen.id])
  if (row === undefined) return
  const evidence = evidenceOf(row)
  const plan = planOf(row)
  observe(evidence, plan, taken.observations)
  const seq = row.seq + 1
  await t.run('INSERT INTO rollout_observations (rollout_id, seq, observations) VALUES (?,?,?)', [
    row.id,
    seq,
    JSON.stringify(taken.observations),
  ])
  const curve = growCurve(row.curve, gateStates(evidence, plan))
  const first = Math.min(row.first_event ?? Infinity, ...taken.events)
  const last = Math.max(row.last_event ?? 0, ...taken.events)
  await t.run('UPDATE rollouts SET seq = ?, evidence = ?, curve = ?, first_event = ?, last_event = ? WHERE id = ?', [
    seq,
    JSON.stringify(evidence),
    curve,
    Number.isFinite(first) ? first : row.first_event,
    last === 0 ? row.last_event : last,
    row.id,
  ])
}
