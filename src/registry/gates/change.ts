/** A version held against others for people to read: computed on a thread of its own, and kept by what decides it. */
import { createHash } from 'node:crypto'
import { metricsOf } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { layOutNative } from '../context/native.ts'
import { apart } from './apart.ts'
import type { Compared, ComparisonTask } from './comparison.ts'
import { Kept } from './kept.ts'
import { tableOf } from './tables.ts'

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
  readonly #kept: Kept<Compared>
  /** One comparison after the other: each takes a core and its tables in memory. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(room: Registry, most = MOST_KEPT) {
    this.#room = room
    this.#kept = new Kept(most)
  }

  /** What `compareTables` finds, computed once for two who ask at once. Throws what it throws, and `not_found` and `corrupt_blob` of tables. */
  of(change: Change): Promise<Compared> {
    return this.#kept.of(decidedBy(change), () => {
      const found = this.#last.then(() => compareApart(this.#room, change))
      this.#last = found.catch(() => undefined)
      return found
    })
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
  return apart<Compared>({ compare: task, scorer: room.scorer ?? null }, 'compares versions')
}
