/** The last content of each source of a project, so that what has not changed is not read again. */
import type { PinnedSource } from '../../contract/runs/sources.ts'
import { faultyBlobs, type Blobs } from '../../store/blobs/blobs.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { ifRefused } from '../../contract/absence/absent.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { hashOf } from '../spec/canonical.ts'
import type { SourceSpec } from '../spec/external/source.ts'

/** What no run asked for is forgotten after this long, ms. */
const FORGOTTEN_MS = 90 * 24 * 3600 * 1000

/** A reading, with what tells whether another one would give the same. */
export interface KeptRead {
  readonly pinned: PinnedSource
  readonly token: string | null
}

/** What stands for the place of a source, and for how its content is taken from it. */
export function placeId({ place, table }: SourceSpec): string {
  return hashOf([place, table])
}

/** The last reading whose content is all there; undefined where there is none that could be compared. */
export async function lastRead(
  reader: Reader,
  blobs: Blobs,
  project: string,
  source: SourceSpec,
): Promise<KeptRead | undefined> {
  const row = await reader.get<{ pinned: string; token: string | null }>(
    'SELECT pinned, token FROM pipeline_source_reads WHERE project = ? AND place = ?',
    [project, placeId(source)],
  )
  if (row === undefined || row.token === null) return undefined
  const pinned = JSON.parse(row.pinned) as PinnedSource
  if (!(await isKept(blobs, pinned.digest))) return undefined
  return { pinned, token: row.token }
}

/** Whether all that a source gave is in the store. */
async function isKept(blobs: Blobs, digest: string): Promise<boolean> {
  const files = await ifRefused(treeFiles(blobs, digest), 'not_found', 'corrupt_blob')
  if (files === undefined) return false
  const faulty = await faultyBlobs(blobs)
  if (files.some((file) => faulty.has(file.digest))) return false
  for (const file of files) if (!(await blobs.has(file.digest))) return false
  return true
}

/** What a run had of its sources and is in the store no more, in words. */
export async function missingContent(
  blobs: Blobs,
  sources: Readonly<Record<string, PinnedSource>> | null,
): Promise<string[]> {
  const missing: string[] = []
  for (const { name, digest } of Object.values(sources ?? {}))
    if (!(await isKept(blobs, digest))) missing.push(`what source "${name}" gave (${digest})`)
  return missing
}

/** Keeps readings, in the transaction that gives them to a run. */
export async function keepReads(
  t: Tx,
  project: string,
  reads: readonly (KeptRead & { readonly source: SourceSpec })[],
  now: number,
): Promise<void> {
  for (const { source, pinned, token } of reads) {
    await t.run(
      `INSERT INTO pipeline_source_reads (project, place, pinned, token, used_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (project, place) DO UPDATE SET pinned = excluded.pinned, token = excluded.token, used_at = excluded.used_at`,
      [project, placeId(source), JSON.stringify(pinned), token, now],
    )
  }
  if (reads.length > 0)
    await t.run('DELETE FROM pipeline_source_reads WHERE project = ? AND used_at < ?', [project, now - FORGOTTEN_MS])
}
