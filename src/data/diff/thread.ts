/** The thread on which two tables are compared, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import type { DataDiff } from '../../contract/data/sets.ts'
import { Problem, type ErrorCode, type ProblemData } from '../../contract/errors.ts'
import { compareTables, type DiffTask } from './compare.ts'

/** What it answers: the differences, or a refusal as one, which would lose its code between threads. */
export interface ComparedApart {
  readonly diff?: DataDiff
  readonly refused?: { readonly code: ErrorCode; readonly data: ProblemData }
}

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(await answer(workerData as DiffTask))

async function answer(task: DiffTask): Promise<ComparedApart> {
  try {
    return { diff: await compareTables(task) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { refused: { code: error.code, data: { ...error.data } } }
  }
}
