/** The routes by which tables and blobs move between servers; for admins of all projects. */
import type { z } from 'zod'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import { transferApi } from '../contract/transfer.ts'
import type { Import } from '../contract/transfer.ts'
import { mount, Raw } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import type { Row } from '../store/db.ts'
import { treeFiles } from '../store/blobs/trees.ts'
import type { Transfer } from './context/context.ts'
import { beginImport, countRows, listImports, noteParts, requireImport } from './imports.ts'
import type { ImportRow } from './imports.ts'
import { readRows, writeRows } from './rows.ts'
import type { MovedTable, Scope } from '../store/moved/table.ts'

/** The runs and logged models that the versions of a registered model were made from. */
export type MadeFrom = (model: string) => Promise<{ runs: string[]; models: string[] }>

export function transferRoutes(room: Transfer, tables: readonly MovedTable[], madeFrom: MadeFrom): Mounted[] {
  const tableOf = (name: string): MovedTable => {
    const table = tables.find((one) => one.name === name)
    if (table === undefined) throw problem('not_found', { what: 'table', id: name })
    return table
  }
  return [
    mount(transferApi.tables, ({ who }) => {
      requireAll(who)
      return { tables: tables.map((table) => table.name) }
    }),
    mount(transferApi.read, async ({ params, query, who }) => {
      requireAll(who)
      const table = tableOf(params.table)
      const scope = await scopeOf(query, madeFrom)
      const page = await readRows(room.db, table, scope, { after: query.after, limit: query.limit })
      return {
        ...page,
        rows: page.rows as Record<string, string | number | null>[],
        blobs: await blobsOf(room, table, page.rows),
      }
    }),
    mount(transferApi.write, async ({ params, body, who }) => {
      requireAll(who)
      const id = body.dry_run && !body.follow ? undefined : (body.import_id ?? '')
      if (id !== undefined) await requireImport(room.db, id)
      const written = await writeRows(room.db, who, tableOf(params.table), {
        rows: body.rows,
        dryRun: body.dry_run,
        following: body.follow ? id : undefined,
      })
      if (id !== undefined && !body.dry_run) await countRows(room, id, written.added + written.changed, written.same)
      return { ...written, kept: [...written.kept] }
    }),
    ...blobRoutes(room),
    ...importRoutes(room),
  ]
}

function blobRoutes(room: Transfer): Mounted[] {
  return [
    mount(transferApi.missing, async ({ body, who }) => {
      requireAll(who)
      const missing: string[] = []
      for (const digest of body.digests) if (!(await room.blobs.has(digest))) missing.push(digest)
      return { missing }
    }),
    mount(transferApi.getBlob, async ({ params, who }) => {
      requireAll(who)
      const { size, stream } = await room.blobs.read(params.digest)
      return new Raw(200, { 'content-type': 'application/octet-stream', 'content-length': String(size) }, stream)
    }),
    mount(transferApi.putBlob, async ({ body, query, who }) => {
      requireAll(who)
      return room.blobs.put(body, query.digest === undefined ? {} : { digest: query.digest })
    }),
  ]
}

function importRoutes(room: Transfer): Mounted[] {
  return [
    mount(transferApi.begin, async ({ body, who }) => {
      requireAll(who)
      const begun = await beginImport(room, who, body.kind, body.place)
      return { import: wire(begun.import), parts: begun.parts }
    }),
    mount(transferApi.parts, async ({ params, body, who }) => {
      requireAll(who)
      return wire(await noteParts(room, who, params.id, body))
    }),
    mount(transferApi.list, async ({ who }) => {
      requireAll(who)
      return { items: (await listImports(room)).map(wire) }
    }),
  ]
}

/** What moves belongs to all projects, so the admin of one project may not. */
function requireAll(who: Principal): void {
  if (who.project !== null) throw problem('forbidden', { role: who.role, verb: 'manage', resource: 'server' })
}

type Asked = { readonly [K in 'project' | 'experiment' | 'run' | 'model']?: string | undefined }

async function scopeOf(asked: Asked, madeFrom: MadeFrom): Promise<Scope> {
  const named = (['project', 'experiment', 'run', 'model'] as const).filter((kind) => asked[kind] !== undefined)
  const [kind] = named
  if (kind === undefined) return { kind: 'all' }
  if (named.length > 1) {
    throw problem('invalid_field', { field: named.join(', '), value: 'several', expected: 'one of them' })
  }
  const id = asked[kind] ?? ''
  return kind === 'model' ? { kind, id, ...(await madeFrom(id)) } : { kind, id }
}

/** The blobs that rows name, with the files of trees. */
async function blobsOf(
  room: Transfer,
  table: MovedTable,
  rows: readonly Row[],
): Promise<{ digest: string; size: number }[]> {
  const found = new Map<string, number>()
  for (const { digest, size } of rows.flatMap((row) => table.blobs?.(row) ?? [])) {
    if (found.has(digest)) continue
    found.set(digest, size === 'tree' ? (await room.blobs.bytes(digest)).length : size)
    if (size === 'tree') for (const file of await treeFiles(room.blobs, digest)) found.set(file.digest, file.size)
  }
  return [...found].map(([digest, size]) => ({ digest, size }))
}

function wire(row: ImportRow): z.output<typeof Import> {
  return {
    ...row,
    started_at: toTime(row.started_at),
    finished_at: row.finished_at === null ? null : toTime(row.finished_at),
  }
}
