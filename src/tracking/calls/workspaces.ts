/** MLflow's calls about workspaces. */
import { Raw } from '../../http/mount.ts'
import { need, oneOf, text } from '../../mlflow/input.ts'
import type { Tracking } from '../context/context.ts'
import { rpc } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { deleteWorkspace } from '../workspaces/deletion.ts'
import { createWorkspace, describeWorkspace, getWorkspace, listWorkspaces } from '../workspaces/workspaces.ts'

const READ = { verb: 'read', resource: 'runs' } as const
const MANAGE = { verb: 'manage', resource: 'server' } as const
const V3 = { version: '3.0' } as const
const MODES = { RESTRICT: 0, SET_DEFAULT: 1, CASCADE: 2 } as const

export function workspaceCalls(room: Tracking): Rpc[] {
  return [
    rpc({
      ...V3,
      method: 'GET',
      path: 'workspaces',
      summary: 'List workspaces, which are projects',
      access: READ,
      fields: {},
      handle: async (_given, who) => ({ workspaces: await listWorkspaces(room, who) }),
    }),
    rpc({
      ...V3,
      method: 'POST',
      path: 'workspaces',
      summary: 'Make a workspace',
      access: MANAGE,
      fields: { name: need(text()), description: text() },
      handle: async (given, who) => {
        const body = JSON.stringify({ workspace: await createWorkspace(room, who, given) })
        return new Raw(201, { 'content-type': 'application/json; charset=utf-8' }, body)
      },
    }),
    rpc({
      ...V3,
      method: 'GET',
      path: 'workspaces/:workspace_name',
      summary: 'Get a workspace',
      access: READ,
      fields: { workspace_name: need(text()) },
      handle: async (given, who) => ({ workspace: await getWorkspace(room, who, given.workspace_name) }),
    }),
    rpc({
      ...V3,
      method: 'PATCH',
      path: 'workspaces/:workspace_name',
      summary: 'Describe a workspace',
      access: MANAGE,
      fields: { workspace_name: need(text()), description: text() },
      handle: async (given, who) => ({
        workspace: await describeWorkspace(room, who, { ...given, name: given.workspace_name }),
      }),
    }),
    rpc({
      ...V3,
      method: 'DELETE',
      path: 'workspaces/:workspace_name',
      summary: 'Delete a workspace: an empty one, with all that it holds, or giving that to the default one',
      access: MANAGE,
      fields: { workspace_name: need(text()), mode: oneOf(MODES) },
      handle: async (given, who) => {
        await deleteWorkspace(room, who, given.workspace_name, given.mode)
        return new Raw(204, {}, '')
      },
    }),
  ]
}
