/** MLflow's workspaces, which are Slipway's projects: listed, described and made. `deletion.ts` deletes them. */
import { name } from '../../contract/fields.ts'
import type { Principal } from '../../contract/access.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { insertRow } from '../../store/sql/rows.ts'
import { checkLength } from '../../mlflow/limits.ts'
import { sees } from '../../auth/visibility.ts'
import type { Tracking } from '../context/context.ts'
import { invalid, missing, mlflowProblem } from '../../mlflow/wire.ts'
import { projectsOf } from './tables.ts'

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
export const HOLDERS = ['experiments'] as const

/** Every workspace that a principal sees, by name; the default one is always there. */
export async function listWorkspaces(room: Tracking, who: Principal): Promise<WireWorkspace[]> {
  const described = await room.db.all<WorkspaceRow>('SELECT name, description FROM workspaces')
  const rows = new Map(described.map((row) => [row.name, row]))
  for (const name of await heldProjects(room.db, room)) if (!rows.has(name)) rows.set(name, { name, description: null })
  const names = [...rows.keys()].filter((name) => sees(who, name)).sort()
  return names.map((name) => wire(rows.get(name) as WorkspaceRow))
}

/** Projects that something is kept of, here or in another room: all, or at most the one that is named. */
async function heldProjects(reader: Reader, room: Tracking, named?: string): Promise<string[]> {
  const held = await projectsOf(reader, HOLDERS, named)
  for (const part of room.projectParts?.() ?? []) held.push(...((await part.projects?.(reader, named)) ?? []))
  return held
}

/** One workspace. RESOURCE_DOES_NOT_EXIST. */
export async function getWorkspace(room: Tracking, who: Principal, given: string): Promise<WireWorkspace> {
  return wire(await requireWorkspace(room.db, room, who, given))
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
    if ((await findWorkspace(t, room, given.name)) !== undefined) {
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
    const row = await requireWorkspace(t, room, who, given.name)
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
export async function requireWorkspace(
  reader: Reader,
  room: Tracking,
  who: Principal,
  given: string,
): Promise<WorkspaceRow> {
  const row = sees(who, given) ? await findWorkspace(reader, room, given) : undefined
  if (row === undefined) throw missing(`Workspace '${given}' not found.`, 'workspace', given)
  return row
}

async function findWorkspace(reader: Reader, room: Tracking, given: string): Promise<WorkspaceRow | undefined> {
  const row = await reader.get<WorkspaceRow>('SELECT name, description FROM workspaces WHERE name = ?', [given])
  if (row !== undefined) return row
  const held = given === 'default' || (await heldProjects(reader, room, given)).length > 0
  return held ? { name: given, description: null } : undefined
}

async function putWorkspace(
  t: Tx,
  room: Tracking,
  given: { readonly name: string; readonly description: string | undefined },
): Promise<void> {
  const row = { name: given.name, description: given.description ?? null, created_at: room.clock() }
  await insertRow(t, 'workspaces', row, 'ON CONFLICT (name) DO UPDATE SET description = excluded.description')
}

function wire(row: WorkspaceRow): WireWorkspace {
  return { name: row.name, ...(row.description !== null && { description: row.description }) }
}
