/** MLflow's workspaces, which are Slipway's projects: listed, described and made. `deletion.ts` deletes them. */
import { name } from '../../contract/fields.ts'
import type { Principal } from '../../contract/access.ts'
import type { Reader } from '../../store/db.ts'
import { checkLength } from '../../mlflow/limits.ts'
import { sees } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import { invalid, missing, mlflowProblem } from '../../mlflow/wire.ts'

export interface WireWorkspace {
  readonly name: string
  readonly description?: string
}

interface WorkspaceRow {
  readonly name: string
  readonly description: string | null
}

const LONGEST_DESCRIPTION = 1000

/** Tables of the room that a project may have rows in without which it would not be. */
export const HOLDERS = [
  'experiments',
  'evaluation_datasets',
  'gateway_secrets',
  'gateway_model_definitions',
  'gateway_endpoints',
] as const

/** Every workspace that a principal sees, by name; the default one is always there. */
export async function listWorkspaces(room: Tracking, who: Principal): Promise<WireWorkspace[]> {
  const rows = await room.db.all<{ name: string; description: string | null }>(
    `SELECT p.name, w.description FROM (
        SELECT name FROM workspaces UNION SELECT project FROM registered_models
          ${HOLDERS.map((table) => `UNION SELECT project FROM ${table}`).join(' ')}
      ) p LEFT JOIN workspaces w ON w.name = p.name ORDER BY p.name`,
  )
  return rows.filter((row) => sees(who, row.name)).map(wire)
}

/** One workspace. RESOURCE_DOES_NOT_EXIST. */
export async function getWorkspace(room: Tracking, who: Principal, given: string): Promise<WireWorkspace> {
  return wire(await requireWorkspace(room.db, who, given))
}

/** Makes a workspace. RESOURCE_ALREADY_EXISTS; a principal of one project makes none. */
export async function createWorkspace(
  room: Tracking,
  who: Principal,
  given: { readonly name: string; readonly description: string | undefined },
): Promise<WireWorkspace> {
  const parsed = name.safeParse(given.name)
  if (!parsed.success) throw invalid(`Invalid workspace name '${given.name.slice(0, 100)}'.`)
  checkLength(given.description, 'description', LONGEST_DESCRIPTION)
  refuseInside(who)
  return room.db.tx(async (t) => {
    await t.lock('workspaces')
    if ((await findWorkspace(t, given.name)) !== undefined) {
      throw mlflowProblem('RESOURCE_ALREADY_EXISTS', `Workspace '${given.name}' already exists.`)
    }
    await putWorkspace(t, room, given)
    await room.record(t, who, {
      verb: 'manage',
      resource: 'server',
      id: given.name,
      detail: { created: 'workspace' },
    })
    return wire({ name: given.name, description: given.description ?? null })
  })
}

/** Describes a workspace. RESOURCE_DOES_NOT_EXIST. */
export async function describeWorkspace(
  room: Tracking,
  who: Principal,
  given: { readonly name: string; readonly description: string | undefined },
): Promise<WireWorkspace> {
  checkLength(given.description, 'description', LONGEST_DESCRIPTION)
  refuseInside(who)
  return room.db.tx(async (t) => {
    const row = await requireWorkspace(t, who, given.name)
    const description = given.description ?? row.description ?? undefined
    await putWorkspace(t, room, { name: row.name, description })
    const detail = { described: 'workspace' }
    await room.record(t, who, { verb: 'manage', resource: 'server', id: row.name, detail })
    return wire({ name: row.name, description: description ?? null })
  })
}

/** Refuses principals of one project: they change no workspaces. */
export function refuseInside(who: Principal): void {
  if (who.project === null) return
  throw mlflowProblem('PERMISSION_DENIED', 'A token of one project does not change workspaces.')
}

/** The workspace, if the principal sees it. RESOURCE_DOES_NOT_EXIST. */
export async function requireWorkspace(reader: Reader, who: Principal, given: string): Promise<WorkspaceRow> {
  const row = sees(who, given) ? await findWorkspace(reader, given) : undefined
  if (row === undefined) throw missing(`Workspace '${given}' not found.`, 'workspace', given)
  return row
}

async function findWorkspace(reader: Reader, given: string): Promise<WorkspaceRow | undefined> {
  const row = await reader.get<WorkspaceRow>('SELECT name, description FROM workspaces WHERE name = ?', [given])
  if (row !== undefined) return row
  for (const table of [...HOLDERS, 'registered_models']) {
    const used = await reader.get(`SELECT project FROM ${table} WHERE project = ? LIMIT 1`, [given])
    if (used !== undefined) return { name: given, description: null }
  }
  return given === 'default' ? { name: given, description: null } : undefined
}

async function putWorkspace(
  t: Parameters<Parameters<Tracking['db']['tx']>[0]>[0],
  room: Tracking,
  given: { readonly name: string; readonly description: string | undefined },
): Promise<void> {
  await t.run(
    'INSERT INTO workspaces (name, description, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET description = excluded.description',
    [given.name, given.description ?? null, room.clock()],
  )
}

function wire(row: WorkspaceRow): WireWorkspace {
  return { name: row.name, ...(row.description !== null && { description: row.description }) }
}
