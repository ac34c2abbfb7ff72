/** Saved searches: kept under a name in a project, checked when they are saved, and run for whoever asks. */
import type { AuditEntry } from '../../auth/audit.ts'
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { readExperimentQuery } from '../experiments/search.ts'
import { parseOrder } from '../../mlflow/filter.ts'
import { RUN_SCHEMA } from './conditions.ts'
import { readRunFilter } from './lineage.ts'
import { searchRuns } from './search.ts'
import type { RunPage } from './search.ts'
import { homeProject, visible } from '../../auth/visibility.ts'
import { hexId } from '../context/ids.ts'
import type { Tracking } from '../context/context.ts'
import { fetchAll, raw, searchAll, sql } from '../../store/sql/sql.ts'

/** What is searched for, in which order, and what of it a table shows. */
export interface SearchText {
  readonly entity: 'runs' | 'experiments'
  /** None = all experiments that whoever runs the search sees. */
  readonly experiment_ids: readonly string[]
  readonly filter: string
  readonly order_by: readonly string[]
  readonly columns: readonly string[]
  readonly grouping: string | null
}

/** A kept search; times in ms since 1970. `owner` is the name of who saved it first. */
export interface SavedSearch extends SearchText {
  readonly id: string
  readonly project: string
  readonly name: string
  readonly owner: string
  readonly created_at: number
  readonly updated_at: number
}

type Row = Omit<SavedSearch, 'experiment_ids' | 'order_by' | 'columns'> & {
  readonly experiment_ids: string
  readonly order_by: string
  readonly columns: string
}

/** Saves a search in the caller's project. `already_exists`; INVALID_PARAMETER_VALUE for a filter or an order that cannot be read. */
export async function saveSearch(room: Tracking, who: Principal, name: string, text: SearchText): Promise<SavedSearch> {
  await checkText(room, who, text)
  const now = room.clock()
  const id = hexId(room)
  const saved = { ...text, id, name, project: homeProject(who), owner: who.name, created_at: now, updated_at: now }
  await room.db.tx(async (t) => {
    await requireFree(t, saved.project, name)
    await t.run(
      `INSERT INTO saved_searches (entity, experiment_ids, filter, order_by, columns, grouping, name, updated_at,
        id, project, owner, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [...valuesOf(saved), id, saved.project, saved.owner, now],
    )
    await room.record(t, who, entryOf(saved, 'save'))
  })
  return saved
}

/** Changes what is given of a search. `not_found`, `already_exists`, INVALID_PARAMETER_VALUE. */
export async function changeSearch(
  room: Tracking,
  who: Principal,
  id: string,
  change: Partial<SearchText & { readonly name: string }>,
): Promise<SavedSearch> {
  const before = await requireSearch(room.db, who, id)
  await checkText(room, who, { ...before, ...change })
  return room.db.tx(async (t) => {
    const current = await requireSearch(t, who, before.id)
    const next = { ...current, ...change, updated_at: room.clock() }
    if (next.name !== current.name) await requireFree(t, current.project, next.name)
    await t.run(
      `UPDATE saved_searches SET entity = ?, experiment_ids = ?, filter = ?, order_by = ?, columns = ?, grouping = ?,
        name = ?, updated_at = ? WHERE id = ?`,
      [...valuesOf(next), current.id],
    )
    await room.record(t, who, entryOf(next, 'change'))
    return next
  })
}

/** Forgets a search. `not_found`. */
export async function forgetSearch(room: Tracking, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    const found = await requireSearch(t, who, id)
    await t.run('DELETE FROM saved_searches WHERE id = ?', [found.id])
    await room.record(t, who, entryOf(found, 'forget'))
  })
}

/** The searches that the caller sees, by name; after the one with the name and id `after`, at most `limit`. */
export async function listSearches(
  room: Tracking,
  who: Principal,
  asked: { entity?: SearchText['entity'] | undefined; after?: readonly [string, string] | undefined; limit: number },
): Promise<SavedSearch[]> {
  const { entity, after, limit } = asked
  const of = entity === undefined ? raw('1 = 1') : sql`entity = ${entity}`
  const beyond =
    after === undefined ? raw('1 = 1') : sql`(name > ${after[0]} OR (name = ${after[0]} AND id > ${after[1]}))`
  const rows = await searchAll<Row>(
    room.db,
    sql`SELECT * FROM saved_searches WHERE ${visible(who, 'project')} AND ${of} AND ${beyond} ORDER BY name, id LIMIT ${limit}`,
  )
  return rows.map(read)
}

/** A search by its id, or by its name: in the caller's project, else in the only project that has it. `not_found`, `conflict`. */
export async function requireSearch(reader: Reader, who: Principal, idOrName: string): Promise<SavedSearch> {
  const rows = await fetchAll<Row>(
    reader,
    sql`SELECT * FROM saved_searches WHERE (id = ${idOrName} OR name = ${idOrName}) AND ${visible(who, 'project')}`,
  )
  const own = rows.find((row) => row.id === idOrName) ?? rows.find((row) => row.project === homeProject(who))
  const found = own ?? rows[0]
  if (found === undefined) throw problem('not_found', { what: 'saved search', id: idOrName })
  if (own === undefined && rows.length > 1) {
    const projects = rows.map((row) => row.project).join(', ')
    throw problem('conflict', {
      detail: `several projects have a search called ${idOrName} (${projects}): name its id`,
    })
  }
  return read(found)
}

/** The runs that a saved search finds now among what the caller sees; for pages, tables and alerts alike. */
export async function runSearch(
  room: Tracking,
  who: Principal,
  saved: SearchText,
  page: { max_results: number; page_token?: string | undefined },
): Promise<RunPage> {
  if (saved.entity !== 'runs')
    throw problem('bad_request', { detail: `the search is for ${saved.entity}, not for runs` })
  const { experiment_ids, filter, order_by } = saved
  return searchRuns(room, who, { experiment_ids, filter, order_by, everywhere: true, ...page })
}

/** The newest runs that a saved search found; times in ms. */
export interface SavedRuns {
  readonly name: string
  readonly runs: readonly { readonly id: string; readonly name: string; readonly started_at: number }[]
}

/**
 * Finds the newest `limit` runs of a project by one of its saved searches, whatever order that has. `not_found`; `bad_request` for a
 * search of experiments.
 */
export function savedRuns(room: Tracking): (project: string, search: string, limit: number) => Promise<SavedRuns> {
  return async (project, search, limit) => {
    const who: Principal = { ...SYSTEM, project }
    const saved = await requireSearch(room.db, who, search)
    const newest = { ...saved, order_by: ['attributes.start_time DESC'] }
    const { rows } = await runSearch(room, who, newest, { max_results: limit })
    const runs = rows.map((run) => ({ id: run.run_id, name: run.run_name, started_at: run.start_time }))
    return { name: saved.name, runs }
  }
}

async function checkText(room: Tracking, who: Principal, text: SearchText): Promise<void> {
  if (text.entity === 'experiments') {
    readExperimentQuery(text.filter, text.order_by)
    return
  }
  await readRunFilter(room, who, text.filter)
  for (const clause of text.order_by) parseOrder(clause, RUN_SCHEMA)
}

async function requireFree(t: Tx, project: string, name: string): Promise<void> {
  const other = await t.get('SELECT id FROM saved_searches WHERE project = ? AND name = ?', [project, name])
  if (other !== undefined) throw problem('already_exists', { what: 'saved search', id: name })
}

function entryOf(saved: SavedSearch, action: 'save' | 'change' | 'forget'): AuditEntry {
  const { id, name, project, filter } = saved
  const detail = { search: name, project, action, ...(action !== 'forget' && { filter: filter.slice(0, 500) }) }
  return { verb: 'write', resource: 'runs', id, detail }
}

/** Values of the columns that may change, in the order of the statements. */
function valuesOf(saved: SavedSearch): (string | number | null)[] {
  const lists = [saved.experiment_ids, saved.order_by, saved.columns].map((list) => JSON.stringify(list))
  const [experiments = '[]', orders = '[]', columns = '[]'] = lists
  return [saved.entity, experiments, saved.filter, orders, columns, saved.grouping, saved.name, saved.updated_at]
}

function read(row: Row): SavedSearch {
  return {
    ...row,
    experiment_ids: JSON.parse(row.experiment_ids) as string[],
    order_by: JSON.parse(row.order_by) as string[],
    columns: JSON.parse(row.columns) as string[],
  }
}
