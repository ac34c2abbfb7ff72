/** Facts about this store that no table is made for: short texts by name. */
import type { Reader, Tx } from './db.ts'

/** Keeps a fact in place of the one of this name. */
export async function keepFact(t: Tx, name: string, value: string): Promise<void> {
  await t.run(
    'INSERT INTO store_facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    [name, value],
  )
}

/** Facts whose names begin so, by name. */
export async function factsBelow(db: Pick<Reader, 'all'>, beginning: string): Promise<Map<string, string>> {
  const rows = await db.all<{ name: string; value: string }>(
    'SELECT name, value FROM store_facts WHERE substr(name, 1, ?) = ? ORDER BY name',
    [beginning.length, beginning],
  )
  return new Map(rows.map(({ name, value }) => [name, value]))
}
