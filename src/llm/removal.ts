/** What goes or moves with a project, or with the whole store. */
import type { Db } from '../store/db.ts'
import { deleteRows, run } from '../store/sql/rows.ts'
import { sql } from '../store/sql/sql.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { sameNames, tablesPart } from '../tracking/workspaces/tables.ts'
import { CALL_TABLES } from './calls/removal.ts'
import type { Llm } from './context/context.ts'
import { removeKeysOf } from './keys/keys.ts'

/** Tables of a project, with the column that is unique in it. */
const NAMED = {
  gateway_secrets: 'secret_name',
  gateway_model_definitions: 'name',
  gateway_endpoints: 'name',
} as const
const WITHOUT_KEYS = [...Object.keys(NAMED), 'llm_budgets', 'llm_shares', ...CALL_TABLES]
const OF_PROJECT = [...WITHOUT_KEYS, 'llm_keys']
const OF_ENDPOINT = ['gateway_mappings', 'gateway_bindings', 'gateway_endpoint_tags'] as const
/** Of all projects. */
const OF_ALL = ['llm_prices', 'llm_servers'] as const

/** The settings of a project. Its keys are revoked with it, and are not given to another: the tokens that they are stay with their project. */
export function llmPart(db: Db, tokens?: Llm['tokens']): ProjectPart {
  const inside = { of: 'gateway_endpoints', id: 'endpoint_id', tables: OF_ENDPOINT }
  const tables = tablesPart({ db, tables: OF_PROJECT, inside })
  // a key goes with its token alone: one that is made meanwhile must not lose its limits
  const others = tablesPart({ db, tables: WITHOUT_KEYS, inside })
  return {
    ...tables,
    async remove(who, project) {
      await removeKeysOf({ db, ...(tokens !== undefined && { tokens }) }, who, project)
      await others.remove?.(who, project)
    },
    async conflicts(t, project, to) {
      const found: string[] = []
      for (const [table, column] of Object.entries(NAMED)) {
        found.push(...(await sameNames(t, { table, column }, project, to)))
      }
      const keys = await t.all<{ name: string }>('SELECT name FROM llm_keys WHERE project = ? ORDER BY name LIMIT 20', [
        project,
      ])
      return [...found, ...keys.map(({ name }) => `llm_keys: '${name}', which is for one project; revoke it`)]
    },
    async give(t, project, to) {
      await tables.give?.(t, project, to)
      // a budget of the project is one of the other then
      await run(t, sql`UPDATE llm_budgets SET "of" = ${to} WHERE scope = 'project' AND "of" = ${project}`)
    },
  }
}

/** Deletes every row of the room, for other projects' test suites; how far the log was read stays, lest it be read again. */
export async function resetLlm(db: Db): Promise<void> {
  await db.tx(async (t) => {
    for (const table of [...OF_ENDPOINT, ...OF_PROJECT, ...OF_ALL]) await deleteRows(t, table)
  })
}
