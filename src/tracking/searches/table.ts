/** What a table of very many runs asks beside its rows: keys, groups with their figures, curves of many runs at once. */
import type { z } from 'zod'
import type { Principal } from '../../contract/access.ts'
import { toTime } from '../../contract/fields.ts'
import { MOST_KEYS, runTableApi } from '../../contract/tracking/run-table.ts'
import type { RunGroup } from '../../contract/tracking/run-table.ts'
import { mount } from '../../http/mount.ts'
import type { Mounted } from '../../http/mount.ts'
import { readCurves } from '../metrics/curves.ts'
import type { View } from '../experiments/search.ts'
import { stageCondition } from '../experiments/search.ts'
import { visible } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import type { Filter } from '../../mlflow/filter.ts'
import { condition } from './conditions.ts'
import { readRunFilter } from './lineage.ts'
import { all, joined, raw, searchAll, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'

const VIEW = { active: 'ACTIVE_ONLY', deleted: 'DELETED_ONLY', all: 'ALL' } as const satisfies Record<string, View>

/** Runs whose params and tags are looked through where not all of them may be told. */
const NEWEST_RUNS = 1000

export function tableRoutes(room: Tracking): Mounted[] {
  return [
    mount(runTableApi.keys, ({ who, query }) => keysOf(room, who, query.experiment_id)),
    mount(runTableApi.groups, ({ who, query }) =>
      groupsOf(room, who, { ...query, view: VIEW[query.view], metrics: query.metrics ?? [] }),
    ),
    mount(runTableApi.curves, async ({ who, query }) => ({ items: await readCurves(room, who, query) })),
  ]
}

export interface Keys {
  readonly metrics: string[]
  readonly params: string[]
  readonly tags: string[]
  readonly newest: { readonly metrics: string[]; readonly params: string[] }
}

/**
 * Keys of the runs that the caller sees, sorted, at most 1,000 of each kind. Metrics are complete; params and tags are those of
 * the newest 1,000 runs where an experiment is named or the caller sees one project alone.
 */
export async function keysOf(room: Tracking, who: Principal, experiment?: string): Promise<Keys> {
  const scoped = experiment !== undefined || who.project !== null
  const newest = newestRun(who, experiment)
  const [metrics, params, tags, ownMetrics, ownParams] = await Promise.all([
    names(room, metricKeys(who, experiment)),
    names(room, scoped ? recentKeys('run_params', who, experiment) : everyKey('run_params')),
    names(room, scoped ? recentKeys('run_tags', who, experiment) : everyKey('run_tags')),
    names(room, sql`SELECT x.key FROM latest_metrics x WHERE x.run_id = (${newest}) ORDER BY x.key`),
    names(room, sql`SELECT x.key FROM run_params x WHERE x.run_id = (${newest}) ORDER BY x.key`),
  ])
  return { metrics, params, tags, newest: { metrics: ownMetrics, params: ownParams } }
}

function newestRun(who: Principal, experiment: string | undefined): Sql {
  const where = [visible(who, 'r.project'), ...(experiment === undefined ? [] : [sql`r.experiment_id = ${experiment}`])]
  return sql`SELECT r.run_id FROM runs r WHERE ${all(where)} AND r.lifecycle_stage = 'active'
    ORDER BY r.start_time DESC, r.run_id LIMIT 1`
}

async function names(room: Tracking, query: Sql): Promise<string[]> {
  return (await searchAll<{ key: string }>(room.db, sql`${query} LIMIT ${MOST_KEYS}`)).map((row) => row.key)
}

/** Steps from key to key through the index: the cost is the number of keys, not of runs. */
function metricKeys(who: Principal, experiment: string | undefined): Sql {
  const where = [visible(who, 'e.project'), ...(experiment === undefined ? [] : [sql`e.experiment_id = ${experiment}`])]
  return sql`WITH RECURSIVE found(experiment_id, key) AS (
      SELECT e.experiment_id, (SELECT MIN(m.key) FROM latest_metrics m WHERE m.experiment_id = e.experiment_id)
      FROM experiments e WHERE ${all(where)}
      UNION ALL
      SELECT f.experiment_id,
        (SELECT MIN(m.key) FROM latest_metrics m WHERE m.experiment_id = f.experiment_id AND m.key > f.key)
      FROM found f WHERE f.key IS NOT NULL
    ) SELECT DISTINCT key FROM found WHERE key IS NOT NULL ORDER BY key`
}

function everyKey(table: 'run_params' | 'run_tags'): Sql {
  const from = raw(table)
  return sql`WITH RECURSIVE found(key) AS (
      SELECT MIN(x.key) FROM ${from} x
      UNION ALL
      SELECT (SELECT MIN(x.key) FROM ${from} x WHERE x.key > f.key) FROM found f WHERE f.key IS NOT NULL
    ) SELECT key FROM found WHERE key IS NOT NULL ORDER BY key`
}

function recentKeys(table: 'run_params' | 'run_tags', who: Principal, experiment: string | undefined): Sql {
  const where = [visible(who, 'r.project'), ...(experiment === undefined ? [] : [sql`r.experiment_id = ${experiment}`])]
  return sql`SELECT DISTINCT x.key FROM ${raw(table)} x WHERE x.run_id IN (
      SELECT r.run_id FROM runs r WHERE ${all(where)} AND r.lifecycle_stage = 'active'
      ORDER BY r.start_time DESC, r.run_id LIMIT ${NEWEST_RUNS}
    ) ORDER BY x.key`
}

export interface GroupsAsked {
  /** `params.KEY`, `tags.KEY`, `attributes.status`, `attributes.user_id` or `attributes.experiment_id`. */
  readonly by: string
  readonly filter?: string | undefined
  readonly experiment_id?: string | undefined
  readonly view: View
  readonly metrics: readonly string[]
  readonly limit: number
}

type Group = z.output<typeof RunGroup>

/** The groups of a search's runs, the largest first. Throws what the filter's parser throws. */
export async function groupsOf(
  room: Tracking,
  who: Principal,
  asked: GroupsAsked,
): Promise<{ items: Group[]; more: boolean }> {
  const filter = await readRunFilter(room, who, asked.filter)
  const places = asked.metrics.map((_, i) => i)
  const columns = places.map(
    (i) =>
      `, COUNT(m${i}.value) AS n${i}, AVG(m${i}.value) AS mean${i}, MIN(m${i}.value) AS least${i}, MAX(m${i}.value) AS most${i}`,
  )
  const joins = asked.metrics.map(
    (
      metric,
      i,
    ) => sql`LEFT JOIN latest_metrics ${raw(`m${i}`)} ON ${raw(`m${i}.run_id = h.run_id AND m${i}.is_nan = 0`)}
      AND ${raw(`m${i}.key`)} = ${metric}`,
  )
  const rows = await searchAll<GroupRow>(
    room.db,
    sql`SELECT h.value, COUNT(*) AS runs, MAX(h.start_time) AS newest ${raw(columns.join(''))}
      FROM (${matching(room, who, asked, filter)}) h ${joined(joins, ' ')}
      GROUP BY h.value ORDER BY runs DESC, h.value LIMIT ${asked.limit + 1}`,
  )
  const items = rows.slice(0, asked.limit).map((row) => ({
    value: row.value,
    runs: row.runs,
    newest_at: toTime(Math.max(0, Math.min(row.newest, LAST_MS))),
    metrics: Object.fromEntries(
      places.flatMap((i) => (Number(row[`n${i}`]) === 0 ? [] : [[asked.metrics[i] ?? '', figuresOf(row, i)] as const])),
    ),
  }))
  return { items, more: rows.length > asked.limit }
}

/** The last moment that a JavaScript date can hold. */
const LAST_MS = 8.64e15

type GroupRow = { readonly value: string | null; readonly runs: number; readonly newest: number } & Readonly<
  Record<string, number | string | null>
>

function figuresOf(row: GroupRow, i: number): Group['metrics'][string] {
  const mean = Number(row[`mean${i}`])
  return {
    runs: Number(row[`n${i}`]),
    // the mean of numbers near the largest double may be none
    mean: Number.isFinite(mean) ? mean : null,
    least: Number(row[`least${i}`]),
    greatest: Number(row[`most${i}`]),
  }
}

/** Every run of the search with what it is grouped by. */
function matching(room: Tracking, who: Principal, asked: GroupsAsked, filter: Filter | undefined): Sql {
  const where = [visible(who, 'r.project'), stageCondition(asked.view, 'r.lifecycle_stage')]
  if (asked.experiment_id !== undefined) where.push(sql`r.experiment_id = ${asked.experiment_id}`)
  if (filter !== undefined) where.push(sql`(${condition(room.db.kind, filter)})`)
  const dot = asked.by.indexOf('.')
  const [kind, key] = [asked.by.slice(0, dot), asked.by.slice(dot + 1)]
  if (kind === 'attributes') {
    const column = key === 'status' ? 'r.status' : key === 'user_id' ? 'r.user_id' : 'r.experiment_id'
    return sql`SELECT r.run_id, r.start_time, ${raw(column)} AS value FROM runs r WHERE ${all(where)}`
  }
  const table = raw(kind === 'params' ? 'run_params' : 'run_tags')
  return sql`SELECT r.run_id, r.start_time, g.value FROM runs r
    LEFT JOIN ${table} g ON g.run_id = r.run_id AND g.key = ${key} WHERE ${all(where)}`
}
