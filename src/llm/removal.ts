/** What goes or moves with a project, or with the whole store. */
import type { Db } from '../store/db.ts'
import { deleteRows, updateRows } from '../store/sql/rows.ts'
import { sql } from '../store/sql/sql.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { firstHolding, projectsOf, sameNames } from '../tracking/workspaces/tables.ts'

/** Tables of a project, with the column that is unique in it. */
const NAMED = {
  gateway_secrets: 'secret_name',
  gateway_model_definitions: 'name',
  gateway_endpoints: 'name',
} as const
const OF_PROJECT = Object.keys(NAMED)
const OF_ENDPOINT = ['gateway_mappings', 'gateway_bindings', 'gateway_endpoint_tags'] as const

/** The settings of a project. */
export function llmPart(db: Db): ProjectPart {
  return {
    holds: (reader, project) => firstHolding(reader, OF_PROJECT, project),
    projects: (reader, named) => projectsOf(reader, OF_PROJECT, named),
    async remove(_who, project) {
      const endpoints = sql`endpoint_id IN (SELECT endpoint_id FROM gateway_endpoints WHERE project = ${project})`
      await db.tx(async (t) => {
        for (const table of OF_ENDPOINT) await deleteRows(t, table, endpoints)
        for (const table of OF_PROJECT.toReversed()) await deleteRows(t, table, sql`project = ${project}`)
      })
    },
    async conflicts(t, project, to) {
      const found: string[] = []
      for (const [table, column] of Object.entries(NAMED)) {
        found.push(...(await sameNames(t, { table, column }, project, to)))
      }
      return found
    },
    async give(t, project, to) {
      for (const table of OF_PROJECT) await updateRows(t, table, { project: to }, sql`project = ${project}`)
    },
  }
}

/** Deletes every row of the room, for other projects' test suites. */
export async function resetLlm(db: Db): Promise<void> {
  await db.tx(async (t) => {
    for (const table of [...OF_ENDPOINT, ...OF_PROJECT]) await deleteRows(t, table)
  })
}
