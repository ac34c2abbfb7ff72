/** The thread in which a query runs: SQLite holds it for as long as that takes, so that the process beside it can still end. */
import { parentPort, workerData } from 'node:worker_threads'
import { withQuery } from './query.ts'
import { writeTable } from './table.ts'
import { NotQueried, type Answer, type QueryTask } from './task.ts'

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(await answerOf(workerData as QueryTask))

async function answerOf(asked: QueryTask): Promise<Answer> {
  try {
    const done = await withQuery(asked, async ({ columns, rows, isFixed }) => ({
      ...(await writeTable(columns, rows, asked)),
      is_fixed: isFixed(),
    }))
    return { done }
  } catch (error) {
    if (error instanceof NotQueried) return error.answer
    throw error
  }
}
