/** A closed-loop load over raw sockets, one request in flight a connection: cheaper than the servers that it measures. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface Load {
  readonly port: number
  readonly path: string
  /** Headers besides Host, Content-Type and Content-Length. */
  readonly headers?: Readonly<Record<string, string>>
  /** Bodies that are sent in turn, or the body of the i-th request. */
  readonly bodies: readonly string[] | ((i: number) => string | Buffer)
  /** Content-Type of the bodies; JSON where it is not given. */
  readonly type?: string
  readonly clients: number
  /** Pause of a client whose request was refused, before its next one, ms; 0 where it is not given. */
  readonly pauseMs?: number
  readonly seconds: number
  /** Seconds before counting begins. */
  readonly warmUp: number
  /** Called when counting begins and when it ends, to read clocks. */
  readonly mark: (when: 'begin' | 'end') => void
}

export interface Measured {
  readonly perSecond: number
  readonly requests: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** Answers of another status than 200, the warm-up included. */
  readonly refused: number
  /** Those of the counted time alone; `perSecond` and the latencies hold them too. */
  readonly refusedPerSecond: number
  /** NaN without one. */
  readonly refusedP99: number
}

/** Runs a load; latencies are ms. Throws when a connection breaks. */
export async function runLoad(load: Load): Promise<Measured> {
  const state = {
    next: 0,
    counting: false,
    stopping: false,
    refused: 0,
    times: [] as number[],
    refusals: [] as number[],
  }
  const request = requests(load)
  const clients = Array.from({ length: load.clients }, () => client(load, request, state))
  // a connection that breaks ends the load at once, and is not an unhandled rejection until then
  const broken = Promise.all(clients)
  await Promise.race([sleep(load.warmUp * 1000), broken])
  load.mark('begin')
  state.counting = true
  const began = performance.now()
  await Promise.race([sleep(load.seconds * 1000), broken])
  state.counting = false
  const seconds = (performance.now() - began) / 1000
  load.mark('end')
  state.stopping = true
  await broken
  const times = state.times.sort((a, b) => a - b)
  const refusals = state.refusals.sort((a, b) => a - b)
  const at = (q: number, of = times): number => of[Math.floor(q * (of.length - 1))] ?? Number.NaN
  return {
    perSecond: times.length / seconds,
    requests: times.length,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    refused: state.refused,
    refusedPerSecond: refusals.length / seconds,
    refusedP99: at(0.99, refusals),
  }
}

/** The i-th request as bytes: made once where the bodies repeat. */
function requests({ path, headers, bodies, type = 'application/json' }: Load): (i: number) => Buffer {
  const more = Object.entries(headers ?? {})
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}Content-Type: ${type}\r\nContent-Length: `
  const whole = (body: string | Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${head}${Buffer.byteLength(body)}\r\n\r\n`), Buffer.from(body)])
  if (typeof bodies === 'function') return (i) => whole(bodies(i))
  const made = bodies.map(whole)
  return (i) => made[i % made.length] as Buffer
}

interface State {
  next: number
  counting: boolean
  stopping: boolean
  refused: number
  readonly times: number[]
  readonly refusals: number[]
}

function client({ port, pauseMs = 0 }: Load, request: (i: number) => Buffer, state: State): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let pending: Buffer | undefined
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => send())
    const send = (): void => {
      const bytes = request(state.next++)
      sent = performance.now()
      socket.write(bytes)
    }
    const next = (): void => {
      if (!state.stopping) {
        send()
        return
      }
      socket.destroy()
      resolve()
    }
    socket.on('error', reject)
    socket.on('close', () => (state.stopping ? resolve() : reject(new Error('the server closed a connection'))))
    socket.on('data', (chunk) => {
      const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk])
      const head = bytes.indexOf('\r\n\r\n')
      const length = head < 0 ? null : /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, head))
      if (length === null || bytes.length < head + 4 + Number(length[1])) {
        pending = bytes
        return
      }
      pending = undefined
      const took = performance.now() - sent
      const refused = bytes.toString('latin1', 9, 12) !== '200'
      if (state.counting) state.times.push(took)
      if (state.counting && refused) state.refusals.push(took)
      if (refused) state.refused++
      if (refused && pauseMs > 0) setTimeout(next, pauseMs)
      else next()
    })
  })
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
