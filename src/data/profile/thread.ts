/** The thread on which a table is profiled, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { Problem } from '../../contract/errors.ts'
import { openTable, type TableFile } from './table.ts'
import { profileTable, type Profiled } from './profile.ts'

/** What it answers: the profile, or why the files are no table. */
export interface ProfiledApart {
  readonly profiled?: Profiled
  readonly refused?: string
}

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(await answer(workerData as readonly TableFile[]))

async function answer(files: readonly TableFile[]): Promise<ProfiledApart> {
  try {
    return { profiled: await profileTable(await openTable(files)) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { refused: error.message }
  }
}
