/** The controller: begins rollouts that are asked for, judges those under way, carries decisions out. Safe to run twice and to be killed anywhere. */
import { Problem } from '../../contract/errors.ts'
import { abandon, changeModel, close, end, forward, moveTo, promote, stateAt } from './changes.ts'
import { stepsOf } from '../../contract/rollout/steps.ts'
import { frozen } from './freeze.ts'
import { rivalsOf } from './challengers.ts'
import { planOf } from '../context/context.ts'
import type { RolloutDeps, RolloutRow, RolloutState } from '../context/context.ts'
import { takeUp } from './starting.ts'
import { judge, ruled, storeVerdict } from './verdicts.ts'
import type { Judged } from './verdicts.ts'

/** Takes up what asks for an endpoint and begins what is prepared. Preparing may take minutes: an environment may have to be built. */
export async function beginRound(deps: RolloutDeps): Promise<void> {
  for (const asked of await deps.asked()) await guarded(deps, () => takeUp(deps, asked))
  for (const row of await inState(deps, 'starting')) await guarded(deps, () => begin(deps, row))
}

/** Judges every rollout under way once. */
export async function judgeRound(deps: RolloutDeps): Promise<void> {
  for (const state of ['shadow', 'canary', 'paused', 'watching'] as const)
    for (const row of await inState(deps, state)) await guarded(deps, () => step(deps, row))
}

function inState(deps: RolloutDeps, state: RolloutState): Promise<RolloutRow[]> {
  return deps.db.all<RolloutRow>('SELECT * FROM rollouts WHERE state = ? ORDER BY created_at, id', [state])
}

/** A fault of one rollout does not hold up the others. */
async function guarded(deps: RolloutDeps, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    deps.onError(error)
  }
}

/** Prepares the version, then begins with the first step; what has nothing to be compared with is promoted at once. */
async function begin(deps: RolloutDeps, row: RolloutRow): Promise<void> {
  if (await abandon(deps, row)) return
  try {
    await deps.prepare(row.endpoint, row.version)
  } catch (error) {
    if (error instanceof Problem && error.code === 'unavailable') throw error
    await end(deps, row, { state: 'aborted', reason: `the version cannot be served: ${message(error)}` })
    return
  }
  const plan = planOf(row)
  const reason = needsNoSteps(row)
  if (reason !== undefined) {
    await promoteOrReturn(deps, row, ruled(row, { decision: 'promote', reason }))
    return
  }
  const first = plan.shadow.requests === 0 ? 1 : 0
  if (first > 0) {
    // callers would meet it at once: what holds a step up holds up this one
    const now = deps.clock()
    const judged = judge(row, { now, frozen: await frozen(deps.db, row, now) })
    if (judged.decision !== 'advance') {
      await say(deps, row, judged.reason)
      return
    }
  }
  const began = { step: first, plan, reason: 'the first step began' }
  await unlessRefused(deps, row, () => forward(deps, row, { as: stateAt(first) }, (t) => moveTo(t, deps, row, began)))
}

function needsNoSteps(row: RolloutRow): string | undefined {
  const plan = planOf(row)
  if (row.stable_version === null) return 'the endpoint has no version yet'
  if (row.stable_version === row.version) return 'the endpoint answers with it already'
  return plan.shadow.requests === 0 && stepsOf(plan).length === 0 ? 'its plan has no steps' : undefined
}

async function step(deps: RolloutDeps, row: RolloutRow): Promise<void> {
  if ((await abandon(deps, row)) || row.state === 'paused') return
  const now = deps.clock()
  const [why, rivals] = [await frozen(deps.db, row, now), await rivalsOf(deps.db, row)]
  const judged = judge(row, { now, frozen: why, rivals })
  switch (judged.decision) {
    case 'wait':
      await say(deps, row, judged.reason)
      return
    case 'advance':
      await advance(deps, row, judged)
      return
    case 'promote':
      await promoteOrReturn(deps, row, judged)
      return
    case 'rollback':
      await end(deps, row, { state: 'rolled_back', reason: judged.reason, leaves: 'out', judged })
      return
    case 'keep':
      await end(deps, row, { state: 'kept', reason: judged.reason, leaves: 'out', judged })
      return
    case 'confirm':
      await end(deps, row, { state: 'promoted', reason: judged.reason, leaves: 'in', judged })
      return
    case 'demote':
      await demote(deps, row, judged)
      return
    case 'pause':
      await end(deps, row, { state: 'paused', reason: judged.reason, judged })
  }
}

/** What came late says that the promoted version is worse: the former one is stable again, and the alias names it. */
async function demote(deps: RolloutDeps, row: RolloutRow, judged: Judged): Promise<void> {
  const { model, version: from, stable_version: to } = row
  const reason = `rollout ${row.id}: ${judged.reason}`
  await changeModel(deps, row, async (t) => {
    await close(t, deps, row, { state: 'rolled_back', reason: judged.reason, leaves: 'out', judged })
    if (to !== null) await deps.demote(t, { model, from, to, reason })
  })
}

async function say(deps: RolloutDeps, row: RolloutRow, reason: string): Promise<void> {
  if (reason === row.reason) return
  const said = await deps.db.tx((t) =>
    t.run('UPDATE rollouts SET reason = ? WHERE id = ? AND state = ? AND step = ?', [
      reason,
      row.id,
      row.state,
      row.step,
    ]),
  )
  if (said > 0) deps.changed(row.id)
}

/** The next step, in which callers may meet the candidate for the first time. */
async function advance(deps: RolloutDeps, row: RolloutRow, judged: Judged): Promise<void> {
  const to = { step: row.step + 1, plan: planOf(row), reason: judged.reason }
  await unlessRefused(deps, row, () =>
    forward(deps, row, { as: stateAt(to.step) }, async (t) => {
      await storeVerdict(t, deps, row, judged)
      await moveTo(t, deps, row, to)
    }),
  )
}

function promoteOrReturn(deps: RolloutDeps, row: RolloutRow, judged: Judged): Promise<void> {
  return unlessRefused(deps, row, () => promote(deps, row, judged))
}

/** Goes forward; where the registry's gates do not hold, the endpoint goes back to what it was. */
async function unlessRefused(deps: RolloutDeps, row: RolloutRow, work: () => Promise<boolean>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'gate_refused')) throw error
    const reason = error.message
    await end(deps, row, {
      state: 'rolled_back',
      reason,
      leaves: 'out',
      judged: ruled(row, { decision: 'rollback', reason }),
    })
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
