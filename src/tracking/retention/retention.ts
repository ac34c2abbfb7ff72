/** Rules of retention: which runs may go to the bin, and when what lies there is purged. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { requireExperiment } from '../experiments/experiments.ts'
import { parseOrder } from '../../mlflow/filter.ts'
import { sees, visible } from '../../auth/visibility.ts'
import { hexId } from '../context/ids.ts'
import type { Tracking } from '../context/context.ts'
import { RUN_SCHEMA } from '../searches/conditions.ts'
import { readRunFilter } from '../searches/lineage.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import { insertRow } from '../../store/sql/rows.ts'

/** A rule; times in ms. */
export interface RetentionRule {
  readonly id: string
  readonly project: string
  readonly name: string
  /** Null = all experiments of the project. */
  readonly experiment_id: string | null
  /** Active runs go to the bin; deleted ones, which lie there, are purged. */
  readonly stage: 'active' | 'deleted'
  /** Age: since the end of a run, or since it was deleted. */
  readonly older_than_ms: number
  /** Grammar of the search of runs; '' = all. */
  readonly filter: string
  /** Runs of each experiment that stay, the first by `keep_order`. 0 = none. */
  readonly keep_best: number
  /** For example `metrics.auc DESC`. */
  readonly keep_order: string | null
  readonly enabled: boolean
  readonly owner: string
  readonly created_at: number
}

export type NewRule = Omit<RetentionRule, 'id' | 'owner' | 'created_at'>

type Row = Omit<RetentionRule, 'enabled'> & { readonly enabled: number }

/** Makes a rule. `already_exists`; `bad_request` for a rank without an order; INVALID_PARAMETER_VALUE for a text that cannot be read. */
export async function createRule(room: Tracking, who: Principal, given: NewRule): Promise<RetentionRule> {
  if (!sees(who, given.project)) throw problem('not_found', { what: 'project', id: given.project })
  if (given.keep_best > 0 !== (given.keep_order !== null)) {
    throw problem('bad_request', {
      detail: 'keep_best and keep_order: one needs the other, as 5 and "metrics.auc DESC"',
    })
  }
  await readRunFilter(room, who, given.filter)
  if (given.keep_order !== null) parseOrder(given.keep_order, RUN_SCHEMA)
  const rule = { ...given, id: hexId(room), owner: who.name, created_at: room.clock() }
  await room.db.tx(async (t) => {
    if (given.experiment_id !== null) {
      const { project } = await requireExperiment(t, who, given.experiment_id)
      if (project !== given.project) {
        throw problem('bad_request', { detail: `experiment ${given.experiment_id} is of project ${project}` })
      }
    }
    const other = await t.get('SELECT id FROM retention_rules WHERE project = ? AND name = ?', [
      rule.project,
      rule.name,
    ])
    if (other !== undefined) throw problem('already_exists', { what: 'retention rule', id: rule.name })
    await insertRow(t, 'retention_rules', {
      id: rule.id,
      project: rule.project,
      name: rule.name,
      experiment_id: rule.experiment_id,
      stage: rule.stage,
      older_than_ms: rule.older_than_ms,
      filter: rule.filter,
      keep_best: rule.keep_best,
      keep_order: rule.keep_order,
      enabled: rule.enabled ? 1 : 0,
      owner: rule.owner,
      created_at: rule.created_at,
    })
    await room.record(t, who, { verb: 'manage', resource: 'runs', id: rule.id, detail: { retention: { ...given } } })
  })
  return rule
}

/** The rules that the caller sees, by project and name. */
export async function listRules(reader: Reader, who: Principal): Promise<RetentionRule[]> {
  const rows = await fetchAll<Row>(
    reader,
    sql`SELECT * FROM retention_rules WHERE ${visible(who, 'project')} ORDER BY project, name`,
  )
  return rows.map(read)
}

/** A rule by id, or by a name that one project alone has. `not_found`, `conflict`. */
export async function requireRule(reader: Reader, who: Principal, idOrName: string): Promise<RetentionRule> {
  const rows = await fetchAll<Row>(
    reader,
    sql`SELECT * FROM retention_rules WHERE (id = ${idOrName} OR name = ${idOrName}) AND ${visible(who, 'project')}`,
  )
  const found = rows.find((row) => row.id === idOrName) ?? rows[0]
  if (found === undefined) throw problem('not_found', { what: 'retention rule', id: idOrName })
  if (found.id !== idOrName && rows.length > 1) {
    throw problem('conflict', { detail: `several projects have a rule called ${idOrName}: name its id` })
  }
  return read(found)
}

/** Forgets a rule; what it removed stays removed. `not_found`. */
export async function forgetRule(room: Tracking, who: Principal, idOrName: string): Promise<void> {
  await room.db.tx(async (t) => {
    const { id, name } = await requireRule(t, who, idOrName)
    await t.run('DELETE FROM retention_rules WHERE id = ?', [id])
    await room.record(t, who, { verb: 'manage', resource: 'runs', id, detail: { retention: name, forgotten: true } })
  })
}

function read(row: Row): RetentionRule {
  return { ...row, enabled: row.enabled === 1 }
}
