/** Comparisons of versions: made once on a thread, and kept, since what is compared never changes. */
import type { DataDiff } from '../contract/data/sets.ts'
import { problem } from '../contract/errors.ts'
import { compareApart } from './comparing.ts'
import type { DataContext } from './context.ts'
import { refuseUnprofiled } from './profiling.ts'
import { basisOf, columnsOf, type VersionRow } from './rows.ts'

/** Comparisons under way at the same time: each takes a core, and up to 300 MB. */
const AT_ONCE = 2
/** An answer is waited for this long; then the caller asks again. */
const WAIT_MS = 10_000
const MOST_UNTOLD = 100

export class Diffs {
  readonly #context: DataContext
  readonly #running = new Map<string, Promise<DataDiff>>()
  /** Why comparisons ended for which nobody waited: whoever asks again is told, and does not begin another one without end. */
  readonly #untold = new Map<string, unknown>()

  constructor(context: DataContext) {
    this.#context = context
  }

  /** The differences; undefined while they are looked for. Throws `conflict` for a version without a profile, `too_many_requests` while others are compared. */
  async between(before: VersionRow, after: VersionRow, keys: readonly string[]): Promise<DataDiff | undefined> {
    refuseUnprofiled(before)
    refuseUnprofiled(after)
    if (before.digest === after.digest) return sameContent(before, keys)
    const id = [before.digest, after.digest, JSON.stringify(keys)] as const
    const kept = await this.#context.db.get<{ result: string }>(
      'SELECT result FROM data_set_diffs WHERE before_digest = ? AND after_digest = ? AND keys = ?',
      id,
    )
    if (kept !== undefined) return JSON.parse(kept.result) as DataDiff
    const name = id.join(' ')
    if (this.#untold.has(name)) {
      const error = this.#untold.get(name)
      this.#untold.delete(name)
      throw error
    }
    return this.#wait(name, this.#begin(name, before, after, keys))
  }

  #begin(id: string, before: VersionRow, after: VersionRow, keys: readonly string[]): Promise<DataDiff> {
    const going = this.#running.get(id)
    if (going !== undefined) return going
    if (this.#running.size >= AT_ONCE)
      throw problem('too_many_requests', { what: 'the number of comparisons at the same time' })
    const begun = this.#compare(before, after, keys).finally(() => this.#running.delete(id))
    begun.catch((error: unknown) => {
      if (this.#untold.size >= MOST_UNTOLD) this.#untold.clear()
      this.#untold.set(id, error)
    })
    this.#running.set(id, begun)
    return begun
  }

  async #wait(id: string, begun: Promise<DataDiff>): Promise<DataDiff | undefined> {
    let late: NodeJS.Timeout | undefined
    const end = new Promise<undefined>((resolve) => {
      late = setTimeout(() => resolve(undefined), WAIT_MS)
    })
    try {
      return await Promise.race([begun, end])
    } catch (error) {
      this.#untold.delete(id)
      throw error
    } finally {
      clearTimeout(late)
    }
  }

  async #compare(before: VersionRow, after: VersionRow, keys: readonly string[]): Promise<DataDiff> {
    const context = this.#context
    const [kept, columns] = [await basisOf(context.db, before), await columnsOf(context.db, after)]
    if (kept === undefined) throw problem('conflict', { detail: `${before.name}@${before.version} has no profile` })
    const sides = [
      { digest: before.digest, rows: before.table_rows ?? 0, columns: kept.columns },
      { digest: after.digest, rows: after.table_rows ?? 0, columns },
    ] as const
    const diff = await compareApart(context, sides, { basis: kept.basis, keys })
    await context.db.tx((t) =>
      t.run(
        `INSERT INTO data_set_diffs (before_digest, after_digest, keys, result, created_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (before_digest, after_digest, keys) DO NOTHING`,
        [before.digest, after.digest, JSON.stringify(keys), JSON.stringify(diff), context.clock()],
      ),
    )
    return diff
  }
}

function sameContent({ table_rows }: VersionRow, keys: readonly string[]): DataDiff {
  const rows = table_rows ?? 0
  const none = { added: 0, removed: 0, repeated_before: 0, repeated_after: 0 }
  return {
    same: true,
    rows: { before: rows, after: rows },
    columns: { added: [], removed: [], retyped: [], reordered: false },
    changes: { ...none, keys: [...keys], changed: keys.length === 0 ? null : 0 },
    drift: [],
  }
}
