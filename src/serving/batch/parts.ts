/**
 * The folder of a batch that is under way: a manifest that says what is scored with what, and a part for each chunk that is done.
 * A part appears whole or not at all, so that whoever goes on after a crash begins with the first part that is missing.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { syncOne } from '../../store/blobs/disk-sync.ts'
import { faultPoint } from '../../store/fault.ts'
import { LOCK_FILE } from '../../store/folder-lock.ts'
import type { Outcome } from './score.ts'
import type { Mark } from './table.ts'

/** What must be the same for a run to go on. */
export interface Manifest {
  readonly format: 'slipway.batch/1'
  /** Where the rows come from, and what tells one state of it from another. */
  readonly input: Readonly<Record<string, string | number>>
  readonly model: string
  readonly version: string
  /** Digest of the model's files; null where the server knows none. */
  readonly tree: string | null
  /** Rows of a chunk. */
  readonly chunk: number
  readonly on_error: 'stop' | 'skip'
}

/** The first line of a part. */
export interface PartHead {
  readonly rows: number
  readonly failed: number
  readonly next: Mark
  readonly end: boolean
  /** Lengths of the predictions that are lists, 0 for one that is none; each once. */
  readonly widths: readonly number[]
  /** Types of the predicted values, each once. */
  readonly kinds: readonly string[]
  readonly sha256: string
}

export interface PartBody {
  readonly cells: readonly (readonly unknown[])[]
  readonly outcomes: readonly Outcome[]
}

const MANIFEST = 'manifest.json'

export function partPath(folder: string, index: number): string {
  return join(folder, `part-${String(index).padStart(6, '0')}`)
}

/** Writes a file that is there whole, also after a power cut, or not at all. */
export async function writeWhole(path: string, parts: readonly (string | Uint8Array)[]): Promise<void> {
  const file = await open(`${path}.new`, 'w')
  try {
    for (const part of parts) await file.writeFile(part)
    await file.sync()
  } finally {
    await file.close()
  }
  await settle(`${path}.new`, path)
}

/** Renames a file that is on the disk to its name, and waits until the name is there too. */
export async function settle(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncOne(dirname(to))
}

/** Begins a run, or finds the one that is under way. Throws `conflict` naming what has changed since that one was begun. */
export async function beginParts(folder: string, manifest: Manifest): Promise<PartHead[]> {
  await mkdir(folder, { recursive: true })
  const before = await readManifest(folder)
  if (before === undefined) {
    await writeWhole(join(folder, MANIFEST), [JSON.stringify(manifest, null, 2)])
    return []
  }
  const was = facts(before)
  for (const [name, value] of facts(manifest))
    if (was.get(name) !== value)
      throw problem('conflict', {
        detail: `${folder} holds a run whose ${name} was ${was.get(name) ?? 'unknown'} and is ${value} now; --restart begins anew`,
      })
  const heads: PartHead[] = []
  for (let head = await readHead(folder, 0); head !== undefined; head = await readHead(folder, heads.length))
    heads.push(head)
  return heads
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  const text = await ifMissing(readFile(join(folder, MANIFEST), 'utf8'))
  if (text === undefined) return undefined
  const manifest = ifJson(text) as Manifest | undefined
  if (manifest === undefined) throw damaged(join(folder, MANIFEST))
  return manifest
}

function facts({ input, ...rest }: Manifest): Map<string, string> {
  const inputs = Object.entries(input).map(([name, value]) => [`input (${name})`, String(value)] as const)
  return new Map([...inputs, ...Object.entries(rest).map(([name, value]) => [name, String(value)] as const)])
}

export async function writePart(
  folder: string,
  index: number,
  body: PartBody,
  reached: Pick<PartHead, 'next' | 'end'>,
): Promise<PartHead> {
  const bytes = serialize(body)
  const scored = body.outcomes.filter(({ error }) => error === null).map(({ prediction }) => prediction)
  const head: PartHead = {
    rows: body.cells.length,
    failed: body.cells.length - scored.length,
    ...reached,
    widths: [...new Set(scored.map((one) => (Array.isArray(one) ? one.length : 0)))],
    kinds: [...new Set(scored.flat().map(kindOf))],
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
  faultPoint('batch.part')
  await writeWhole(partPath(folder, index), [`${JSON.stringify(head)}\n`, bytes])
  faultPoint('batch.part-written')
  return head
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

/** The rows of a part. Throws when its bytes are not those that were written. */
export async function readPart(folder: string, index: number, head: PartHead): Promise<PartBody> {
  const path = partPath(folder, index)
  const all = await readFile(path)
  const bytes = all.subarray(all.indexOf(10) + 1)
  if (createHash('sha256').update(bytes).digest('hex') !== head.sha256) throw damaged(path)
  return deserialize(bytes) as PartBody
}

async function readHead(folder: string, index: number): Promise<PartHead | undefined> {
  const path = partPath(folder, index)
  const file = await ifMissing(open(path, 'r'))
  if (file === undefined) return undefined
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 0)
    const text = buffer.toString('utf8', 0, Math.max(0, buffer.subarray(0, bytesRead).indexOf(10)))
    const head = ifJson(text) as PartHead | undefined
    if (head === undefined) throw damaged(path)
    return head
  } finally {
    await file.close()
  }
}

/** Forgets a run, and its rows; who holds the folder's lock keeps it. */
export async function forgetParts(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((one) => !one.startsWith(LOCK_FILE)))
    await rm(join(folder, name), { recursive: true, force: true })
}

function damaged(path: string): Error {
  return problem('unprocessable', { detail: `${path} is damaged; --restart begins anew` })
}
