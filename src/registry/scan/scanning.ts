/** Scans the files of versions, once for each content, and keeps what was found. */
import { onThread } from '../../jobs/thread.ts'
import type { Worker } from '../../jobs/worker.ts'
import type { Reader } from '../../store/db.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { layOut } from '../context/layout.ts'
import { findVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { Findings, verdictOf } from './findings.ts'
import type { Finding, ScanVerdict } from './findings.ts'
import { nameOf } from './folder.ts'
import type { Scanned, ScanTask } from './folder.ts'
import { scanFile } from './scan.ts'

/** Kind of the job that scans a version. */
export const SCAN = 'scan'

/** Number of the scanner: what an earlier one found is found again. */
const ENGINE = 4

/** Trees up to this many bytes are scanned at once; larger ones on a thread. */
const SMALL = 256 * 1024

/** What is known of the content of a version. `at` is ms since 1970. */
export interface Scan {
  readonly verdict: ScanVerdict
  readonly findings: readonly Finding[]
  readonly files: number
  readonly bytes: number
  readonly at: number
}

/** What a scan of these files found; null before they are scanned, and for a version without files. */
export async function storedScan(reader: Reader, tree: string | null): Promise<Scan | null> {
  if (tree === null) return null
  const row = await reader.get<{ verdict: ScanVerdict; findings: string; files: number; bytes: number; at: number }>(
    'SELECT verdict, findings, files, bytes, at FROM model_scans WHERE tree = ? AND engine = ?',
    [tree, ENGINE],
  )
  return row === undefined ? null : { ...row, findings: JSON.parse(row.findings) as Finding[] }
}

/** The scan of a version's files, made now if there is none yet. */
export async function ensureScan(room: Registry, { tree }: Pick<VersionRow, 'tree'>): Promise<Scan | null> {
  const known = await storedScan(room.db, tree)
  if (known !== null || tree === null) return known
  const files = await treeFiles(room.blobs, tree)
  const bytes = files.reduce((sum, file) => sum + file.size, 0)
  const found = bytes <= SMALL ? await scanHere(room, files) : await scanApart({ dir: await layOut(room, tree), files })
  await room.db.tx((t) =>
    t.run(
      `INSERT INTO model_scans (tree, engine, verdict, findings, files, bytes, at) VALUES (?,?,?,?,?,?,?)
       ON CONFLICT (tree) DO UPDATE SET engine = excluded.engine, verdict = excluded.verdict, findings = excluded.findings, at = excluded.at`,
      [tree, ENGINE, found.verdict, JSON.stringify(found.findings), files.length, bytes, room.clock()],
    ),
  )
  return storedScan(room.db, tree)
}

async function scanHere(room: Registry, files: Awaited<ReturnType<typeof treeFiles>>): Promise<Scanned> {
  const findings = new Findings()
  for (const file of files) scanFile(nameOf(file.path), await room.blobs.bytes(file.digest), findings)
  return { verdict: verdictOf(findings.list()), findings: findings.list() }
}

function scanApart(task: ScanTask): Promise<Scanned> {
  return onThread({ file: new URL('./thread.ts', import.meta.url), task, what: 'scans a model' })
}

/** Registers the job that scans new versions. */
export function handleScanning(room: Registry, worker: Worker): void {
  worker.register(SCAN, async (job) => {
    const { model, version } = job.payload as { model: string; version: number }
    const row = await findVersion(room.db, model, version)
    if (row !== undefined) await ensureScan(room, row)
  })
}

/** One sentence on the worst that a scan found, for a reason why a version is not loaded. */
export function scanReason({ verdict, findings }: Pick<Scan, 'verdict' | 'findings'>): string {
  const [worst] = findings
  if (worst === undefined) return 'nothing was found'
  const more = findings.length > 1 ? ` and ${findings.length - 1} more` : ''
  return `${verdict}: ${worst.what} at byte ${worst.offset} of ${worst.file} (${worst.reason})${more}`
}
