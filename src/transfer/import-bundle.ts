/** Brings a bundle into a server: the whole file is verified first, then its blobs and its rows are sent. */
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { Client } from '../client/client.ts'
import { problem } from '../contract/errors.ts'
import { transferApi } from '../contract/transfer.ts'
import type { Row } from '../store/db.ts'
import { readBundle } from './bundle.ts'
import type { BundleEntry } from './bundle.ts'
import { beginReport, noteParts, sendBytes, sendRows } from './send.ts'
import type { Report, SendOptions } from './send.ts'

/** Rows held at a time. */
const HELD = 1000
const ASKED = 1000

const TABLE = /^tables\/([a-z_]+)-\d{5}\.jsonl$/
const BLOB = /^blobs\/([0-9a-f]{64})$/

/** Imports a bundle. Nothing is sent of one that is damaged (`bad_request`). A broken import goes on at the entry where it stopped. */
export async function importBundle(client: Client, file: string, options: SendOptions): Promise<Report> {
  const manifest = await readBundle(file, async (entry) => {
    const blob = BLOB.exec(entry.path)
    if (blob === null ? !TABLE.test(entry.path) : blob[1] !== entry.sha256) {
      throw problem('bad_request', { detail: `this is no sound bundle: "${entry.path}" is not a name of an entry` })
    }
  })
  options.progress(`verified ${manifest.entries.length} entries, ${manifest.head}`)
  const { report, done } = await beginReport(client, { kind: 'bundle', place: manifest.head }, options)
  report.parts = manifest.entries.length
  const wanted = await missingBlobs(client, manifest.entries)
  await readBundle(file, async (entry, bytes) => {
    const [, table] = TABLE.exec(entry.path) ?? []
    if (table === undefined) return takeBlob(client, entry, bytes, { wanted, report })
    if (done.has(entry.path)) return
    await takeRows(client, report, table, bytes)
    await noteParts(client, report, { parts: [entry.path] })
    options.progress(entry.path)
  })
  await noteParts(client, report, { parts: [], done: true })
  return report
}

async function missingBlobs(client: Client, entries: readonly BundleEntry[]): Promise<Set<string>> {
  const digests = entries.flatMap((entry) => (BLOB.test(entry.path) ? [`sha256:${entry.sha256}`] : []))
  const missing = new Set<string>()
  for (let at = 0; at < digests.length; at += ASKED) {
    const body = { digests: digests.slice(at, at + ASKED) }
    for (const digest of (await client.call(transferApi.missing, { body })).missing) missing.add(digest)
  }
  return missing
}

async function takeBlob(
  client: Client,
  entry: BundleEntry,
  bytes: AsyncIterable<Uint8Array>,
  { wanted, report }: { readonly wanted: ReadonlySet<string>; readonly report: Report },
): Promise<void> {
  const digest = `sha256:${entry.sha256}`
  if (!wanted.has(digest)) return
  report.files++
  report.bytes += entry.size
  if (!report.dry_run) await sendBytes(client, bytes, digest)
}

async function takeRows(
  client: Client,
  report: Report,
  table: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  let held: Row[] = []
  for await (const line of createInterface({ input: Readable.from(bytes), crlfDelay: Infinity })) {
    if (line === '') continue
    held.push(JSON.parse(line) as Row)
    if (held.length < HELD) continue
    await sendRows(client, report, table, held)
    held = []
  }
  await sendRows(client, report, table, held)
}
