/** What the registry keeps of a project, for when the project is deleted as a workspace. */
import type { ProjectPart } from '../tracking/context/context.ts'
import { projectsOf } from '../tracking/workspaces/tables.ts'
import { deleteModel, refuseUsed } from './versions/models.ts'
import type { Registry } from './context/context.ts'
import { deleteWebhook } from './webhooks/hooks.ts'
import type { Webhooks } from './webhooks/room.ts'

/** Models and prompts with their versions, and webhooks. None of it is removed while something answers with one of the models. */
export function registryPart(room: Registry, webhooks: Webhooks): ProjectPart {
  return {
    async holds(reader, project) {
      for (const [table, words] of [
        ['registered_models', 'registered models'],
        ['webhooks', 'webhooks'],
      ] as const) {
        if ((await reader.get(`SELECT project FROM ${table} WHERE project = ? LIMIT 1`, [project])) !== undefined) {
          return words
        }
      }
      return undefined
    },
    projects: (reader, named) => projectsOf(reader, ['registered_models'], named),
    async remove(who, project) {
      const { db } = room
      const models = await db.all<{ name: string }>('SELECT name FROM registered_models WHERE project = ?', [project])
      for (const { name } of models) await refuseUsed(room, name, null)
      for (const { name } of models) await deleteModel(room, who, name)
      const hooks = await db.all<{ id: string }>('SELECT id FROM webhooks WHERE project = ?', [project])
      for (const { id } of hooks) await deleteWebhook(webhooks, who, id)
    },
    async give(t, project, to) {
      await t.run('UPDATE registered_models SET project = ? WHERE project = ?', [to, project])
      await t.run('UPDATE webhooks SET project = ? WHERE project = ?', [to, project])
    },
  }
}
