/** The imports that were begun here, and the parts of each that are wholly here: a broken import goes on where it stood. */
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import type { Transfer } from './context/context.ts'
import { hexId } from '../tracking/context/ids.ts'
import { insertRows } from '../store/sql/sql.ts'

/** A row of the table; times in ms since 1970. */
export interface ImportRow {
  readonly id: string
  readonly kind: string
  readonly place: string
  readonly state: 'running' | 'done'
  readonly added: number
  readonly same: number
  readonly started_at: number
  readonly finished_at: number | null
  readonly started_by: string
}

const BY_ID = 'SELECT * FROM tracking_imports WHERE id = ?'

/** Begins an import, or goes on with the unfinished one of the same source. One that was done begins anew, with no part here. */
export function beginImport(
  room: Transfer,
  who: Principal,
  kind: string,
  place: string,
): Promise<{ import: ImportRow; parts: string[] }> {
  return room.db.tx(async (t) => {
    await t.lock(`import ${kind} ${place}`)
    const known = await t.get<ImportRow>('SELECT * FROM tracking_imports WHERE kind = ? AND place = ?', [kind, place])
    const id = known?.id ?? `import_${hexId(room)}`
    if (known === undefined) {
      await t.run(
        `INSERT INTO tracking_imports (id, kind, place, state, added, same, started_at, finished_at, started_by)
         VALUES (?, ?, ?, 'running', 0, 0, ?, NULL, ?)`,
        [id, kind, place, room.clock(), who.name],
      )
    } else if (known.state === 'done') {
      await t.run('DELETE FROM tracking_import_parts WHERE import_id = ?', [id])
      await t.run(
        "UPDATE tracking_imports SET state = 'running', added = 0, same = 0, started_at = ?, finished_at = NULL, started_by = ? WHERE id = ?",
        [room.clock(), who.name, id],
      )
    }
    await room.record(t, who, { verb: 'manage', resource: 'server', id, detail: { import: kind, place } })
    const parts = await t.all<{ part: string }>(
      'SELECT part FROM tracking_import_parts WHERE import_id = ? ORDER BY part',
      [id],
    )
    return { import: (await t.get<ImportRow>(BY_ID, [id])) as ImportRow, parts: parts.map((row) => row.part) }
  })
}

/** Notes parts that are wholly here; with `done` that the import is at its end. `not_found`. */
export function noteParts(
  room: Transfer,
  who: Principal,
  id: string,
  { parts, done }: { readonly parts: readonly string[]; readonly done: boolean },
): Promise<ImportRow> {
  return room.db.tx(async (t) => {
    await requireImport(t, id)
    const rows = parts.map((part) => [id, part])
    await insertRows(t, 'INSERT INTO tracking_import_parts (import_id, part)', rows, 'ON CONFLICT DO NOTHING')
    if (done) {
      await t.run("UPDATE tracking_imports SET state = 'done', finished_at = ? WHERE id = ?", [room.clock(), id])
      const { added, same } = await requireImport(t, id)
      await room.record(t, who, { verb: 'manage', resource: 'server', id, detail: { import: 'done', added, same } })
    }
    return requireImport(t, id)
  })
}

/** Adds to the counts of an import. */
export async function countRows(room: Transfer, id: string, added: number, same: number): Promise<void> {
  await room.db.tx((t) =>
    t.run('UPDATE tracking_imports SET added = added + ?, same = same + ? WHERE id = ?', [added, same, id]),
  )
}

/** The imports, newest first, at most a hundred. */
export function listImports(room: Transfer): Promise<ImportRow[]> {
  return room.db.all<ImportRow>('SELECT * FROM tracking_imports ORDER BY started_at DESC, id LIMIT 100')
}

/** The row of an import. `not_found`. */
export async function requireImport(reader: Pick<Transfer['db'], 'get'>, id: string): Promise<ImportRow> {
  const row = await reader.get<ImportRow>(BY_ID, [id])
  if (row === undefined) throw problem('not_found', { what: 'import', id })
  return row
}
