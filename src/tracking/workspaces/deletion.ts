/** Deletes workspaces: those that are empty, with all that they hold, or by giving all of it to the default project. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { purgeExperiment } from '../retention/purge.ts'
import type { ProjectPart, Tracking } from '../context/context.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import { deleteRows, updateRows } from '../../store/sql/rows.ts'
import { invalid, mlflowProblem } from '../../mlflow/wire.ts'
import { firstHolding, sameNames } from './tables.ts'
import { HOLDERS, refuseInside, requireWorkspace } from './workspaces.ts'

/** MLflow's modes: refuse what is not empty, delete what it holds, give what it holds to the default project. */
export type DeletionMode = 'RESTRICT' | 'CASCADE' | 'SET_DEFAULT'

const DEFAULT = 'default'

/** Tables of the room whose names are unique in a project. Views and rules are of use to nobody without what they are about. */
const VIEWS = ['saved_searches', 'retention_rules'] as const
const UNNAMED = ['runs', 'logged_models'] as const

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
  await requireWorkspace(room.db, room, who, given)
  if (mode === 'CASCADE') await emptied(room, who, given)
  await room.db.tx(async (t) => {
    await t.lock('workspaces')
    if (mode === 'SET_DEFAULT') await handOver(t, room, given)
    else await refuseHeld(t, room, given)
    for (const table of VIEWS) await deleteRows(t, table, sql`project = ${given}`)
    await deleteRows(t, 'workspaces', sql`name = ${given}`)
    const detail = { deleted: 'workspace', mode }
    await room.record(t, who, { verb: 'manage', resource: 'server', id: given, detail })
  })
}

/**
 * Removes all that a project holds, some of it in each transaction: when it is cut off, the same call goes on with the rest. The
 * rooms furthest below come first, for they may refuse, and they refer to what the others keep.
 */
async function emptied(room: Tracking, who: Principal, project: string): Promise<void> {
  await refuseImmovable(room.db, room, project, 'remove')
  for (const part of partsOf(room).toReversed()) await part.remove?.(who, project)
  const experiments = await fetchAll<{ experiment_id: string }>(
    room.db,
    sql`SELECT experiment_id FROM experiments WHERE project = ${project} ORDER BY seq`,
  )
  for (const { experiment_id } of experiments) await purgeExperiment(room, who, experiment_id)
}

function partsOf(room: Tracking): readonly ProjectPart[] {
  return room.projectParts?.() ?? []
}

async function refuseHeld(t: Tx, room: Tracking, project: string): Promise<void> {
  const own = await firstHolding(t, HOLDERS, project)
  if (own !== undefined) throw stillHolds(project, own)
  for (const part of partsOf(room)) {
    const held = await part.holds(t, project)
    if (held !== undefined) throw stillHolds(project, held)
  }
}

async function refuseImmovable(reader: Reader, room: Tracking, project: string, how: 'remove' | 'give'): Promise<void> {
  for (const part of partsOf(room)) {
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
  const renamed = { name: `Default of ${project}` }
  await updateRows(t, 'experiments', renamed, sql`project = ${project} AND name = 'Default'`)
  await refuseConflicts(t, room, project)
  for (const table of ['experiments', ...UNNAMED, ...VIEWS]) {
    await updateRows(t, table, { project: DEFAULT }, sql`project = ${project}`)
  }
  for (const part of partsOf(room)) await part.give?.(t, project, DEFAULT)
}

async function refuseConflicts(t: Tx, room: Tracking, project: string): Promise<void> {
  const conflicts = await sameNames(t, { table: 'experiments', column: 'name' }, project, DEFAULT)
  for (const part of partsOf(room)) conflicts.push(...((await part.conflicts?.(t, project, DEFAULT)) ?? []))
  for (const table of VIEWS) conflicts.push(...(await sameNames(t, { table, column: 'name' }, project, DEFAULT)))
  if (conflicts.length === 0) return
  throw mlflowProblem(
    'INVALID_STATE',
    `Cannot reassign resources from workspace '${project}' to '${DEFAULT}': the following names already exist in the default ` +
      `workspace and would cause conflicts:\n${conflicts.map((one) => `  - ${one}`).join('\n')}\nRename or remove the conflicting resources before retrying.`,
  )
}
