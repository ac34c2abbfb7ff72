/** A closed-loop load of predictions over keep-alive connections, which sends a request again, on a new one, when its connection broke. */
import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** First pause before a request is sent again, ms, as clients' retry policies have one; each further one is twice as long. */
const RETRY_MS = 250

export interface LoadOptions {
  readonly url: () => string
  readonly body: (i: number) => string
  readonly clients: number
  readonly headers?: Readonly<Record<string, string>>
  /** Times a request is sent again after its connection broke. */
  readonly retries: number
  /**
   * Time for which a kept connection is open at least after a request, ms. One that is sent later, for this process had no turn, is sent on
   * a new connection where it finds its own closed.
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
  const send = async (over: Agent | false, body: string): ReturnType<typeof post> => {
    try {
      return await post(over, options, body)
    } catch (error) {
      if (error instanceof KeptClosed && error.unusedMs >= (options.keptMs ?? Infinity))
        return post(false, options, body)
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
          // by the clock: a killed process closes its sockets one after another; at once, one would come to its listening one
          await sleep(RETRY_MS * 2 ** (options.retries - left))
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
      agent.destroy()
      return { answers, failed, broken }
    },
  }
}

/** The error of a request that got nothing of an answer on a connection which had carried another, `unusedMs` before at most. */
class KeptClosed extends Error {
  readonly unusedMs: number

  constructor(message: string, unusedMs: number) {
    super(message)
    this.unusedMs = unusedMs
  }
}

/** When a connection was last asked, ms of the performance clock. */
const lastAsked = new WeakMap<Socket, number>()

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
    // by the clock: only what is never answered waits so long
    sent.setTimeout(120_000, () => sent.destroy(new Error('no answer in two minutes')))
    let [before, written] = [Infinity, Infinity]
    sent.once('socket', (socket) => {
      before = lastAsked.get(socket) ?? Infinity
      lastAsked.set(socket, performance.now())
    })
    sent.once('finish', () => (written = performance.now()))
    sent.on('error', (error) => {
      const unusedMs = Math.min(written, performance.now()) - before
      reject(sent.reusedSocket ? new KeptClosed(error.message, unusedMs) : error)
    })
    sent.end(body)
  })
}
