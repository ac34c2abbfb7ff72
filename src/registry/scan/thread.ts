/** The thread on which a folder is scanned, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { scanFolder } from './folder.ts'
import type { ScanTask } from './folder.ts'

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(scanFolder(workerData as ScanTask))
