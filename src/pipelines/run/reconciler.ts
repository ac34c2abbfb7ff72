/** Moves runs on: looks at what is, does the next thing, and may be stopped and repeated at any point. One process at a time does it. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import type { AttemptState } from '../../contract/pipelines.ts'
import type { Leases } from '../../jobs/leases.ts'
import { dropOld } from '../checkpoints/rows.ts'
import { stepOf, whyUnreadable, type Context } from '../context/context.ts'
import { decideCondition, skipStep } from '../decide/condition.ts'
import { judgeNeeds } from '../decide/needs.ts'
import { Checks } from './check.ts'
import { nextRuns, startDue, Turns } from './due.ts'
import { tryFinish, tryItems, tryKey, tryRead } from './faults.ts'
import type { Flight } from './flight.ts'
import { healRuns } from './heal.ts'
import { launchAttempt } from './launch.ts'
import { Pace } from '../limits/pace.ts'
import { lateStart } from '../limits/starting.ts'
import { endOverdue } from '../limits/total.ts'
import { Machines } from '../machine/machines.ts'
import { isDue } from './retry.ts'
import { prepareRun } from './prepare.ts'
import { regradeProofs } from './regrade.ts'
import { ACTIVE_ATTEMPTS, FINAL_RUNS, FINAL_STEPS, isActive, readState, type RunTree } from '../context/rows.ts'

/** Between looks at attempts whose end nobody tells us, where they cost little, ms. */
const LOOK_MS = 250
/** Between looks whatever they cost, ms: limits of time are held as exactly as that; and at runs of which nothing runs. */
const [FURTHEST_MS, RESTING_MS] = [10_000, 60_000]
/** Runs that are looked at in one turn: calls are answered between. */
const TOGETHER = 16
/** What a look at all runs does in longer time is not waited for, ms. */
const LONGEST_LOOK_MS = 1000
/** Between looks for runs that another process has made, or that somebody cancels there, ms. */
const ADOPT_MS = 1000
/** Every so many looks are also for checkpoints that nobody needs any more. */
const DROP_LOOKS = 14_400
/** Every so many looks a process that does not lead clears away what the one that does has ended. */
const SWEEP_LOOKS = 240
/** A process that dies where nobody sees it is replaced after this long, ms. */
const LEASE_MS = 10_000

export class Reconciler {
  readonly #context: Context
  /** Runs that have not ended; where another process leads, those with attempts of this machine. */
  readonly #open = new Set<string>()
  readonly #busy = new Map<string, Promise<void>>()
  readonly #again = new Set<string>()
  /** Attempts that are to be asked how they are, by run. */
  readonly #asked = new Map<string, Set<string> | 'all'>()
  /** Attempts and preparations that this process is starting right now. */
  readonly #starting = new Map<string, Starting>()
  /** Starts that threw when they were tried last. */
  readonly #failing = new Set<string>()
  /** What the steps of a run were last seen to wait for. */
  readonly #flights = new Map<string, string>()
  /** Runs of which a step waits for a place. */
  readonly #waiting = new Set<string>()
  /** When runs have something to try again, ms. */
  readonly #due = new Map<string, number>()
  readonly #turns = new Turns()
  /** Runs that let others go first when they were last looked at. */
  readonly #passed = new Set<string>()
  readonly #leases: Leases
  readonly #machines: Machines
  readonly #checks: Checks
  readonly #pace = new Pace(LOOK_MS, FURTHEST_MS)
  /** Runs of which nothing runs: those in line are many, and are looked at when their turn comes. */
  readonly #resting = new Set<string>()
  readonly #restingPace = new Pace(LOOK_MS, RESTING_MS)
  readonly #adoption = new Pace(ADOPT_MS, RESTING_MS)
  readonly #unknown = new Set<string>()
  readonly #stopping = new AbortController()
  #keeping: Promise<void> | undefined
  #looks = 0
  #hasRoom = false
  /** Whether this process moves runs on, and does not only look after the attempts of its machine. */
  #leads = false
  #stopped = true

  constructor(context: Context, leases: Leases) {
    this.#context = context
    this.#leases = leases
    this.#machines = new Machines(context.deps, leases)
    this.#checks = new Checks(context, this.#machines)
    context.deps.driver.onEnd((attempt) => void this.#ended(attempt))
  }

  /** Begins to look after the attempts of this machine, and to move runs on as soon as no other process does. */
  start(): void {
    this.#keeping = this.#machines.lead({
      signal: this.#stopping.signal,
      fn: (lease) => this.#keep(AbortSignal.any([lease.signal, this.#stopping.signal])),
      onError: this.#context.deps.onError,
    })
  }

  /** Stops looking. Steps go on; the next start finds them. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#keeping
  }

  /** Clears away what ended attempts left on this machine, and looks until the signal aborts. */
  async #keep(signal: AbortSignal): Promise<void> {
    await this.#sweep()
    if (signal.aborted) return
    const { clock, onError } = this.#context.deps
    this.#checks.since = clock()
    this.#stopped = false
    const timer = setInterval(() => this.#look(), LOOK_MS)
    const fn = (lease: { readonly signal: AbortSignal }): Promise<void> =>
      this.#lead(AbortSignal.any([lease.signal, signal]))
    void aborted(signal).then(() => void (this.#stopped = true))
    await this.#leases.lead('pipelines', LEASE_MS, { signal, fn, onError })
    clearInterval(timer)
    await this.#settle()
  }

  /** Adopts every run that has not ended, and moves them on until the signal aborts. */
  async #lead(signal: AbortSignal): Promise<void> {
    await this.#heal()
    await this.#sweep()
    void this.#context.deps.driver.endStrays?.()
    if (signal.aborted) return
    const over = aborted(signal).then(() => void (this.#leads = false))
    this.#leads = true
    this.#open.clear()
    await this.#adopt()
    await this.#regrade(signal)
    await over
    await this.#settle()
  }

  /** Waits for what is under way. */
  async #settle(): Promise<void> {
    await Promise.allSettled([...this.#busy.values(), ...[...this.#starting.values()].map(({ over }) => over)])
    for (const known of [this.#open, this.#resting, this.#asked, this.#waiting, this.#due, this.#passed]) known.clear()
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

  /** Takes up runs that are open and not known here, and looks at those that are to end. */
  async #adopt(): Promise<void> {
    const { db, onError, machine } = this.#context.deps
    const sql = this.#leads
      ? "SELECT id, desired_state AS wanted FROM pipeline_runs WHERE state IN ('waiting', 'preparing', 'running') ORDER BY created_at"
      : `SELECT id, desired_state AS wanted FROM pipeline_runs WHERE id IN
           (SELECT run_id FROM pipeline_attempts WHERE state IN ('submitting', 'running') AND machine = ?) ORDER BY created_at`
    const rows = await db
      .all<{ id: string; wanted: string }>(sql, this.#leads ? [] : [machine?.id ?? null])
      .catch((error: unknown) => {
        onError(error)
        return []
      })
    await this.#lookThrough(new Set(rows.filter(({ id }) => !this.#open.has(id)).map(({ id }) => id)))
    for (const { id, wanted } of rows) if (wanted === 'cancel') this.wake(id)
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

  /** Looks at a run and asks its attempts how they are, all of them or one. */
  #lookAt(runId: string, attempt?: string): void {
    if (this.#stopped) return
    const asked = this.#asked.get(runId)
    if (attempt === undefined) this.#asked.set(runId, 'all')
    else if (asked === undefined) this.#asked.set(runId, new Set([attempt]))
    else if (asked !== 'all') asked.add(attempt)
    this.wake(runId)
  }

  #look(): void {
    const { db, clock, onError } = this.#context.deps
    const now = clock()
    for (const [runId, at] of this.#due) if (isDue(at, now)) this.wake(runId)
    void this.#adoption.round(() => this.#adopt())
    void this.#pace.round(() => this.#lookThrough(this.#open.difference(this.#resting)))
    void this.#restingPace.round(() => this.#lookThrough(this.#resting))
    this.#looks += 1
    if (!this.#leads && this.#looks % SWEEP_LOOKS === 0) void this.#sweep().catch(onError)
    if (this.#leads && this.#looks % DROP_LOOKS === 1) void dropOld(db, now).catch(onError)
  }

  async #lookThrough(runs: ReadonlySet<string>): Promise<void> {
    for (const [at, runId] of [...runs].entries()) {
      this.#lookAt(runId)
      if (at % TOGETHER === TOGETHER - 1) await nextTurn()
    }
    // outputs of hours that are stored meanwhile hold up nobody else's look
    await Promise.race([Promise.all(this.#busy.values()), delay(LONGEST_LOOK_MS, undefined, { ref: false })])
  }

  async #ended(attempt: string): Promise<void> {
    if (this.#stopped) return
    const row = await this.#context.deps.db
      .get<{ run_id: string }>('SELECT run_id FROM pipeline_attempts WHERE id = ?', [attempt])
      .catch(() => undefined)
    if (row !== undefined) this.#lookAt(row.run_id, attempt)
  }

  /** Has the runs looked at that may begin something now that an attempt has ended, once for all that end in one turn. */
  #makeRoom(): void {
    if (this.#hasRoom) return
    this.#hasRoom = true
    setImmediate(() => void this.#fill().catch(this.#context.deps.onError))
  }

  /** Looks at the runs that come first, and at those that wait for the result of another. */
  async #fill(): Promise<void> {
    this.#hasRoom = false
    for (const runId of this.#flights.keys()) this.wake(runId)
    if (this.#waiting.size === 0) return
    for (const runId of await nextRuns(this.#context, this.#turns)) this.wake(runId)
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
    const asked = this.#asked.get(runId)
    this.#asked.delete(runId)
    const tree = await readState(this.#context.deps.db, runId)
    if (tree === undefined || FINAL_RUNS.includes(tree.run.state)) {
      this.#forget(runId)
      return false
    }
    if (!(await this.#isReadable(tree))) return false
    const moved = (await this.#check(tree, asked)) || (this.#leads && (await this.#next(tree)))
    if (moved) this.#context.tell(runId)
    else if (this.#leads) this.#note(tree)
    return moved
  }

  /** What cannot be read is told, and in the end given up, by the process that leads. */
  async #isReadable(tree: RunTree): Promise<boolean> {
    if (this.#leads) return tryRead(this.#context, tree)
    return (await whyUnreadable(this.#context, tree.run.version_id)) === undefined
  }

  #forget(runId: string): void {
    for (const known of [this.#open, this.#resting, this.#flights, this.#waiting, this.#due]) known.delete(runId)
    this.#context.spans.forgetAll(`${runId} `)
    if (this.#failing.delete(runId)) this.#context.say(runId, undefined)
  }

  /** Notes whether something of a run runs, and when something of it is tried again. */
  #note({ run, steps, items, attempts }: RunTree): void {
    if (attempts.some(isActive)) this.#resting.delete(run.id)
    else this.#resting.add(run.id)
    const retries = [...steps, ...items].filter(({ state }) => state === 'ready').map(({ retry_at }) => retry_at)
    const now = this.#context.deps.clock()
    const all = [run.fault_retry_at, run.preparation_retry_at, ...retries].filter((at) => at !== null && at > now)
    if (all.length === 0) this.#due.delete(run.id)
    else this.#due.set(run.id, Math.min(...all.map(Number)))
  }

  /** Asks attempts of this process how they are; where another process leads, that and their end on request is all that is done here. */
  async #check(tree: RunTree, asked: Set<string> | 'all' | undefined): Promise<boolean> {
    const own = this.#checks.own(tree, this.#leads).filter(({ id }) => !this.#starting.has(id))
    const moved = await this.#checks.check(
      tree,
      own.filter(({ id }) => asked === 'all' || asked?.has(id) === true),
    )
    if (moved) this.#makeRoom()
    if (moved || this.#leads) return moved
    if (own.length === 0) this.#open.delete(tree.run.id)
    else if (tree.run.desired_state === 'cancel') await this.#checks.cancel(own)
    return false
  }

  async #next(tree: RunTree): Promise<boolean> {
    if (await endOverdue(this.#context, tree)) return true
    await this.#checkStarts(tree)
    if (await this.#checks.checkAway(tree)) return true
    if (tree.run.desired_state === 'cancel') return this.#cancel(tree)
    if (tree.run.state !== 'running') return this.#prepare(tree)
    if (await this.#decide(tree)) return true
    if (await this.#moveItems(tree)) return true
    if (await this.#launch(tree)) return true
    return tree.steps.every((step) => FINAL_STEPS.includes(step.state)) && tryFinish(this.#context, tree)
  }

  #prepare({ run }: RunTree): boolean {
    if (!isDue(run.preparation_retry_at, this.#context.deps.clock())) return false
    this.#begin(run.id, run.id, () => prepareRun(this.#context, run))
    return false
  }

  /** Ends starts that take too long; one of whose attempt a process exists is asked as others are. */
  async #checkStarts(tree: RunTree): Promise<void> {
    const starts = tree.attempts.filter(({ id }) => this.#starting.has(id))
    if (starts.length === 0) return
    const spec = await this.#context.spec(tree.run.version_id)
    for (const attempt of starts) {
      const end = lateStart(this.#context, attempt, stepOf(spec, attempt.step))
      if (end !== undefined) this.#starting.get(attempt.id)?.abort.abort(end)
    }
  }

  async #cancel(tree: RunTree): Promise<boolean> {
    const { db, clock } = this.#context.deps
    const active = tree.attempts.filter(isActive)
    for (const { id } of active) this.#starting.get(id)?.abort.abort()
    await this.#checks.cancel(this.#checks.own(tree, true).filter(({ id }) => !this.#starting.has(id)))
    const idle = await db.tx((t) =>
      t.run(
        `UPDATE pipeline_steps SET state = 'cancelled', finished_at = ?
         WHERE run_id = ? AND state IN ('waiting', 'ready')`,
        [clock(), tree.run.id],
      ),
    )
    if (active.length > 0 || idle > 0) return false
    // a step whose items have all ended has no attempt of its own that would end it
    await db.tx((t) =>
      t.run(
        `UPDATE pipeline_steps SET state = 'cancelled', finished_at = ?
         WHERE run_id = ? AND state = 'running' AND fan IS NOT NULL`,
        [clock(), tree.run.id],
      ),
    )
    return tryFinish(this.#context, tree)
  }

  /** Decides the steps whose needs have ended: skipped, cached or ready. */
  async #decide(tree: RunTree): Promise<boolean> {
    const spec = await this.#context.spec(tree.run.version_id)
    let moved = false
    for (const row of tree.steps.filter((step) => step.state === 'waiting')) {
      const step = stepOf(spec, row.name)
      const condition = await decideCondition(this.#context, tree, [row, step])
      const needs = condition === 'ended' ? 'waits' : judgeNeeds(spec, tree.steps, step)
      if (needs === 'ready' && condition === true) moved = (await tryKey(this.#context, tree, step)) || moved
      if (typeof needs === 'object') await skipStep(this.#context, row, needs.reason)
      if (typeof needs === 'object' || condition === 'ended') moved = true
    }
    return moved
  }

  /** Makes items of steps that have begun, and ends steps whose items have ended. */
  async #moveItems(tree: RunTree): Promise<boolean> {
    const rows = tree.steps.filter((row) => row.state === 'running' && row.fan !== null)
    if (rows.length === 0) return false
    const spec = await this.#context.spec(tree.run.version_id)
    let moved = false
    for (const row of rows) moved = (await tryItems(this.#context, tree, row, stepOf(spec, row.name))) || moved
    return moved
  }

  async #launch(tree: RunTree): Promise<boolean> {
    const { run } = tree
    const passed = this.#passed
    const { moved, flights, waits } = await startDue(this.#context, tree, {
      turns: this.#turns,
      begin: (attempt) =>
        this.#begin(attempt.id, run.id, (signal) => launchAttempt(this.#context, tree, attempt, signal)),
      wake: (first) => {
        passed.add(run.id)
        this.wake(first)
      },
    })
    this.#tellFlights(run.id, flights)
    if (waits) this.#waiting.add(run.id)
    else this.#waiting.delete(run.id)
    if (moved) this.#wakePassed(run.id)
    return moved
  }

  /** Looks at runs that let another one go first, now that it has. */
  #wakePassed(runId: string): void {
    const passed = [...this.#passed].filter((one) => one !== runId)
    this.#passed.clear()
    for (const one of passed) this.wake(one)
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
    this.#lookAt(runId, key)
  }

  /** Ends and deletes what the driver still holds of attempts that have ended here. What cannot be cleared away is told, and holds nobody up. */
  async #sweep(): Promise<void> {
    const { driver, onError } = this.#context.deps
    for (const id of await driver.list()) await this.#clear(id).catch(onError)
  }

  async #clear(id: string): Promise<void> {
    const { db, driver } = this.#context.deps
    const row = await db.get<{ state: AttemptState }>('SELECT state FROM pipeline_attempts WHERE id = ?', [id])
    if (row === undefined) {
      if (this.#unknown.has(id)) return
      this.#unknown.add(id)
      throw new Error(`the driver holds an attempt that no run knows: ${id}; it is left alone`)
    }
    if (ACTIVE_ATTEMPTS.includes(row.state)) return
    await driver.kill(id)
    await driver.delete(id)
  }
}

/** Resolves when a signal that has not been aborted is. */
function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

/** A start that goes on beside the loop. */
interface Starting {
  /** Aborted when the run is to end: the start then waits for nothing more. */
  readonly abort: AbortController
  readonly over: Promise<void>
}

/** Said of a run as long as its start fails for a reason of the server, which its log has. */
const TRIES_AGAIN = 'cannot be started by a fault of the server, whose log has the reason; it is tried again'
