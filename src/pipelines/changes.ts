/** What reports of a change ask of pipelines: a run with the source of its code, and the runs of a commit. */
import type { Principal } from '../contract/access.ts'
import type { CodeSource } from '../contract/values/code-source.ts'
import type { Context } from './context/context.ts'
import { sourceOf } from './spec/sources.ts'
import { runsOfCommit } from './standing.ts'
import { requireRun } from './run/runs.ts'
import { viewRun, type RunView } from './run/view.ts'

/** A run, and what git said of the folder that its code came from. */
export interface SeenRun {
  readonly run: RunView
  readonly source: CodeSource | undefined
}

export interface Changes {
  /** A run as its caller sees it. Throws `not_found`. */
  run(who: Principal, id: string): Promise<SeenRun>
  /** The ended runs of a project that were made of a commit, those that stand for it first. */
  ofCommit(project: string, commit: string): ReturnType<typeof runsOfCommit>
}

export function changesOf(context: Context): Changes {
  const { db } = context.deps
  return {
    async run(who, id) {
      const tree = await requireRun(context, who, id)
      return { run: await viewRun(context, tree), source: await sourceOf(db, id) }
    },
    ofCommit: (project, commit) => runsOfCommit(db, project, commit),
  }
}
