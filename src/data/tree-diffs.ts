/** What differs between two tables that are known by their content alone: they need be no versions of a data set. */
import type { DataDiff } from '../contract/data/sets.ts'
import { Problem } from '../contract/errors.ts'
import { ThreadEnded } from '../jobs/thread.ts'
import { treeFiles } from '../store/blobs/trees.ts'
import { compareApart } from './comparing.ts'
import type { DataContext } from './context.ts'
import { profileApart } from './profiling.ts'

/** Larger trees are not compared: whoever asks waits for the answer, bytes. */
const MOST_BYTES = 64 * 1024 * 1024
/** Answers that are kept; what is compared never changes. */
const MOST_KEPT = 100

type Context = Pick<DataContext, 'blobs' | 'dataDir'>

export class TreeDiffs {
  readonly #context: Context
  readonly #kept = new Map<string, Promise<DataDiff | undefined>>()
  /** One comparison after the other: each takes a core. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(context: Context) {
    this.#context = context
  }

  /** Undefined where one of the two is gone or damaged, is no table, or is too large. */
  between(before: string, after: string): Promise<DataDiff | undefined> {
    const pair = `${before} ${after}`
    const kept = this.#kept.get(pair)
    if (kept !== undefined) return kept
    const found = this.#last.then(() => compared(this.#context, before, after))
    const forget = (): unknown => this.#kept.delete(pair)
    this.#last = found.then((diff) => diff ?? forget(), forget)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(pair, found)
    return found
  }
}

async function compared(context: Context, before: string, after: string): Promise<DataDiff | undefined> {
  try {
    return await comparedSound(context, before, after)
  } catch (error) {
    // the damage is noted where it was read, and who asks has more to tell than this
    if (error instanceof Problem && (error.code === 'not_found' || error.code === 'corrupt_blob')) return undefined
    throw error
  }
}

async function comparedSound(context: Context, before: string, after: string): Promise<DataDiff | undefined> {
  for (const digest of [before, after]) if (!(await isReadable(context, digest))) return undefined
  const { profiled: first } = await profileApart(context, before)
  const { profiled: second } = await profileApart(context, after)
  if (first === undefined || second === undefined) return undefined
  const sides = [
    { digest: before, rows: first.rows, columns: first.columns },
    { digest: after, rows: second.rows, columns: second.columns },
  ] as const
  try {
    return await compareApart(context, sides, { basis: first.basis, keys: [] })
  } catch (error) {
    // it took more than other people's bytes may take
    if (error instanceof ThreadEnded) return undefined
    throw error
  }
}

async function isReadable({ blobs }: Context, digest: string): Promise<boolean> {
  if (!(await blobs.has(digest))) return false
  const files = await treeFiles(blobs, digest)
  return files.reduce((sum, { size }) => sum + size, 0) <= MOST_BYTES
}
