/** Studies as people ask for them: started, stopped, resumed. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { SearchPlan } from '../../contract/pipelines/studies.ts'
import { sql } from '../../store/sql/sql.ts'
import { askToEnd, runnerOf, type Ending } from '../led/asked.ts'
import type { VersionRow } from '../spec/versions.ts'
import { gridSize, MOST_POINTS } from './sampling/grid.ts'
import type { SearchDeps } from './deps.ts'
import { OPEN_STUDIES, type StudyRow, type StudyTree } from './rows.ts'

/** What is given in place of the plan of the project file. */
export type Given = { readonly [K in 'method' | 'trials' | 'at_once' | 'seed']?: SearchPlan[K] | undefined }

/** Writes a study; its trials begin once it is looked at. Throws `unprocessable` for a version without a search. */
export async function createStudy(
  { context }: SearchDeps,
  who: Principal,
  version: VersionRow,
  given: Given,
): Promise<string> {
  const { db, clock, ids, record } = context.deps
  const plan = planned(version, given)
  const id = ids('study')
  const now = clock()
  const { name } = who
  await db.tx(async (t) => {
    await t.run(
      `INSERT INTO pipeline_studies (id, project, version_id, plan, state, reason, who, round, created_at, created_by, started_at)
       VALUES (?, ?, ?, ?, 'running', '', ?, 0, ?, ?, ?)`,
      [id, version.project, version.id, JSON.stringify(plan), runnerOf(who), now, name, now],
    )
    const detail = { made: 'study', version: version.id, trials: plan.trials, method: plan.method }
    await record(t, who, { verb: 'write', resource: 'pipelines', id, detail })
  })
  return id
}

function planned({ id, spec }: VersionRow, given: Given): SearchPlan {
  if (spec.search === undefined) {
    const detail = `pipeline version ${id} has no search: expected a section "search" in its project file`
    throw problem('unprocessable', { detail, faults: [] })
  }
  const changes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const plan: SearchPlan = { ...spec.search, ...changes }
  const size = plan.method === 'grid' ? gridSize(Object.values(plan.space)) : 0
  if (size === Infinity) {
    const expected = 'another method than "grid": a float of its space says no "points"'
    throw problem('invalid_field', { field: 'body.method', value: plan.method, expected })
  }
  if (size > MOST_POINTS) {
    const expected = `another method than "grid": a grid has at most ${MOST_POINTS} points, and that of its space ${size}`
    throw problem('invalid_field', { field: 'body.method', value: plan.method, expected })
  }
  return plan
}

/** Asks a study to end: no trial begins any more, those under way are cancelled. Nothing happens to one that has ended. */
export async function stopStudy({ context }: SearchDeps, who: Principal, id: string): Promise<void> {
  await askToEnd(context, who, stopping(id, `stopped by ${who.name}`))
}

/** Stops a study whose runs would be made for somebody who may do nothing any more. True when it was going on. */
export function stopRevoked({ context }: SearchDeps, { id, who }: StudyRow): Promise<boolean> {
  const reason = `the token of ${who.name}, for whom its runs are made, was revoked; whoever resumes it goes on in their own name`
  return askToEnd(context, SYSTEM, stopping(id, reason))
}

function stopping(id: string, reason: string): Ending {
  // one whose time is over waits for its runs, and would have the winner run once more
  const update = sql`UPDATE pipeline_studies SET state = 'stopping', ending = 'stopped', reason = ${reason}
    WHERE id = ${id} AND state IN ('running', 'evaluating', 'stopping') AND coalesce(ending, '') NOT IN ('stopped', 'failed')`
  return { id, update, detail: { stopped: true, reason } }
}

/**
 * Lets a study that has ended go on: what failed or was cancelled is tried again with the same params, and then what is left of its trials, or
 * more. Throws `conflict` while it goes on.
 */
export async function resumeStudy(
  { context }: SearchDeps,
  who: Principal,
  { study, trials: known }: StudyTree,
  trials: number = study.plan.trials,
): Promise<void> {
  const { db, clock, record } = context.deps
  if (OPEN_STUDIES.includes(study.state))
    throw problem('conflict', { detail: `study ${study.id} has not ended; it can be resumed when it has` })
  if (trials < known.length) {
    const expected = `at least ${known.length}, which it has tried`
    throw problem('invalid_field', { field: 'body.trials', value: trials, expected })
  }
  const round = study.round + 1
  await db.tx(async (t) => {
    const changed = await t.run(
      `UPDATE pipeline_studies SET state = 'running', reason = '', ending = NULL, round = ?, run_of_winner = NULL, plan = ?,
         who = ?, started_at = ?, finished_at = NULL WHERE id = ? AND round = ? AND state IN ('finished', 'stopped', 'failed')`,
      [round, JSON.stringify({ ...study.plan, trials }), runnerOf(who), clock(), study.id, study.round],
    )
    if (changed === 0) return
    for (const { number } of known.filter(({ state }) => state === 'failed' || state === 'cancelled')) {
      await t.run(
        `UPDATE pipeline_trials SET state = 'waiting', run_id = ?, value = NULL, judged = -1, pruned_at = NULL, message = '', finished_at = NULL
         WHERE study_id = ? AND number = ? AND state IN ('failed', 'cancelled')`,
        [runOfTrial({ ...study, round }, number), study.id, number],
      )
    }
    await record(t, who, { verb: 'write', resource: 'pipelines', id: study.id, detail: { resumed: true, trials } })
  })
}

/** The name of the run of a trial, the same however often it is asked for. */
export function runOfTrial({ id, round }: { readonly id: string; readonly round: number }, number: number): string {
  return `pr_${id}_${number}${round === 0 ? '' : `_${round}`}`
}
