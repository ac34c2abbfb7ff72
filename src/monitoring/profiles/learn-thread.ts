/** The thread on which a reference is learned, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { learn } from './learn.ts'
import type { LearnTask } from './learn.ts'

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(learn(workerData as LearnTask))
