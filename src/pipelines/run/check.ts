/** Looks at attempts that go on: collects what has ended, ends what takes too long, and asks those of a cancelled run to stop. */
import { States } from '../checkpoints/keep.ts'
import { stepOf, type Context } from '../context/context.ts'
import { isActive, type AttemptRow, type RunTree } from '../context/rows.ts'
import { lateStart } from '../limits/starting.ts'
import type { Machines } from '../machine/machines.ts'
import { collectAttempt, failAttempt, loseAttempt } from './collect.ts'
import { GRACE_MS } from './launch.ts'
import { SILENT_MS, SLACK_MS, whyGivenUp, type Signs } from './liveliness.ts'

const CANCELLED = { class: 'cancelled', message: 'was cancelled', traceback: null } as const

export class Checks {
  readonly #context: Context
  readonly #machines: Machines
  readonly #states = new States()
  /** Since when this process looks at attempts, ms. */
  since = 0

  constructor(context: Context, machines: Machines) {
    this.#context = context
    this.#machines = machines
  }

  /** Attempts that go on and are looked at by this process: those of its machine, and with `leads` those of clusters. */
  own(tree: RunTree, leads: boolean): AttemptRow[] {
    return tree.attempts.filter((one) => isActive(one) && (one.machine === null ? leads : this.#isHere(one)))
  }

  #isHere({ machine }: AttemptRow): boolean {
    return machine === null || machine === this.#context.deps.machine?.id
  }

  /** Asks each of these how it is; true when something changed. */
  async check(tree: RunTree, attempts: readonly AttemptRow[]): Promise<boolean> {
    const moved = await Promise.all(attempts.map((attempt) => this.#checkOne(tree, attempt)))
    return moved.includes(true)
  }

  /** Ends attempts of other machines that are gone for good, so that they begin anew; a machine that may come back is waited for. */
  async checkAway(tree: RunTree): Promise<boolean> {
    let moved = false
    for (const attempt of tree.attempts.filter((one) => isActive(one) && !this.#isHere(one))) {
      const why = await this.#machines.whyLost(attempt.machine ?? '')
      if (why === undefined) continue
      await this.#lose(tree, attempt, why)
      moved = true
    }
    return moved
  }

  async #checkOne(tree: RunTree, attempt: AttemptRow): Promise<boolean> {
    const { driver } = this.#context.deps
    const status = await driver.get(attempt.id, attempt.fence)
    if (status.state === 'running') return this.#checkRunning(tree, attempt, { ...status, since: this.since })
    if (status.state === 'finished') await collectAttempt(this.#context, tree, attempt, status.exit)
    else await this.#lose(tree, attempt)
    return true
  }

  async #lose(tree: RunTree, attempt: AttemptRow, why?: string): Promise<void> {
    if (tree.run.desired_state === 'cancel') await failAttempt(this.#context, attempt, CANCELLED)
    else await loseAttempt(this.#context, attempt, why)
  }

  async #checkRunning(
    tree: RunTree,
    attempt: AttemptRow,
    signs: Signs & { readonly starting?: true },
  ): Promise<boolean> {
    const { db, clock } = this.#context.deps
    const step = stepOf(await this.#context.spec(tree.run.version_id), attempt.step)
    const begins = signs.starting !== true && attempt.begun_at === null
    const end =
      lateStart(this.#context, begins ? { ...attempt, begun_at: clock() } : attempt, step) ??
      (await whyGivenUp(this.#context, attempt, step, signs))
    if (end !== undefined) {
      await failAttempt(this.#context, attempt, end)
      return true
    }
    const told = await this.#states.look(this.#context, attempt)
    const silent = signs.silent_ms > SILENT_MS ? 1 : 0
    if (attempt.state === 'running' && attempt.silent === silent && !begins) return told
    await db.tx((t) =>
      t.run(
        `UPDATE pipeline_attempts SET state = 'running', silent = ?, started_at = coalesce(started_at, ?),
           begun_at = coalesce(begun_at, ?)
         WHERE id = ? AND state IN ('submitting', 'running')`,
        [silent, clock(), begins ? clock() : null, attempt.id],
      ),
    )
    return true
  }

  /** Asks these to stop, all at once: a cluster that does not answer holds up no other. One that was asked and goes on is killed after its grace time. */
  async cancel(attempts: readonly AttemptRow[]): Promise<void> {
    await Promise.all(attempts.map((attempt) => this.#cancelOne(attempt)))
  }

  async #cancelOne({ id, run_id, cancelled_at }: AttemptRow): Promise<void> {
    const { db, clock, driver } = this.#context.deps
    const asked = cancelled_at ?? clock()
    const since = this.#context.spans.since(`${run_id} cancel ${id}`, asked)
    if (cancelled_at !== null) return since > GRACE_MS + SLACK_MS ? driver.kill(id) : undefined
    await db.tx((t) => t.run('UPDATE pipeline_attempts SET cancelled_at = ? WHERE id = ?', [asked, id]))
    await driver.cancel(id)
  }
}
