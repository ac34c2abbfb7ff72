/** The thread on which a reference is learned, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { Problem } from '../../contract/errors.ts'
import { learn, namesOf } from './learn.ts'
import type { LearnTask, LearnedApart } from './learn.ts'
import { referenceTable } from './table.ts'

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(await answer(workerData as ThreadTask))

/** The file as it lies there, CSV or Parquet. */
type ThreadTask = LearnTask & { readonly table: Uint8Array }

/** A refusal is told as one: thrown, it would lose its code between the threads. */
async function answer(task: ThreadTask): Promise<LearnedApart> {
  try {
    return { learned: learn({ ...task, table: await referenceTable(task.table, namesOf(task.inputs)) }) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { refused: { code: error.code, data: { ...error.data } } }
  }
}
