/** MLflow's calls about workspaces. */
import { Raw } from '../../http/mount.ts'
import { need, oneOf, text } from '../../mlflow/input.ts'
import type { Tracking } from '../context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { deleteWorkspace } from '../workspaces/deletion.ts'
import { createWorkspace, describeWorkspace, getWorkspace, listWorkspaces } from '../workspaces/workspaces.ts'

const { read } = callsOf('runs', '3.0')
const { manage } = callsOf('server', '3.0')
const MODES = { RESTRICT: 0, SET_DEFAULT: 1, CASCADE: 2 } as const

export function workspaceCalls(room: Tracking): Rpc[] {
  return [
    read.get('workspaces', 'List workspaces, which are projects', {
      fields: {},
      handle: async (_given, who) => ({ workspaces: await listWorkspaces(room, who) }),
    }),
    manage.post('workspaces', 'Make a workspace', {
      fields: { name: need(text()), description: text() },
      handle: async (given, who) => {
        const body = JSON.stringify({ workspace: await createWorkspace(room, who, given) })
        return new Raw(201, { 'content-type': 'application/json; charset=utf-8' }, body)
      },
    }),
    read.get('workspaces/:workspace_name', 'Get a workspace', {
      fields: { workspace_name: need(text()) },
      handle: async (given, who) => ({ workspace: await getWorkspace(room, who, given.workspace_name) }),
    }),
    manage.patch('workspaces/:workspace_name', 'Describe a workspace', {
      fields: { workspace_name: need(text()), description: text() },
      handle: async (given, who) => ({
        workspace: await describeWorkspace(room, who, { ...given, name: given.workspace_name }),
      }),
    }),
    manage.delete(
      'workspaces/:workspace_name',
      'Delete a workspace: an empty one, with all that it holds, or giving that to the default one',
      {
        fields: { workspace_name: need(text()), mode: oneOf(MODES) },
        handle: async (given, who) => {
          await deleteWorkspace(room, who, given.workspace_name, given.mode)
          return new Raw(204, {}, '')
        },
      },
    ),
  ]
}
