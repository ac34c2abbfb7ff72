/** Moves runs on: looks at what is, does the next thing, and may be stopped and repeated at any point. One process at a time does it. */
import type { AttemptState } from '../../contract/pipelines.ts'
import type { Leases } from '../../jobs/leases.ts'
import { collectAttempt, failAttempt, loseAttempt } from './collect.ts'
import { stepOf, type Context } from '../context/context.ts'
import { tryFinish, tryKey, tryRead } from './faults.ts'
import { awaitTurn, type Flight } from './flight.ts'
import { healRuns } from './heal.ts'
import { GRACE_MS, launchAttempt, openAttempt } from './launch.ts'
import { SILENT_MS, SLACK_MS, whyGivenUp, type Signs } from './liveliness.ts'
import { demandOf, findHead, hasPlace } from './places.ts'
import { isDue } from './retry.ts'
import { prepareRun } from './prepare.ts'
import { regradeProofs } from './regrade.ts'
import {
  ACTIVE_ATTEMPTS,
  FINAL_RUNS,
  FINAL_STEPS,
  isActive,
  isDone,
  readState,
  type AttemptRow,
  type RunTree,
} from '../context/rows.ts'

/** Between looks at attempts whose end nobody tells us, ms. */
const LOOK_MS = 250
/** Every so many looks are also for runs that another process has made. */
const ADOPT_LOOKS = 4
/** A process that dies where nobody sees it is replaced after this long, ms. */
const LEASE_MS = 10_000

export class Reconciler {
  readonly #context: Context
  /** Runs that have not ended. */
  readonly #open = new Set<string>()
  readonly #busy = new Map<string, Promise<void>>()
  readonly #again = new Set<string>()
  /** Attempts and preparations that this process is starting right now. */
  readonly #starting = new Map<string, Starting>()
  /** Starts that threw when they were tried last. */
  readonly #failing = new Set<string>()
  /** What the steps of a run were last seen to wait for. */
  readonly #flights = new Map<string, string>()
  readonly #leases: Leases
  readonly #stopping = new AbortController()
  #leading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #looks = 0
  /** Since when this process moves runs on, ms. */
  #since = 0
  #stopped = true

  constructor(context: Context, leases: Leases) {
    this.#context = context
    this.#leases = leases
    context.deps.driver.onEnd((attempt) => void this.#ended(attempt))
  }

  /** Begins to move runs on, as soon as no other process does. */
  start(): void {
    this.#leading = this.#leases.lead('pipelines', LEASE_MS, {
      signal: this.#stopping.signal,
      fn: (lease) => this.#lead(AbortSignal.any([lease.signal, this.#stopping.signal])),
      onError: this.#context.deps.onError,
    })
  }

  /** Stops looking. Steps go on; the next start finds them. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#leading
  }

  /** Adopts every run that has not ended, clears away what ended attempts left, and looks until the signal aborts. */
  async #lead(signal: AbortSignal): Promise<void> {
    await this.#heal()
    await this.#sweep()
    if (signal.aborted) return
    const over = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    this.#stopped = false
    this.#since = this.#context.deps.clock()
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    await this.#adopt()
    await this.#regrade(signal)
    await over
    this.#stopped = true
    clearInterval(this.#timer)
    await Promise.allSettled([...this.#busy.values(), ...[...this.#starting.values()].map(({ over }) => over)])
    this.#open.clear()
  }

  /** A database that cannot be asked is healed by the next that leads. */
  async #heal(): Promise<void> {
    try {
      await healRuns(this.#context)
    } catch (error) {
      this.#context.deps.onError(error)
    }
  }

  /** What cannot be graded now is graded by the next that leads; nothing waits for it. */
  async #regrade(signal: AbortSignal): Promise<void> {
    try {
      await regradeProofs(this.#context, signal)
    } catch (error) {
      this.#context.deps.onError(error)
    }
  }

  /** Takes up runs that are open and not known here. */
  async #adopt(): Promise<void> {
    const rows = await this.#context.deps.db
      .all<{ id: string }>(
        "SELECT id FROM pipeline_runs WHERE state IN ('waiting', 'preparing', 'running') ORDER BY created_at",
      )
      .catch((error: unknown) => {
        this.#context.deps.onError(error)
        return []
      })
    for (const { id } of rows) if (!this.#open.has(id)) this.wake(id)
  }

  /** Looks at a run now, if this process is the one that moves runs on; else that one sees it soon. */
  wake(runId: string): void {
    if (this.#stopped) return
    this.#open.add(runId)
    if (this.#busy.has(runId)) {
      this.#again.add(runId)
      return
    }
    this.#busy.set(runId, this.#work(runId))
  }

  #look(): void {
    for (const runId of this.#open) this.wake(runId)
    if (++this.#looks % ADOPT_LOOKS === 0) void this.#adopt()
  }

  async #ended(attempt: string): Promise<void> {
    if (this.#stopped) return
    const row = await this.#context.deps.db
      .get<{ run_id: string }>('SELECT run_id FROM pipeline_attempts WHERE id = ?', [attempt])
      .catch(() => undefined)
    if (row !== undefined) this.wake(row.run_id)
  }

  async #work(runId: string): Promise<void> {
    try {
      do {
        this.#again.delete(runId)
        let moved = true
        while (moved && !this.#stopped) moved = await this.#advance(runId)
      } while (this.#again.has(runId) && !this.#stopped)
    } catch (error) {
      this.#context.deps.onError(error)
    } finally {
      this.#busy.delete(runId)
    }
  }

  /** Does what can be done now; true when something changed, so that it is worth looking again. */
  async #advance(runId: string): Promise<boolean> {
    const tree = await readState(this.#context.deps.db, runId)
    if (tree === undefined || FINAL_RUNS.includes(tree.run.state)) {
      this.#open.delete(runId)
      this.#flights.delete(runId)
      if (this.#failing.delete(runId)) this.#context.say(runId, undefined)
      return false
    }
    const moved = await this.#next(tree)
    if (moved) this.#context.tell(runId)
    return moved
  }

  async #next(tree: RunTree): Promise<boolean> {
    if (!(await tryRead(this.#context, tree))) return false
    if (await this.#check(tree)) return true
    if (tree.run.desired_state === 'cancel') return this.#cancel(tree)
    if (tree.run.state !== 'running') return this.#prepare(tree)
    if (await this.#decide(tree)) return true
    if (await this.#launch(tree)) return true
    return tree.steps.every((step) => FINAL_STEPS.includes(step.state)) && tryFinish(this.#context, tree)
  }

  #prepare({ run }: RunTree): boolean {
    if (!isDue(run.preparation_retry_at, this.#context.deps.clock())) return false
    this.#begin(run.id, run.id, () => prepareRun(this.#context, run))
    return false
  }

  /** Asks every running attempt how it is. */
  async #check(tree: RunTree): Promise<boolean> {
    const running = tree.attempts.filter((attempt) => isActive(attempt) && !this.#starting.has(attempt.id))
    const moved = await Promise.all(running.map((attempt) => this.#checkAttempt(tree, attempt)))
    return moved.includes(true)
  }

  async #checkAttempt(tree: RunTree, attempt: AttemptRow): Promise<boolean> {
    const { driver } = this.#context.deps
    const status = await driver.get(attempt.id, attempt.fence)
    if (status.state === 'running') return this.#checkRunning(tree, attempt, { ...status, since: this.#since })
    if (status.state === 'finished') await collectAttempt(this.#context, tree, attempt, status.exit)
    else if (tree.run.desired_state === 'cancel') await failAttempt(this.#context, attempt, CANCELLED)
    else await loseAttempt(this.#context, attempt)
    this.#look()
    return true
  }

  async #checkRunning(tree: RunTree, attempt: AttemptRow, signs: Signs): Promise<boolean> {
    const { db, clock } = this.#context.deps
    const step = stepOf(await this.#context.spec(tree.run.version_id), attempt.step)
    const end = await whyGivenUp(this.#context, attempt, step, signs)
    if (end !== undefined) {
      await failAttempt(this.#context, attempt, end)
      return true
    }
    const silent = signs.silent_ms > SILENT_MS ? 1 : 0
    if (attempt.state === 'running' && attempt.silent === silent) return false
    await db.tx((t) =>
      t.run(
        `UPDATE pipeline_attempts SET state = 'running', silent = ?, started_at = coalesce(started_at, ?)
         WHERE id = ? AND state IN ('submitting', 'running')`,
        [silent, clock(), attempt.id],
      ),
    )
    return true
  }

  async #cancel(tree: RunTree): Promise<boolean> {
    const { db, clock, driver } = this.#context.deps
    const active = tree.attempts.filter(isActive)
    for (const attempt of active) {
      const starting = this.#starting.get(attempt.id)
      if (starting !== undefined) {
        starting.abort.abort()
        continue
      }
      const asked = attempt.cancelled_at ?? clock()
      if (attempt.cancelled_at === null) {
        await db.tx((t) => t.run('UPDATE pipeline_attempts SET cancelled_at = ? WHERE id = ?', [asked, attempt.id]))
        await driver.cancel(attempt.id)
      } else if (clock() - asked > GRACE_MS + SLACK_MS) await driver.kill(attempt.id)
    }
    const idle = await db.tx((t) =>
      t.run(
        `UPDATE pipeline_steps SET state = 'cancelled', finished_at = ?
         WHERE run_id = ? AND state IN ('waiting', 'ready')`,
        [clock(), tree.run.id],
      ),
    )
    return active.length === 0 && idle === 0 && tryFinish(this.#context, tree)
  }

  /** Decides the steps whose needs have ended: skipped, cached or ready. */
  async #decide(tree: RunTree): Promise<boolean> {
    const spec = await this.#context.spec(tree.run.version_id)
    const states = new Map(tree.steps.map((step) => [step.name, step]))
    let moved = false
    for (const row of tree.steps.filter((step) => step.state === 'waiting')) {
      const step = stepOf(spec, row.name)
      const needs = step.needs.map((need) => states.get(need))
      if (needs.every((need) => need !== undefined && isDone(need))) {
        moved = (await tryKey(this.#context, tree, step)) || moved
      } else if (needs.some((need) => need !== undefined && FINAL_STEPS.includes(need.state) && !isDone(need))) {
        await this.#skip(tree.run.id, row.name)
        moved = true
      }
    }
    return moved
  }

  async #skip(runId: string, step: string): Promise<void> {
    const { db, clock } = this.#context.deps
    const reason = 'a step that it needs did not succeed'
    await db.tx((t) =>
      t.run(
        `UPDATE pipeline_steps SET state = 'skipped', reason = ?, finished_at = ?
         WHERE run_id = ? AND name = ? AND state = 'waiting'`,
        [reason, clock(), runId, step],
      ),
    )
  }

  async #launch(tree: RunTree): Promise<boolean> {
    const { deps } = this.#context
    const due = tree.steps.filter((step) => step.state === 'ready' && isDue(step.retry_at, deps.clock()))
    if (due.length === 0) return false
    const spec = await this.#context.spec(tree.run.version_id)
    const first = await findHead(this.#context)
    const flights: Flight[] = []
    let moved = false
    for (const step of due) {
      const turn = await awaitTurn(this.#context, tree, step)
      if (turn === 'taken') moved = true
      else if (turn !== undefined) flights.push(turn)
      if (turn !== undefined) continue
      const head = first?.run_id === step.run_id && first.name === step.name ? undefined : first
      const demand = demandOf(deps, stepOf(spec, step.name), tree.attempts)
      // only asked here, so that a run that waits writes nothing; the transaction below decides
      if (!(await hasPlace(deps.db, deps.capacity, demand, head))) continue
      const attempt = await openAttempt(this.#context, tree, step, head)
      if (attempt === undefined) continue
      this.#begin(attempt.id, tree.run.id, (signal) => launchAttempt(this.#context, tree, attempt, signal))
      moved = true
    }
    this.#tellFlights(tree.run.id, flights)
    return moved
  }

  /** Wakes those who watch a run when what its steps wait for is another. */
  #tellFlights(runId: string, flights: readonly Flight[]): void {
    const now = flights.map((flight) => `${flight.run_id} ${flight.step}`).join(', ')
    if (now === (this.#flights.get(runId) ?? '')) return
    if (now === '') this.#flights.delete(runId)
    else this.#flights.set(runId, now)
    this.#context.tell(runId)
  }

  /**
   * Runs a start beside the loop, once at a time, and looks at the run when it is over. One that threw is tried again at the next look and
   * not at once: what is broken, a folder or a disk, is asked a few times a second and not as fast as it can refuse.
   */
  #begin(key: string, runId: string, work: (signal: AbortSignal) => Promise<void>): void {
    if (this.#starting.has(key)) return
    const abort = new AbortController()
    this.#starting.set(key, { abort, over: this.#start(key, runId, () => work(abort.signal)) })
  }

  async #start(key: string, runId: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failing.add(key)
      this.#context.say(runId, TRIES_AGAIN)
      return this.#context.deps.onError(error)
    } finally {
      this.#starting.delete(key)
    }
    if (this.#failing.delete(key)) this.#context.say(runId, undefined)
    this.wake(runId)
  }

  /** Ends and deletes what the driver still holds of attempts that have ended here. What cannot be cleared away is told, and holds nobody up. */
  async #sweep(): Promise<void> {
    const { driver, onError } = this.#context.deps
    for (const id of await driver.list()) await this.#clear(id).catch(onError)
  }

  async #clear(id: string): Promise<void> {
    const { db, driver } = this.#context.deps
    const row = await db.get<{ state: AttemptState }>('SELECT state FROM pipeline_attempts WHERE id = ?', [id])
    if (row === undefined) throw new Error(`the driver holds an attempt that no run knows: ${id}; it is left alone`)
    if (ACTIVE_ATTEMPTS.includes(row.state)) return
    await driver.kill(id)
    await driver.delete(id)
  }
}

/** A start that goes on beside the loop. */
interface Starting {
  /** Aborted when the run is to end: the start then waits for nothing more. */
  readonly abort: AbortController
  readonly over: Promise<void>
}

/** Said of a run as long as its start fails for a reason of the server, which its log has. */
const TRIES_AGAIN = 'cannot be started by a fault of the server, whose log has the reason; it is tried again'

const CANCELLED = { class: 'cancelled', message: 'was cancelled', traceback: null } as const
