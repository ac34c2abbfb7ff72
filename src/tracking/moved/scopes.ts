/** Which experiments, runs and logged models belong to an export: queries of their ids, for every room that keeps something of them. */
import type { Scope } from '../../store/moved/table.ts'
import { inList, raw, sql } from '../../store/sql/sql.ts'
import type { Sql } from '../../store/db.ts'

/** Ids of the runs of a scope. */
export function runIds(scope: Scope): Sql {
  if (scope.kind === 'all') return raw('SELECT run_id FROM runs')
  if (scope.kind === 'model') return sql`SELECT run_id FROM runs WHERE run_id IN ${inList(scope.runs)}`
  const column = { project: 'project', experiment: 'experiment_id', run: 'run_id' }[scope.kind]
  return sql`SELECT run_id FROM runs WHERE ${raw(column)} = ${scope.id}`
}

/** Ids of the logged models of a scope. */
export function modelIds(scope: Scope): Sql {
  if (scope.kind === 'all') return raw('SELECT model_id FROM logged_models')
  if (scope.kind === 'model') return sql`SELECT model_id FROM logged_models WHERE model_id IN ${inList(scope.models)}`
  const column = { project: 'project', experiment: 'experiment_id', run: 'source_run_id' }[scope.kind]
  return sql`SELECT model_id FROM logged_models WHERE ${raw(column)} = ${scope.id}`
}

/** Ids of the experiments of a scope. */
export function experimentIds(scope: Scope): Sql {
  if (scope.kind === 'all') return raw('SELECT experiment_id FROM experiments')
  if (scope.kind === 'project') return sql`SELECT experiment_id FROM experiments WHERE project = ${scope.id}`
  if (scope.kind === 'experiment') return sql`SELECT experiment_id FROM experiments WHERE experiment_id = ${scope.id}`
  return sql`SELECT experiment_id FROM runs WHERE run_id IN (${runIds(scope)})
    UNION SELECT experiment_id FROM logged_models WHERE model_id IN (${modelIds(scope)})`
}

/** Ids of the experiments that a scope holds as a whole: these alone have what belongs to none of their runs. */
export function wholeExperiments(scope: Scope): Sql | undefined {
  return scope.kind === 'project' || scope.kind === 'experiment' ? experimentIds(scope) : undefined
}
