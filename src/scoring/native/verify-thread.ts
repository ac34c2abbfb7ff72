/** The thread on which a lowered model is replayed, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { verifyNative } from './verify.ts'

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(verifyNative(workerData as string))
