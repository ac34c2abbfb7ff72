/** What the kept calls of an hour come to, for who compares the ledger with them. */
import { HOUR_MS } from '../../contract/ids.ts'
import type { EntryRow, LlmPart } from '../../cost/ledger-rows.ts'
import type { Reader, Sql } from '../../store/db.ts'
import { fetchAll, raw, sql } from '../../store/sql/sql.ts'

const TOKENS = 'COALESCE(input_tokens, 0) + COALESCE(output_tokens, 0)'
const SUMS = [
  ['nanodollars', 'cost'],
  ['unpriced_calls', 'CASE WHEN cost IS NULL THEN 1 ELSE 0 END'],
  ['input_tokens', 'input_tokens'],
  ['output_tokens', 'output_tokens'],
  ['unpriced_tokens', `CASE WHEN cost IS NULL THEN ${TOKENS} ELSE 0 END`],
]
  .map(([name, of]) => `CAST(COALESCE(SUM(${of}), 0) AS BIGINT) AS ${name}`)
  .join(', ')

/** Sums over the calls that an entry of the ledger is for; undefined where none of them is kept any more. */
export async function sumsOfEntry(
  reader: Reader,
  { project, endpoint, provider, model, from_at }: EntryRow,
): Promise<LlmPart | undefined> {
  const [sums] = await fetchAll<LlmPart>(
    reader,
    sql`SELECT COUNT(*) AS llm_calls, ${raw(SUMS)} FROM llm_calls
      WHERE project = ${project} AND started >= ${from_at} AND started < ${from_at + HOUR_MS} AND cost_status <> 'none'
        AND ${same('endpoint', endpoint)} AND ${same('provider', provider)} AND ${same('model', model)}`,
  )
  return sums === undefined || sums.llm_calls === 0 ? undefined : sums
}

function same(column: string, value: string | null): Sql {
  return value === null ? raw(`${column} IS NULL`) : sql`${raw(column)} = ${value}`
}
