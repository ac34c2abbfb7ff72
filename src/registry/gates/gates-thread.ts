/** The thread on which versions are compared, judged and scored, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { Problem, type ErrorCode, type ProblemData } from '../../contract/errors.ts'
import type { ScoreNative } from '../context/context.ts'
import { compareTables, type ComparisonTask } from './comparison.ts'
import { alignTables, scoreAligned, type ScoreTask } from './scores.ts'
import { judgeTables, type JudgeTask } from './judgement.ts'
import { textOf } from './tables.ts'

/** One of three kinds of work; `scorer` is the module whose `scoreNative` scores rows, null = none does. */
export interface ApartTask {
  readonly compare?: ComparisonTask
  readonly judge?: JudgeTask
  readonly score?: ScoreTask
  readonly scorer: string | null
}

/** What it answers: what was found, or a refusal as one, which would lose its code between threads. */
export interface FoundApart {
  readonly found?: unknown
  readonly refused?: { readonly code: ErrorCode; readonly data: ProblemData }
}

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(await answer(workerData as ApartTask))

async function answer(task: ApartTask): Promise<FoundApart> {
  const scorer = task.scorer === null ? undefined : ((await import(task.scorer)) as { scoreNative: ScoreNative })
  try {
    return { found: find(task, scorer?.scoreNative) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { refused: { code: error.code, data: { ...error.data } } }
  }
}

function find({ compare, judge, score }: ApartTask, scoreNative: ScoreNative | undefined): unknown {
  if (compare !== undefined) return compareTables(compare, scoreNative)
  if (judge !== undefined) return judgeTables(judge)
  if (score === undefined || scoreNative === undefined) return null
  return scoreAligned(alignTables(textOf(score.holdout), textOf(score.predictions)), score.dir, scoreNative)
}
