/** A version held against others for people to read: computed on a thread of its own, and kept by what decides it. */
import { createHash } from 'node:crypto'
import { problem } from '../../contract/errors.ts'
import { onThread } from '../../jobs/thread.ts'
import { treeTableFile } from '../../store/blobs/trees.ts'
import { metricsOf } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { layOutNative } from '../context/native.ts'
import type { Bytes, Compared, ComparisonTask } from './comparison.ts'
import type { ApartTask, ComparedApart } from './comparison-thread.ts'

/** A candidate, the versions that it is held against, and the metrics that its gates name. */
export interface Change {
  readonly candidate: VersionRow
  readonly others: readonly VersionRow[]
  readonly gated: readonly string[]
}

/** Answers that are kept; what is compared never changes. */
const MOST_KEPT = 100

export class Comparisons {
  readonly #room: Registry
  readonly #kept = new Map<string, Promise<Compared>>()
  /** One comparison after the other: each takes a core and its tables in memory. */
  #last: Promise<unknown> = Promise.resolve()

  readonly #most: number

  constructor(room: Registry, most = MOST_KEPT) {
    this.#room = room
    this.#most = most
  }

  /** What `compareTables` finds, computed once for two who ask at once. Throws what it throws, and `not_found` and `corrupt_blob` of tables. */
  of(change: Change): Promise<Compared> {
    const key = decidedBy(change)
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const found = this.#last.then(() => compareApart(this.#room, change))
    const forget = (): unknown => this.#kept.delete(key)
    this.#last = found.then(() => undefined, forget)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= this.#most && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(key, found)
    return found
  }
}

/** A digest of all that decides the answer. */
function decidedBy({ candidate, others, gated }: Change): string {
  const text = JSON.stringify([
    [candidate.evaluation, candidate.holdout, candidate.metrics],
    // without a native form of its own the tree says where one of before lies
    others.map((one) => [one.evaluation, one.metrics, one.lowering_state, one.lowering_tree, one.tree]),
    gated,
  ])
  return createHash('sha256').update(text).digest('hex')
}

async function compareApart(room: Registry, { candidate, others, gated }: Change): Promise<Compared> {
  const task: ComparisonTask = {
    candidate: {
      metrics: metricsOf(candidate),
      evaluation: await tableOf(room, candidate.evaluation),
      holdout: others.length === 0 ? null : await tableOf(room, candidate.holdout),
    },
    others: await Promise.all(
      others.map(async (other) => ({
        metrics: metricsOf(other),
        evaluation: await tableOf(room, other.evaluation),
        native: room.scorer === undefined ? null : await layOutNative(room, other),
      })),
    ),
    gated,
  }
  const { compared, refused } = await onThread<ComparedApart>({
    file: new URL('./comparison-thread.ts', import.meta.url),
    task: { ...task, scorer: room.scorer ?? null } satisfies ApartTask,
    what: 'compares versions',
  })
  if (refused !== undefined) throw problem(refused.code, refused.data)
  if (compared === undefined) throw new Error('the thread that compares versions said nothing')
  return compared
}

/** The table of a tree, held against its digest piece by piece: of a large one the whole at once would hold the loop. */
async function tableOf({ blobs }: Registry, tree: string | null): Promise<Bytes> {
  const file = tree === null ? undefined : await treeTableFile(blobs, tree)
  if (file === undefined) return null
  const { size, stream } = await blobs.read(file.digest)
  const bytes = new Uint8Array(new SharedArrayBuffer(size))
  let at = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
