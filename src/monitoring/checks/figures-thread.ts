/** The thread on which figures of a large window are computed, so that the server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads'
import { windowFigures } from './figures.ts'
import { unpackRows } from './packed-rows.ts'
import type { WindowTask } from './packed-rows.ts'

const { start, rows, query } = workerData as WindowTask
// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(windowFigures(start, unpackRows(rows), query))
