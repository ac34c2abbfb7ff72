/** Items that a source of the run gives, which has one content for the whole run: the rows of a query, or files. */
import { basename } from 'node:path/posix'
import { setImmediate as turn } from 'node:timers/promises'
import { problem } from '../../contract/errors.ts'
import type { PinnedSource } from '../../contract/runs/sources.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { putManifest, treeDigest, treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import { csvValues } from '../../store/csv.ts'
import type { Context } from '../context/context.ts'
import type { RunRow, StepRow } from '../context/rows.ts'
import { hashOf } from '../spec/canonical.ts'
import { tooMany } from '../spec/fan-out/check.ts'
import { sourceOfItems, type ForEach } from '../spec/fan-out/items.ts'
import type { StepSpec } from '../spec/spec.ts'
import { columnsOf, itemOfRow } from './rows.ts'

/** Bytes of a table whose rows are items: all of them are held at once. */
const MOST_BYTES = 32 * 1024 * 1024
/** Rows after which others come to their turn. */
const TURN = 5000
/** Lists that are held, so that a step which makes its items in parts reads its source once. */
const MOST_HELD = 2

type List = readonly unknown[]
const held = new WeakMap<Context, Map<string, Promise<List>>>()

/** The rows or files of the source of a step, each an item. Throws `unprocessable` for what cannot be items. */
export async function itemsOfSource(context: Context, run: Pick<RunRow, 'sources'>, each: ForEach): Promise<List> {
  const [key, pinned] = keyOf(run, each)
  const lists = held.get(context) ?? new Map<string, Promise<List>>()
  held.set(context, lists)
  const reading = lists.get(key) ?? read(context.deps.blobs, pinned, each)
  lists.delete(key)
  lists.set(key, reading)
  const [oldest] = lists.keys()
  if (lists.size > MOST_HELD && oldest !== undefined) lists.delete(oldest)
  try {
    return await reading
  } catch (error) {
    lists.delete(key)
    throw error
  }
}

/** Lets go of the items of a step, which are rows of their own by now. */
export function forgetItems(context: Context, run: Pick<RunRow, 'sources'>, each: ForEach): void {
  if (sourceOfItems(each) !== undefined) held.get(context)?.delete(keyOf(run, each)[0])
}

function keyOf(run: Pick<RunRow, 'sources'>, each: ForEach): [key: string, pinned: PinnedSource] {
  const name = sourceOfItems(each) ?? ''
  const pinned = run.sources?.[name]
  if (pinned === undefined) throw new Error(`source "${name}" was not read`)
  return [hashOf([pinned.digest, pinned.place, each.rows ?? each.files]), pinned]
}

function read(blobs: Blobs, pinned: PinnedSource, each: ForEach): Promise<List> {
  return each.rows === undefined ? filesOf(blobs, pinned) : rowsOf(blobs, pinned, each.rows)
}

async function rowsOf(
  blobs: Blobs,
  { name, digest, rows, size }: PinnedSource,
  { columns }: NonNullable<ForEach['rows']>,
): Promise<List> {
  const refuse = (detail: string): Error => problem('unprocessable', { detail: `source "${name}": ${detail}` })
  const many = tooMany(rows ?? 0)
  if (many !== undefined) throw refuse(many)
  if (size > MOST_BYTES)
    throw refuse(`got ${size} bytes, expected at most ${MOST_BYTES} of rows that are items; have the query give less`)
  const [file] = await treeFiles(blobs, digest)
  const lines = csvValues((await blobs.bytes(file?.digest ?? digest)).toString('utf8'), refuse)
  const places = columnsOf(lines.next().value ?? [], columns, refuse)
  const items: unknown[] = []
  for (const cells of lines) {
    items.push(itemOfRow(cells, places, (detail) => refuse(`item ${items.length} ${detail}`)))
    if (items.length % TURN === 0) await turn()
  }
  return items
}

/** What an item is that is a file. */
interface FileItem {
  readonly path: string
  readonly size: number
  readonly digest: string
}

/** Without marks of tools that write tables, whose names begin with "_" or ".". */
async function filesOf(blobs: Blobs, { digest, place }: PinnedSource): Promise<readonly FileItem[]> {
  const files = await treeFiles(blobs, digest)
  return files
    .map(({ path, size, digest: of }) => ({ path: path === '' ? basename(place) : path, size, digest: of }))
    .filter(({ path }) => !/^[_.]/.test(basename(path)))
}

/** The inputs of an item that are its file, by the digest of a tree with that file alone; none of other items. */
export function fileInputs({ for_each: each }: Pick<StepSpec, 'for_each'>, item: unknown): Record<string, string> {
  const { inputs = [] } = each?.files ?? {}
  const digest = inputs.length === 0 ? '' : treeDigest([treeFileOf(item)])
  return Object.fromEntries(inputs.map((input) => [input, digest]))
}

/** The same for the row of an item, with the tree kept. */
export async function keptFileInputs(
  blobs: Blobs,
  step: Pick<StepSpec, 'for_each'>,
  { item_of, item }: Pick<StepRow, 'item_of' | 'item'>,
): Promise<Record<string, string>> {
  if (item_of === null || (step.for_each?.files?.inputs.length ?? 0) === 0) return {}
  await putManifest(blobs, [treeFileOf(item)])
  return fileInputs(step, item)
}

function treeFileOf(item: unknown): TreeFile {
  const { size, digest } = item as FileItem
  return { path: '', size, digest, executable: false }
}
