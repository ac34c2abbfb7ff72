/** Calls of language models from the side of a client, and a closed-loop load of them. */
import { Pool } from 'undici'
import { quantile } from '../features/figures.ts'
import { cpuMsOf } from '../load/process.ts'

/** Who is called. */
export interface Aim {
  readonly name: string
  readonly origin: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Processes whose CPU counts, as they are now. */
  readonly pids: () => readonly number[]
}

/** Names of the gateway that is measured, and of the upstream without any. */
export const OURS = 'ours'
export const DIRECT = 'direct'

/** How a call ended for its client; times are ms on the clock of `process.hrtime`. */
export interface Called {
  readonly status: number
  readonly began: number
  /** First byte of the body. */
  readonly first: number
  readonly ended: number
  readonly body: Buffer
}

/** Longest wait of a client, ms. */
const PATIENCE_MS = 60_000

/** Connections to one aim, each with one call at a time. */
export function poolTo({ origin }: Aim, connections: number): Pool {
  return new Pool(origin, { connections, pipelining: 1, headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS })
}

/** ms on a clock that all processes of the machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export interface Watch {
  /** Told the first byte of an answer with 200. */
  readonly onFirst?: (abort: () => void) => void
  /** Told that the request is on its way. */
  readonly onStart?: (abort: () => void) => void
}

/** One call; rejects where the connection breaks off, and where it was aborted. */
export function call(pool: Pool, { path, headers }: Aim, body: string, watch: Watch = {}): Promise<Called> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const began = now()
    let status = 0
    let first = 0
    pool.dispatch(
      { path, method: 'POST', headers: { ...headers }, body },
      {
        onRequestStart: (controller) => watch.onStart?.(() => controller.abort(new Error('the client left'))),
        onResponseStart(_controller, code) {
          status = code
        },
        onResponseData(controller, chunk) {
          if (first === 0) {
            first = now()
            if (status === 200) watch.onFirst?.(() => controller.abort(new Error('the client left')))
          }
          parts.push(chunk)
        },
        onResponseEnd: () => resolve({ status, began, first, ended: now(), body: Buffer.concat(parts) }),
        onResponseError: (_controller, error) => reject(error),
      },
    )
  })
}

const MESSAGES = [
  { role: 'system', content: 'You are terse. '.repeat(27) },
  { role: 'user', content: 'Say hello to the world. '.repeat(17) },
]

/** The body of a call, of about 1 KB. */
export function bodyOf(model: string, stream: boolean, more: Readonly<Record<string, unknown>> = {}): string {
  const asked = { model, messages: MESSAGES, max_tokens: 64, ...more }
  return JSON.stringify(stream ? { ...asked, stream: true, stream_options: { include_usage: true } } : asked)
}

export interface Measured {
  readonly calls: number
  readonly perSecond: number
  /** Whole calls, ms. */
  readonly p50: number
  readonly p99: number
  /** First bytes, ms. */
  readonly first50: number
  readonly first99: number
  /** User and system time of the aim's processes a call, ms. */
  readonly cpu: number
}

export interface LoadOptions {
  readonly clients: number
  readonly stream: boolean
  /** Counted; a third of them goes before. */
  readonly seconds: number
}

/** Calls again and again, each client as soon as it was answered. Throws at the first call that is not answered whole with 200. */
export async function load(aim: Aim, { clients, stream, seconds }: LoadOptions): Promise<Measured> {
  const pool = poolTo(aim, clients)
  const body = bodyOf('fake', stream)
  const begin = performance.now() + (seconds / 3) * 1000
  const end = begin + seconds * 1000
  const counted: Called[] = []
  let cpu = Number.NaN
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const called = await call(pool, aim, body)
      requireWhole(called, stream)
      if (performance.now() < begin) continue
      if (Number.isNaN(cpu)) cpu = cpuMsOf(aim.pids())
      counted.push({ ...called, body: NOTHING })
    }
  }
  try {
    await Promise.all(Array.from({ length: clients }, client))
    const took = (performance.now() - begin) / 1000
    return summary(counted, took, cpuMsOf(aim.pids()) - cpu)
  } finally {
    await pool.destroy()
  }
}

const NOTHING = Buffer.alloc(0)

/** Throws what an answer says that is no whole one. */
function requireWhole({ status, body }: Called, stream: boolean): void {
  if (status !== 200) throw new Error(`HTTP ${status}: ${body.toString('utf8', 0, 120)}`)
  if (stream && !body.includes('[DONE]')) throw new Error(`a stream ended before its end, after ${body.length} bytes`)
}

function summary(called: readonly Called[], seconds: number, cpuMs: number): Measured {
  if (called.length === 0) throw new Error('no call was answered while it was counted')
  const sorted = (of: (one: Called) => number): number[] => called.map(of).toSorted((a, b) => a - b)
  const whole = sorted(({ began, ended }) => ended - began)
  const first = sorted((one) => one.first - one.began)
  return {
    calls: called.length,
    perSecond: called.length / seconds,
    p50: quantile(whole, 0.5),
    p99: quantile(whole, 0.99),
    first50: quantile(first, 0.5),
    first99: quantile(first, 0.99),
    cpu: cpuMs / called.length,
  }
}
