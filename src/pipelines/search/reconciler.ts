/** Moves studies on: looks at what is, does the next thing, and may be stopped and repeated at any point. One process at a time does it. */
import type { Leases } from '../../jobs/leases.ts'
import { readRun } from '../context/rows.ts'
import { stopEarly, type Curves } from './early.ts'
import { beginEnding, conclude, endingOf, exhausted } from './ending.ts'
import { propose } from './propose.ts'
import type { SearchDeps } from './deps.ts'
import { reasonOf } from '../run/faults.ts'
import { openStudies, OPEN_TRIALS, readStudy, type StudyTree } from './rows.ts'
import { stopRevoked } from './start.ts'
import { beginTrial, cancelTrial, collectTrial } from './trials.ts'

/** Between looks, ms. */
const LOOK_MS = 500
/** A process that dies where nobody sees it is replaced after this long, ms. */
const LEASE_MS = 10_000

export class Studies {
  readonly deps: SearchDeps
  readonly #leases: Leases
  readonly #stopping = new AbortController()
  /** Curves of trials that have ended, by study. */
  readonly #curves = new Map<string, Curves>()
  /** What was last said of why studies cannot be moved on; absent where this process has said nothing yet. */
  readonly #troubles = new Map<string, string | null>()
  /** What ends the watch over runs of trials under way. */
  readonly #watched = new Map<string, () => void>()
  #leading: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #leads = false

  constructor(deps: SearchDeps, leases: Leases) {
    this.deps = deps
    this.#leases = leases
  }

  /** Begins to move studies on, as soon as no other process does. */
  start(): void {
    this.#leading = this.#leases.lead('studies', LEASE_MS, {
      signal: this.#stopping.signal,
      fn: (lease) => this.#lead(AbortSignal.any([lease.signal, this.#stopping.signal])),
      onError: this.deps.context.deps.onError,
    })
  }

  /** Stops looking. Trials go on; the next start finds them. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#leading
  }

  /** Looks at all studies soon, if this process moves them on. */
  wake(): void {
    if (this.#leads) this.#look()
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.#leads = true
    const timer = setInterval(() => this.#look(), LOOK_MS)
    this.#look()
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    this.#leads = false
    clearInterval(timer)
    this.#watch(new Set())
    await this.#looking
  }

  #look(): void {
    this.#looking ??= this.#lookAtAll().finally(() => (this.#looking = undefined))
  }

  async #lookAtAll(): Promise<void> {
    const { onError } = this.deps.context.deps
    try {
      const ids = await openStudies(this.deps.context.deps.db)
      for (const known of [this.#curves, this.#troubles])
        for (const id of known.keys()) if (!ids.includes(id)) known.delete(id)
      const watched = new Set<string>()
      for (const id of ids) {
        try {
          for (const run of await this.#moveOn(id)) watched.add(run)
          await this.#note(id, null)
        } catch (error) {
          // what cannot be done now, such as without the database, is tried again; other studies go on
          onError(error)
          await this.#note(id, reasonOf(error))
        }
      }
      this.#watch(watched)
    } catch (error) {
      onError(error)
    }
  }

  /** Says of a study why it cannot be moved on, or that nothing keeps it any more. */
  async #note(id: string, trouble: string | null): Promise<void> {
    const { db, onError } = this.deps.context.deps
    try {
      if (this.#troubles.get(id) === trouble) return
      const changed = await db.tx((t) =>
        t.run("UPDATE pipeline_studies SET trouble = ? WHERE id = ? AND coalesce(trouble, '') <> ?", [
          trouble,
          id,
          trouble ?? '',
        ]),
      )
      this.#troubles.set(id, trouble)
      if (changed > 0) this.deps.changed?.(id)
    } catch (error) {
      onError(error)
    }
  }

  /** Looks again as soon as one of these runs changes. */
  #watch(runs: ReadonlySet<string>): void {
    for (const [run, unwatch] of this.#watched) {
      if (runs.has(run)) continue
      unwatch()
      this.#watched.delete(run)
    }
    for (const run of runs)
      if (!this.#watched.has(run))
        this.#watched.set(
          run,
          this.deps.context.watch(run, () => this.wake()),
        )
  }

  /** The runs that are under way then. */
  async #moveOn(id: string): Promise<string[]> {
    let changed = false
    for (;;) {
      const tree = await readStudy(this.deps.context.deps.db, id)
      const moved = tree !== undefined && this.#leads && (await this.#next(tree))
      changed ||= moved
      if (moved) continue
      if (changed) this.deps.changed?.(id)
      return tree?.trials.filter(({ state }) => state === 'running').map(({ run_id }) => run_id) ?? []
    }
  }

  /** Does what can be done now; true when something changed, so that it is worth looking again. */
  async #next(tree: StudyTree): Promise<boolean> {
    const { study, trials } = tree
    if (study.ending !== 'stopped' && (await this.deps.isRevoked(study.who.id))) return stopRevoked(this.deps, study)
    const open = trials.filter(({ state }) => OPEN_TRIALS.includes(state))
    for (const trial of open.filter(({ state }) => state === 'running'))
      if (await collectTrial(this.deps, study, trial)) return true
    if (study.state === 'stopping') return open.length === 0 ? conclude(this.deps, tree) : this.#cancel(tree)
    return this.#goOn(tree, open)
  }

  /** Begins what waits for its run, stops what is behind, and ends the study or tries the next point. */
  async #goOn(tree: StudyTree, open: StudyTree['trials']): Promise<boolean> {
    const { study } = tree
    const waiting = open.filter(({ state }) => state === 'waiting')
    const free = study.plan.at_once - (open.length - waiting.length)
    for (const trial of waiting.slice(0, Math.max(free, 0))) await beginTrial(this.deps, study, trial)
    if (waiting.length > 0 && free > 0) return true
    const curves = this.#curves.get(study.id) ?? new Map()
    this.#curves.set(study.id, curves)
    if (await stopEarly(this.deps, tree, curves)) return true
    if (study.ending !== null) return open.length === 0 && conclude(this.deps, tree)
    const end = endingOf(tree, this.deps.context.deps.clock())
    if (end !== undefined) return beginEnding(this.deps, study, end)
    if (open.length >= study.plan.at_once) return false
    return (await propose(this.deps, tree)) || beginEnding(this.deps, study, exhausted(study.plan))
  }

  /** Cancels what is under way; trials whose run is not made yet end with one that is cancelled at once. */
  async #cancel({ study, trials }: StudyTree): Promise<boolean> {
    const { db, clock } = this.deps.context.deps
    for (const trial of trials.filter(({ state }) => state === 'running')) await cancelTrial(this.deps, study, trial)
    // its run may have been made just before a crash
    for (const trial of trials.filter(({ state }) => state === 'waiting')) {
      const run = await readRun(db, trial.run_id)
      const state = run === undefined ? 'cancelled' : 'running'
      const ended = run === undefined ? clock() : null
      await db.tx((t) =>
        t.run(
          `UPDATE pipeline_trials SET state = ?, finished_at = ?, message = ?
           WHERE study_id = ? AND number = ? AND state = 'waiting'`,
          [state, ended, run === undefined ? 'the study ended before it began' : '', study.id, trial.number],
        ),
      )
    }
    return trials.some(({ state }) => state === 'waiting')
  }
}
