/** What a version's inputs added to its scores over a time, from the explained rows of the prediction log, and how far that moved. */
import type { z } from 'zod'
import type { Attributions } from '../../contract/serving.ts'
import { shareDistance, sharesOf } from '../../stats/moved-shares.ts'
import { forInTurns } from '../../http/callers/turns.ts'
import type { Db } from '../../store/db.ts'
import { EXPLAINED_PREFIX, unpackExplained } from './explained.ts'
import { requireEndpoint, versionsOf } from '../context/rows.ts'
import { all, searchAll, sql } from '../../store/sql/sql.ts'

/** A time by event time, ms; `from` inclusive, `until` exclusive. */
export interface Window {
  readonly from: number
  readonly until: number
}

export interface AttributionQuery {
  readonly endpoint: string
  readonly version: string | undefined
  readonly window: Window
  readonly baseline: Window | undefined
}

export type AttributionView = z.output<typeof Attributions>

/** Rows of a time that are read where nothing else is asked for. */
const MOST_ROWS = 10_000

/** Contributions added over rows, by input; a row with a score a class counts by the mean of its classes. */
export interface ContributionSums {
  readonly rows: number
  readonly signed: Map<string, number>
  readonly absolute: Map<string, number>
}

/** Mean contributions by input, largest first, and their drift against the baseline. Throws `not_found`. */
export async function readAttributions(db: Db, query: AttributionQuery): Promise<AttributionView> {
  await requireEndpoint(db, query.endpoint)
  const now = await contributionSums(db, query)
  const then = query.baseline && (await contributionSums(db, { ...query, window: query.baseline }))
  const shares = sharesByName(now)
  const earlier = then === undefined || then.rows === 0 ? undefined : sharesByName(then)
  const names = [...new Set([...shares.keys(), ...(earlier?.keys() ?? [])])]
  const inputs = names.map((name) => ({
    name,
    mean: (now.signed.get(name) ?? 0) / Math.max(1, now.rows),
    mean_abs: (now.absolute.get(name) ?? 0) / Math.max(1, now.rows),
    share: shares.get(name) ?? 0,
    baseline_share: earlier === undefined ? null : (earlier.get(name) ?? 0),
  }))
  const drift =
    earlier === undefined || now.rows === 0
      ? null
      : shareDistance(
          inputs.map((one) => one.share),
          inputs.map((one) => one.baseline_share ?? 0),
        )
  return {
    rows: now.rows,
    baseline_rows: then?.rows ?? null,
    inputs: inputs.sort((a, b) => b.mean_abs - a.mean_abs || (a.name < b.name ? -1 : 1)),
    drift,
  }
}

/** Sums over the newest explained rows of a time, `most` of them at most. */
export async function contributionSums(
  db: Db,
  query: Omit<AttributionQuery, 'baseline'>,
  most = MOST_ROWS,
): Promise<ContributionSums> {
  const { from, until } = query.window
  const version = query.version === undefined ? [] : [sql`version = ${query.version}`]
  const rows = await searchAll<{ version: string; prediction: string }>(
    db,
    sql`SELECT version, prediction FROM predictions WHERE endpoint = ${query.endpoint} AND event_time >= ${from}
      AND event_time < ${until} AND substr(prediction, 1, ${EXPLAINED_PREFIX.length}) = ${EXPLAINED_PREFIX}
      AND ${all(version)} ORDER BY event_time DESC, id DESC LIMIT ${most}`,
  )
  const versions = await versionsOf(db, query.endpoint)
  const sums: ContributionSums = { rows: rows.length, signed: new Map(), absolute: new Map() }
  await forInTurns(rows.length, (at) => {
    const { version: made = '', prediction = '' } = rows[at] ?? {}
    const { explanation } = unpackExplained(prediction)
    const names = versions.get(made)?.inputs ?? []
    explanation?.contributions.forEach((value, i) => add(sums, names[i]?.name ?? String(i), [value].flat()))
  })
  return sums
}

function add(sums: ContributionSums, name: string, values: readonly number[]): void {
  const mean = (of: (value: number) => number): number =>
    values.reduce((sum, value) => sum + of(value), 0) / Math.max(1, values.length)
  sums.signed.set(name, (sums.signed.get(name) ?? 0) + mean((value) => value))
  sums.absolute.set(name, (sums.absolute.get(name) ?? 0) + mean(Math.abs))
}

function sharesByName({ absolute }: ContributionSums): Map<string, number> {
  const shares = sharesOf([...absolute.values()])
  return new Map([...absolute.keys()].map((name, i) => [name, shares[i] ?? 0]))
}
