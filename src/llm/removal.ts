/** What goes or moves with a project, or with the whole store. */
import type { Db } from '../store/db.ts'
import { deleteRows } from '../store/sql/rows.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { sameNames, tablesPart } from '../tracking/workspaces/tables.ts'

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
    ...tablesPart({
      db,
      tables: OF_PROJECT,
      inside: { of: 'gateway_endpoints', id: 'endpoint_id', tables: OF_ENDPOINT },
    }),
    async conflicts(t, project, to) {
      const found: string[] = []
      for (const [table, column] of Object.entries(NAMED)) {
        found.push(...(await sameNames(t, { table, column }, project, to)))
      }
      return found
    },
  }
}

/** Deletes every row of the room, for other projects' test suites. */
export async function resetLlm(db: Db): Promise<void> {
  await db.tx(async (t) => {
    for (const table of [...OF_ENDPOINT, ...OF_PROJECT]) await deleteRows(t, table)
  })
}
