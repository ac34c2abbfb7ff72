/** A thread that sends one request again and again, so that whoever measures is not held up by making it. */
import { parentPort, workerData } from 'node:worker_threads'

export interface Attack {
  readonly url: string
  readonly token: string
  readonly body: Uint8Array | undefined
  /** Under way at once, and for how long, ms. */
  readonly atOnce: number
  readonly forMs: number
}

/** Answers by status; those that were still under way at the end are `given up`. */
export type Answers = Record<string, number>

const attack = workerData as Attack
const ends = AbortSignal.timeout(attack.forMs)
const answers: Answers = {}

async function ask(): Promise<string> {
  const headers = { authorization: `Bearer ${attack.token}`, 'content-type': 'application/json' }
  try {
    const sent =
      attack.body === undefined ? { headers } : { method: 'POST', headers, body: attack.body as unknown as string }
    const reply = await fetch(attack.url, { ...sent, signal: ends })
    for await (const _ of reply.body ?? []) continue
    return String(reply.status)
  } catch (error) {
    if (ends.aborted) return 'given up'
    throw error
  }
}

async function again(): Promise<void> {
  while (!ends.aborted) {
    const status = await ask()
    answers[status] = (answers[status] ?? 0) + 1
  }
}

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
void Promise.all(Array.from({ length: attack.atOnce }, again)).then(() => parentPort?.postMessage(answers))
