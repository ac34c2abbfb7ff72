/** Studies as the contract shows them. */
import type { z } from 'zod'
import { toTime } from '../../contract/fields.ts'
import type { Study, StudyRow as ListedView, Trial, TrialState } from '../../contract/pipelines/studies.ts'
import { whyUnreadable } from '../context/context.ts'
import { masked, maskOf } from '../context/mask.ts'
import { FINAL_RUNS, readState } from '../context/rows.ts'
import { bestOf, chanceOf, toldOf } from './best.ts'
import { lossOf, type SearchDeps } from './deps.ts'
import { sharesOf } from './importance.ts'
import type { ListedStudy, StudyTree, TrialRow } from './rows.ts'
import { pointOf } from './sampling/space.ts'
import { objectiveOf } from './trials.ts'

export type StudyView = z.output<typeof Study>

/** A study in a list, secrets of its steps masked. */
export async function viewListed(deps: SearchDeps, listed: ListedStudy): Promise<z.output<typeof ListedView>> {
  return masked(viewRow(listed), await maskOfStudy(deps, listed.study))
}

function viewRow({ study, counts, best }: ListedStudy): z.output<typeof ListedView> {
  return {
    id: study.id,
    project: study.project,
    pipeline_version: study.version_id,
    state: study.state,
    reason: study.reason,
    trouble: study.trouble,
    plan: study.plan,
    counts: { waiting: 0, running: 0, succeeded: 0, pruned: 0, failed: 0, cancelled: 0, ...counts },
    best: best === undefined ? null : { number: best.number, value: best.value, params: best.params, run: best.run_id },
    created_at: toTime(study.created_at),
    created_by: study.created_by,
    finished_at: study.finished_at === null ? null : toTime(study.finished_at),
  }
}

/** A study with its trials, secrets of its steps masked. */
export async function viewStudy(deps: SearchDeps, tree: StudyTree): Promise<StudyView> {
  const { study, trials } = tree
  const counts: Partial<Record<TrialState, number>> = {}
  for (const { state } of trials) counts[state] = (counts[state] ?? 0) + 1
  const best = bestOf(study.plan, trials)
  const view: StudyView = {
    ...viewRow({ study, counts, best }),
    trials: trials.map(viewTrial),
    importance: importanceOf(tree),
    chance: chanceOf(study.plan, trials),
    winner: await winnerOf(deps, tree),
  }
  return masked(view, await maskOfStudy(deps, study))
}

/** A version that cannot be read any more names no secrets. */
async function maskOfStudy({ context }: SearchDeps, study: StudyTree['study']): Promise<(text: string) => string> {
  const unreadable = await whyUnreadable(context, study.version_id)
  const steps = unreadable === undefined ? (await context.spec(study.version_id)).steps : []
  return maskOf(context, study.project, steps)
}

function viewTrial(trial: TrialRow): z.output<typeof Trial> {
  const { number, state, params, value, message } = trial
  return {
    number,
    state,
    params,
    value,
    message,
    pruned_at: state === 'pruned' ? trial.pruned_at : null,
    run: state === 'waiting' ? null : trial.run_id,
    created_at: toTime(trial.created_at),
    finished_at: trial.finished_at === null ? null : toTime(trial.finished_at),
  }
}

/** Forests that were grown last, by study and what it knew: they are asked for at each look at a page. */
const grown = new Map<string, StudyView['importance']>()
const KEPT = 50

function importanceOf({ study: { id, plan }, trials }: StudyTree): StudyView['importance'] {
  const told = toldOf(trials).slice(-MOST)
  const name = `${id}/${told.length}/${told.at(-1)?.finished_at ?? 0}`
  const known = grown.get(name)
  if (known !== undefined) return known
  const points = told.flatMap(({ params, value }) => {
    const at = pointOf(plan.space, params)
    return at === undefined ? [] : [{ at, loss: lossOf(plan.direction, value) }]
  })
  const shares = sharesOf(Object.values(plan.space), points)
  const names = Object.keys(plan.space)
  const found =
    shares === undefined
      ? null
      : shares.map((share, i) => ({ param: names[i] ?? '', share })).toSorted((a, b) => b.share - a.share)
  grown.set(name, found)
  if (grown.size > KEPT) grown.delete(grown.keys().next().value ?? '')
  return found
}

/** Trials of which the importance is told at most, the newest. */
const MOST = 500

async function winnerOf(deps: SearchDeps, { study }: StudyTree): Promise<StudyView['winner']> {
  const { run_of_winner: run, plan } = study
  const tree = run === null ? undefined : await readState(deps.context.deps.db, run)
  if (run === null || tree === undefined) return null
  const { registered } = tree.run
  return {
    run,
    state: tree.run.state,
    value: FINAL_RUNS.includes(tree.run.state) ? (await objectiveOf(deps, plan, tree)).value : null,
    on_holdout: plan.holdout !== null,
    verdict:
      registered === null
        ? null
        : `${registered.model} version ${registered.version} was ${registered.verdict}: ${registered.detail}`,
  }
}
