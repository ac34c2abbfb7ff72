/** The thread on which a reference is learned, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { Problem } from '../../contract/errors.ts'
import { learn } from './learn.ts'
import type { LearnTask, LearnedApart } from './learn.ts'

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(answer(workerData as LearnTask))

/** A refusal is told as one: thrown, it would lose its code between the threads. */
function answer(task: LearnTask): LearnedApart {
  try {
    return { learned: learn(task) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { refused: { code: error.code, data: { ...error.data } } }
  }
}
