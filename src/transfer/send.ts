/** Sends what a source holds to a server: files by content, rows in batches, part by part, so that a broken import goes on. */
import { createHash } from 'node:crypto'
import type { Client } from '../client/client.ts'
import { Problem, problem } from '../contract/errors.ts'
import { transferApi } from '../contract/transfer.ts'
import type { Row } from '../store/db.ts'
import { safePath } from '../tracking/context/paths.ts'

/** Most rows and most bytes of JSON that are sent at once. */
const ROWS = 1000
const BYTES = 4 * 1024 * 1024

/** A file of a run, logged model or trace, whose bytes are read when they are needed. */
export interface SourceFile {
  /** Whose it is, as `1/<run id>`. */
  readonly owner: string
  /** Relative to the owner. */
  readonly path: string
  readonly updated_at: number
  readonly open: () => AsyncIterable<Uint8Array>
}

/** A piece of a source that is wholly there or not: a run with all that hangs on it, for example. Tables in the order of writing. */
export interface Part {
  readonly name: string
  readonly files: () => AsyncIterable<SourceFile> | Iterable<SourceFile>
  readonly rows: () => AsyncIterable<readonly [table: string, rows: readonly Row[]]>
}

export interface Source {
  readonly kind: 'mlflow' | 'wandb' | 'bundle'
  /** What the source is known by when an import goes on: a path or an address. */
  readonly place: string
  readonly parts: () => AsyncIterable<Part>
  /** What an earlier import of it brought is brought up to date. */
  readonly follow?: true
  /** What people should know of what was read, such as damage; grows while parts are read. */
  readonly notes?: readonly string[]
}

/** What an import came to. */
export interface Report {
  /** Null for a dry run. */
  readonly import_id: string | null
  readonly dry_run: boolean
  /** The import whose rows are brought up to date; null where rows that differ are refused. */
  readonly follows: string | null
  parts: number
  /** Parts that an earlier, broken import had brought. */
  parts_before: number
  files: number
  bytes: number
  /** By table: rows written (or to be written) and rows that were here. */
  readonly tables: Record<string, { added: number; same: number; changed: number }>
  /** What was left out or changed on the way, and why. */
  readonly notes: string[]
}

export interface SendOptions {
  readonly dryRun: boolean
  readonly progress: (line: string) => void
}

/** Begins an import, or goes on with it; a dry run leaves no trace at the server. */
export async function beginReport(
  client: Client,
  { kind, place, follow }: Pick<Source, 'kind' | 'place' | 'follow'>,
  { dryRun }: SendOptions,
): Promise<{ report: Report; done: ReadonlySet<string> }> {
  const begun = dryRun ? undefined : await client.call(transferApi.begin, { body: { kind, place } })
  const done = new Set(begun?.parts)
  const counts = { parts: 0, parts_before: done.size, files: 0, bytes: 0, tables: {}, notes: [] }
  const import_id = begun?.import.id ?? null
  const follows = follow === true ? (import_id ?? (await earlier(client, kind, place))) : null
  return { report: { import_id, dry_run: dryRun, follows, ...counts }, done }
}

/** The id of the import of a source, if there was one. */
async function earlier(client: Client, kind: string, place: string): Promise<string | null> {
  const { items } = await client.call(transferApi.list)
  return items.find((one) => one.kind === kind && one.place === place)?.id ?? null
}

/** Brings a source into a server. Throws CallError `conflict` for what is there with other content; what was written stays. */
export async function sendSource(client: Client, source: Source, options: SendOptions): Promise<Report> {
  const { report, done } = await beginReport(client, source, options)
  for await (const part of source.parts()) {
    report.parts++
    if (done.has(part.name)) continue
    await sendPart(client, part, report)
    await noteParts(client, report, { parts: [part.name] })
    if (report.parts % 100 === 0) options.progress(`${report.parts} parts, ${report.files} files`)
  }
  await noteParts(client, report, { parts: [], done: true })
  report.notes.push(...(source.notes ?? []))
  return report
}

/** Notes at the server what is wholly there; nothing of a dry run. */
export async function noteParts(
  client: Client,
  report: Report,
  body: { parts: string[]; done?: boolean },
): Promise<void> {
  if (report.import_id !== null) await client.call(transferApi.parts, { params: { id: report.import_id }, body })
}

async function sendPart(client: Client, part: Part, report: Report): Promise<void> {
  const artifacts: Row[] = []
  for await (const file of part.files()) {
    if (!isAllowed(file)) {
      report.notes.push(
        `${file.owner}: the file ${JSON.stringify(file.path)} is left out, since no artifact may be called so`,
      )
      continue
    }
    report.files++
    if (report.dry_run) continue
    const { digest, size } = await sendBytes(client, file.open())
    report.bytes += size
    artifacts.push({ owner: file.owner, path: file.path, digest, size, updated_at: file.updated_at })
  }
  await sendRows(client, report, 'artifacts', artifacts)
  for await (const [table, rows] of part.rows()) await sendRows(client, report, table, rows)
}

/** Whether the server takes a file of this name. */
function isAllowed({ owner, path }: SourceFile): boolean {
  try {
    return safePath(`${owner}/artifacts/${path}`) !== ''
  } catch (error) {
    if (error instanceof Problem) return false
    throw error
  }
}

/** Stores bytes at the server and compares the digest of what was read with what was kept. */
export async function sendBytes(
  client: Client,
  bytes: AsyncIterable<Uint8Array>,
  wanted?: string,
): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256')
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk)
      yield chunk
    }
  }
  const kept = await client.call(transferApi.putBlob, {
    query: wanted === undefined ? {} : { digest: wanted },
    body: ReadableStream.from(counted()),
  })
  const digest = `sha256:${hash.digest('hex')}`
  if (kept.digest !== digest) {
    throw problem('unprocessable', { detail: `the server kept ${kept.digest} of bytes that are ${digest}` })
  }
  return kept
}

/** Sends rows of one table in batches. */
export async function sendRows(client: Client, report: Report, table: string, rows: readonly Row[]): Promise<void> {
  let batch: Row[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const id = report.import_id ?? report.follows
    const body = {
      ...(id !== null && { import_id: id }),
      rows: batch as Record<string, string | number | null>[],
      dry_run: report.dry_run,
      follow: report.follows !== null,
    }
    const { added, same, changed, kept } = await client.call(transferApi.write, { params: { table }, body })
    const count = (report.tables[table] ??= { added: 0, same: 0, changed: 0 })
    count.added += added
    count.same += same
    count.changed += changed
    report.notes.push(...kept.map((what) => `not changed here: ${what}`))
    batch = []
    bytes = 0
  }
  for (const row of rows) {
    const size = JSON.stringify(row).length
    if (batch.length >= ROWS || bytes + size > BYTES) await flush()
    batch.push(row)
    bytes += size
  }
  await flush()
}
