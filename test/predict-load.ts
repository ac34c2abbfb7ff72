/** A closed-loop load of predictions over keep-alive connections, which sends a request again, on a new one, when its connection broke. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Pause before a request is sent again, ms, as clients' retry policies have one. */
const RETRY_MS = 20

export interface LoadOptions {
  readonly url: () => string
  readonly body: (i: number) => string
  readonly clients: number
  readonly headers?: Readonly<Record<string, string>>
  /** Times a request is sent again after its connection broke. */
  readonly retries: number
  /**
   * Time for which a kept connection is open though nothing is sent, ms. Where this process had no turn for as long, a request that finds
   * its connection closed is sent on a new one.
   */
  readonly keptMs?: number
}

export interface LoadResult {
  readonly answers: readonly LoadAnswer[]
  /** Requests that got no answer of status 200, with what they got. */
  readonly failed: readonly string[]
  /** Connections that broke under a request. */
  readonly broken: number
}

export interface LoadAnswer {
  readonly id: string
  readonly version: string
  readonly epoch: number
  readonly variant: string
  /** When it came, ms of the performance clock. */
  readonly at: number
}

/** Starts the load; `stop` lets open requests end and gives the result. */
export function startLoad(options: LoadOptions): { stop(): Promise<LoadResult>; readonly count: () => number } {
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients })
  const answers: LoadAnswer[] = []
  const failed: string[] = []
  let broken = 0
  const state = { stopping: false }
  const pauses = watchPauses(options.keptMs ?? Infinity)
  const send = async (over: Agent | false, body: string): ReturnType<typeof post> => {
    try {
      return await post(over, options, body)
    } catch (error) {
      if (error instanceof KeptClosed && (await pauses.now())) return post(false, options, body)
      throw error
    }
  }
  let next = 0
  const client = async (): Promise<void> => {
    while (!state.stopping) {
      const body = options.body(next++)
      for (let left = options.retries; ; left--) {
        try {
          // Others of the pool may lead to the same killed process.
          const { status, text } = await send(left === options.retries && agent, body)
          if (status === 200) answers.push(readAnswer(text))
          else failed.push(`${status} ${text}`)
          break
        } catch (error) {
          broken++
          if (left === 0) {
            failed.push((error as Error).message)
            break
          }
          // A killed process closes its sockets one after another: at once, one would come to its listening one.
          await sleep(RETRY_MS)
        }
      }
    }
  }
  const clients = Array.from({ length: options.clients }, client)
  return {
    count: () => answers.length,
    async stop() {
      state.stopping = true
      await Promise.all(clients)
      pauses.stop()
      agent.destroy()
      return { answers, failed, broken }
    },
  }
}

/** The error of a request that got nothing of an answer on a connection which had carried another. */
class KeptClosed extends Error {}

/** Notes when this process had no turn for `ms`; `now` tells whether that is just over. */
function watchPauses(ms: number): { now(): Promise<boolean>; stop(): void } {
  let last = performance.now()
  let over = -Infinity
  const ticks = setInterval(() => {
    const at = performance.now()
    if (at - last >= ms) over = at
    last = at
  }, 10)
  return {
    async now() {
      // a connection may tell that it is closed before the timers have their turn
      await sleep(50)
      return performance.now() - over < 1000
    },
    stop: () => clearInterval(ticks),
  }
}

function readAnswer(text: string): LoadAnswer {
  const { prediction_ids, version, epoch, variant } = JSON.parse(text) as {
    prediction_ids: string[]
    version: string
    epoch: number
    variant: string
  }
  return { id: prediction_ids[0] ?? '', version, epoch, variant, at: performance.now() }
}

function post(agent: Agent | false, options: LoadOptions, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...options.headers,
    }
    const sent = request(options.url(), { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    sent.setTimeout(60_000, () => sent.destroy(new Error('no answer in a minute')))
    sent.on('error', (error) => reject(sent.reusedSocket ? new KeptClosed(error.message) : error))
    sent.end(body)
  })
}
