/** The thread on which versions are compared, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { Problem, type ErrorCode, type ProblemData } from '../../contract/errors.ts'
import type { ScoreNative } from '../context/context.ts'
import { compareTables, type Compared, type ComparisonTask } from './comparison.ts'

/** `scorer` is the module whose `scoreNative` scores rows; null = none does. */
export interface ApartTask extends ComparisonTask {
  readonly scorer: string | null
}

/** What it answers: what was found, or a refusal as one, which would lose its code between threads. */
export interface ComparedApart {
  readonly compared?: Compared
  readonly refused?: { readonly code: ErrorCode; readonly data: ProblemData }
}

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(await answer(workerData as ApartTask))

async function answer({ scorer, ...task }: ApartTask): Promise<ComparedApart> {
  const found = scorer === null ? undefined : ((await import(scorer)) as { scoreNative: ScoreNative })
  try {
    return { compared: compareTables(task, found?.scoreNative) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { refused: { code: error.code, data: { ...error.data } } }
  }
}
