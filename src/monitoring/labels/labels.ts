/** Takes labels in: each counts once, late ones and those that come before their prediction too. */
import type { Reader, SqlValue, Tx } from '../../store/db.ts'
import { faultPoint } from '../../store/fault.ts'
import { lockMonitor } from '../context/context.ts'
import type { KnownLabel, MonitoringDeps } from '../context/context.ts'
import { readLabels } from './reading.ts'
import type { Flagged, GivenLabel, ReadLabel } from './reading.ts'
import { touchDays } from './scored.ts'
import { targetOf } from './target.ts'
import { eventTimes } from '../../serving/records/queries.ts'

/** What became of a delivery. */
export interface LabelCounts {
  readonly accepted: number
  readonly duplicates: number
  /** Labels that say something else than one that was there; the one that became known later counts. */
  readonly conflicts: number
  /** Labels whose prediction is not known yet. */
  readonly orphans: number
  /** Labels that were taken and look wrong, in their order; the first hundred. */
  readonly flagged: Flagged[]
}

/** Flagged labels that a reply names. */
const MOST_FLAGGED = 100

interface StoredLabel {
  readonly prediction_id: string
  readonly text: string
  readonly at: number
}

/** Labels of one transaction: a delivery that is cut off by a crash is sent again, and what was stored counts as duplicate. */
const PART = 2000
/** Rows of one statement, few sizes, so that the store keeps the statements prepared. */
const SIZES = [200, 20, 1]

/** Stores labels of an endpoint: all of them, or none where one cannot be. Throws `invalid_field` that names its row. */
export async function putLabels(
  deps: MonitoringDeps,
  endpoint: string,
  given: readonly GivenLabel[],
): Promise<LabelCounts> {
  const now = deps.clock()
  const { labels, flagged } = readLabels(given, { now, target: await targetOf(deps, endpoint) })
  const sum = { accepted: 0, duplicates: 0, conflicts: 0, orphans: 0 }
  for (let i = 0; i < labels.length; i += PART) {
    const part = labels.slice(i, i + PART)
    const counts = await deps.db.tx((t) => storePart(deps, t, { endpoint, now, part }))
    faultPoint('labels.stored')
    for (const key of ['accepted', 'duplicates', 'conflicts', 'orphans'] as const) sum[key] += counts[key]
    flagged.push(...counts.flagged)
  }
  return { ...sum, flagged: flagged.toSorted((a, b) => a.row - b.row).slice(0, MOST_FLAGGED) }
}

interface Delivery {
  readonly endpoint: string
  readonly now: number
  readonly part: readonly ReadLabel[]
}

async function storePart(deps: MonitoringDeps, t: Tx, delivery: Delivery): Promise<LabelCounts> {
  const monitor = await lockMonitor(t, delivery.endpoint)
  const { fresh, changed, duplicates, conflicts } = await sort(t, delivery)
  const known = await predictionsAmong(
    t,
    delivery.endpoint,
    [...fresh, ...changed].map((one) => one.id),
  )
  await insertLabels(t, delivery, fresh, known)
  faultPoint('labels.inserted')
  for (const one of changed) {
    await t.run(
      'UPDATE labels SET label = ?, text = ?, at = ?, received_at = ?, conflicts = conflicts + 1 WHERE endpoint = ? AND prediction_id = ?',
      [one.label, one.text, one.at, delivery.now, delivery.endpoint, one.id],
    )
  }
  const early = fresh.filter((one) => !known.has(one.id))
  const orphans = early.length
  await touchDays(t, delivery.endpoint, monitor.seq + 1, known.values())
  await t.run('UPDATE monitors SET orphans = ?, seq = seq + 1 WHERE endpoint = ?', [
    monitor.orphans + orphans,
    delivery.endpoint,
  ])
  const told = fresh.flatMap((one) => (one.label === null ? [] : [knownLabel(delivery.endpoint, one)]))
  if (told.length > 0) await deps.onLabels(t, told)
  faultPoint('labels.told')
  return {
    accepted: fresh.length + changed.length,
    duplicates,
    conflicts: conflicts.length,
    orphans,
    flagged: [
      ...conflicts,
      ...early.map((one) => flag(one, 'no prediction has this id yet: it is kept until one comes')),
    ],
  }
}

function flag({ row, id }: ReadLabel, reason: string): Flagged {
  return { row, prediction_id: id, reason }
}

function knownLabel(endpoint: string, one: ReadLabel): KnownLabel {
  return { endpoint, prediction_id: one.id, label: one.label as number }
}

interface Sorted {
  readonly fresh: ReadLabel[]
  readonly changed: ReadLabel[]
  readonly duplicates: number
  /** Each with what it says beside the other. */
  readonly conflicts: readonly Flagged[]
}

/** Tells new labels from those that are there already; of two for one prediction in the same part the later known counts. */
async function sort(t: Tx, { endpoint, part }: Delivery): Promise<Sorted> {
  const stored = new Map<string, StoredLabel>()
  for (const ids of parts(part.map((one) => one.id))) {
    const rows = await t.all<StoredLabel>(
      `SELECT prediction_id, text, at FROM labels WHERE endpoint = ? AND prediction_id IN (${marks(ids.length)})`,
      [endpoint, ...ids],
    )
    for (const row of rows) stored.set(row.prediction_id, row)
  }
  const fresh = new Map<string, ReadLabel>()
  const changed = new Map<string, ReadLabel>()
  const conflicts: Flagged[] = []
  let duplicates = 0
  for (const one of part) {
    const before = changed.get(one.id) ?? fresh.get(one.id) ?? stored.get(one.id)
    if (before === undefined) fresh.set(one.id, one)
    else if (before.text === one.text) duplicates += 1
    else {
      const earlier = one.at < before.at
      const told = `says ${one.text}, and another label says ${before.text}: the one that became known later counts, ${earlier ? before.text : one.text}`
      conflicts.push(flag(one, told))
      if (earlier) continue
      if (fresh.has(one.id)) fresh.set(one.id, one)
      else changed.set(one.id, one)
    }
  }
  return { fresh: [...fresh.values()], changed: [...changed.values()], duplicates, conflicts }
}

/** Event times, ms, of the predictions that are known. */
async function predictionsAmong(t: Tx, endpoint: string, ids: readonly string[]): Promise<Map<string, number>> {
  const known = new Map<string, number>()
  for (const part of parts(ids)) {
    const rows = await eventTimes(t, endpoint, part)
    for (const row of rows) known.set(row.id, row.event_time)
  }
  return known
}

async function insertLabels(
  t: Tx,
  { endpoint, now }: Delivery,
  fresh: readonly ReadLabel[],
  known: ReadonlyMap<string, number>,
): Promise<void> {
  for (const part of parts(fresh)) {
    const values = part.flatMap((one): SqlValue[] => [
      endpoint,
      one.id,
      one.label,
      one.text,
      one.at,
      now,
      known.has(one.id) ? 1 : 0,
      0,
    ])
    await t.run(
      `INSERT INTO labels (endpoint, prediction_id, label, text, at, received_at, joined, conflicts) VALUES ${part.map(() => '(?,?,?,?,?,?,?,?)').join(',')}`,
      values,
    )
  }
}

/** Joins labels that came before their predictions; called in the transaction that ingests those. */
export async function joinOrphans(t: Tx, endpoint: string, ids: readonly string[]): Promise<void> {
  const row = await t.get<{ orphans: number }>('SELECT orphans FROM monitors WHERE endpoint = ?', [endpoint])
  if (row === undefined || row.orphans === 0) return
  let joined = 0
  for (const part of parts(ids)) {
    joined += await t.run(
      `UPDATE labels SET joined = 1 WHERE endpoint = ? AND joined = 0 AND prediction_id IN (${marks(part.length)})`,
      [endpoint, ...part],
    )
  }
  faultPoint('labels.joined')
  if (joined > 0)
    await t.run('UPDATE monitors SET orphans = orphans - ?, seq = seq + 1 WHERE endpoint = ?', [joined, endpoint])
}

/** Labels that are known, by prediction id: 0 or 1, or a number. */
export async function labelsOf(
  reader: Reader,
  endpoint: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const part of parts(ids)) {
    const rows = await reader.all<{ prediction_id: string; label: number | null }>(
      `SELECT prediction_id, label FROM labels WHERE endpoint = ? AND prediction_id IN (${marks(part.length)})`,
      [endpoint, ...part],
    )
    for (const { prediction_id, label } of rows) if (label !== null) found.set(prediction_id, label)
  }
  return found
}

function parts<T>(items: readonly T[]): T[][] {
  const found: T[][] = []
  for (let at = 0; at < items.length;) {
    const size = SIZES.find((n) => n <= items.length - at) ?? 1
    found.push(items.slice(at, at + size))
    at += size
  }
  return found
}

function marks(n: number): string {
  return Array.from({ length: n }, () => '?').join(',')
}
