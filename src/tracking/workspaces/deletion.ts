/** Deletes workspaces: those that are empty, with all that they hold, or by giving all of it to the default project. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { purgeExperiment } from '../retention/purge.ts'
import type { Tracking } from '../context/context.ts'
import { fetchAll, raw, sql } from '../../store/sql/sql.ts'
import { invalid, mlflowProblem } from '../../mlflow/wire.ts'
import { HOLDERS, refuseInside, requireWorkspace } from './workspaces.ts'

/** MLflow's modes: refuse what is not empty, delete what it holds, give what it holds to the default project. */
export type DeletionMode = 'RESTRICT' | 'CASCADE' | 'SET_DEFAULT'

const DEFAULT = 'default'

/** Tables of the room whose rows are of a project, with the column that is unique in it. */
const NAMED = {
  experiments: 'name',
  gateway_secrets: 'secret_name',
  gateway_model_definitions: 'name',
  gateway_endpoints: 'name',
  saved_searches: 'name',
  retention_rules: 'name',
} as const
const UNNAMED = ['runs', 'logged_models', 'traces', 'evaluation_datasets'] as const

/**
 * Deletes a workspace. RESOURCE_DOES_NOT_EXIST; INVALID_STATE while it holds something that the mode does not deal with:
 * anything for RESTRICT, pipelines and endpoints for every mode, names that the default project has too for SET_DEFAULT.
 */
export async function deleteWorkspace(
  room: Tracking,
  who: Principal,
  given: string,
  mode: DeletionMode = 'RESTRICT',
): Promise<void> {
  if (given === DEFAULT) throw invalid("Cannot delete the reserved 'default' workspace")
  refuseInside(who)
  await requireWorkspace(room.db, who, given)
  if (mode === 'CASCADE') await emptied(room, who, given)
  await room.db.tx(async (t) => {
    await t.lock('workspaces')
    if (mode === 'SET_DEFAULT') await handOver(t, room, given)
    else await refuseHeld(t, room, given)
    // views and rules are of no use without what they are about
    for (const table of ['saved_searches', 'retention_rules']) {
      await t.run(`DELETE FROM ${table} WHERE project = ?`, [given])
    }
    await t.run('DELETE FROM workspaces WHERE name = ?', [given])
    const detail = { deleted: 'workspace', mode }
    await room.record(t, who, { verb: 'manage', resource: 'server', id: given, detail })
  })
}

/** Removes all that a project holds, some of it in each transaction: when it is cut off, the same call goes on with the rest. */
async function emptied(room: Tracking, who: Principal, project: string): Promise<void> {
  await refuseImmovable(room.db, room, project, 'remove')
  for (const part of room.projectParts?.() ?? []) await part.remove?.(who, project)
  const experiments = await room.db.all<{ experiment_id: string }>(
    'SELECT experiment_id FROM experiments WHERE project = ? ORDER BY seq',
    [project],
  )
  for (const { experiment_id } of experiments) await purgeExperiment(room, who, experiment_id)
  await room.db.tx(async (t) => {
    await removeDatasets(t, project)
    await removeGateway(t, project)
  })
}

async function removeDatasets(t: Tx, project: string): Promise<void> {
  const of = 'dataset_id IN (SELECT dataset_id FROM evaluation_datasets WHERE project = ?)'
  for (const table of ['evaluation_records', 'evaluation_dataset_tags', 'evaluation_dataset_experiments']) {
    await t.run(`DELETE FROM ${table} WHERE ${of}`, [project])
  }
  await t.run('DELETE FROM evaluation_datasets WHERE project = ?', [project])
}

async function removeGateway(t: Tx, project: string): Promise<void> {
  const of = 'endpoint_id IN (SELECT endpoint_id FROM gateway_endpoints WHERE project = ?)'
  for (const table of ['gateway_mappings', 'gateway_bindings', 'gateway_endpoint_tags']) {
    await t.run(`DELETE FROM ${table} WHERE ${of}`, [project])
  }
  for (const table of ['gateway_endpoints', 'gateway_model_definitions', 'gateway_secrets']) {
    await t.run(`DELETE FROM ${table} WHERE project = ?`, [project])
  }
}

async function refuseHeld(t: Tx, room: Tracking, project: string): Promise<void> {
  for (const table of HOLDERS) {
    const held = await t.get(`SELECT project FROM ${table} WHERE project = ? LIMIT 1`, [project])
    if (held !== undefined) throw stillHolds(project, table)
  }
  for (const part of room.projectParts?.() ?? []) {
    const held = await part.holds(t, project)
    if (held !== undefined) throw stillHolds(project, held)
  }
}

async function refuseImmovable(reader: Reader, room: Tracking, project: string, how: 'remove' | 'give'): Promise<void> {
  for (const part of room.projectParts?.() ?? []) {
    const held = part[how] === undefined ? await part.holds(reader, project) : undefined
    if (held !== undefined) throw stillHolds(project, held)
  }
}

function stillHolds(project: string, held: string): Error {
  return mlflowProblem('INVALID_STATE', `Cannot delete workspace '${project}': it still holds ${held}.`)
}

async function handOver(t: Tx, room: Tracking, project: string): Promise<void> {
  await refuseImmovable(t, room, project, 'give')
  // a project's own default experiment was named by nobody
  await t.run("UPDATE experiments SET name = ? WHERE project = ? AND name = 'Default'", [
    `Default of ${project}`,
    project,
  ])
  await refuseConflicts(t, project)
  for (const table of [...Object.keys(NAMED), ...UNNAMED]) {
    await t.run(`UPDATE ${table} SET project = ? WHERE project = ?`, [DEFAULT, project])
  }
  for (const part of room.projectParts?.() ?? []) await part.give?.(t, project, DEFAULT)
}

async function refuseConflicts(t: Tx, project: string): Promise<void> {
  const conflicts: string[] = []
  for (const [table, column] of Object.entries(NAMED)) {
    const found = await fetchAll<{ name: string }>(
      t,
      sql`SELECT a.${raw(column)} AS name FROM ${raw(table)} a JOIN ${raw(table)} b ON b.${raw(column)} = a.${raw(column)}
        WHERE a.project = ${project} AND b.project = ${DEFAULT} ORDER BY 1 LIMIT 20`,
    )
    conflicts.push(...found.map(({ name }) => `  - ${table}: '${name}'`))
  }
  if (conflicts.length === 0) return
  throw mlflowProblem(
    'INVALID_STATE',
    `Cannot reassign resources from workspace '${project}' to '${DEFAULT}': the following names already exist in the default ` +
      `workspace and would cause conflicts:\n${conflicts.join('\n')}\nRename or remove the conflicting resources before retrying.`,
  )
}
