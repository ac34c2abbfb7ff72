/** A closed-loop load over raw sockets, one request in flight a connection: cheaper than the servers that it measures. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface Load {
  readonly port: number
  readonly path: string
  readonly bodies: readonly string[]
  readonly clients: number
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
  readonly p99: number
  readonly refused: number
}

/** Runs a load; latencies are ms. Throws when a connection breaks. */
export async function runLoad(load: Load): Promise<Measured> {
  const requests = load.bodies.map((body) =>
    Buffer.from(
      `POST ${load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  )
  const state = { next: 0, counting: false, stopping: false, refused: 0, times: [] as number[] }
  const clients = Array.from({ length: load.clients }, () => client(load.port, requests, state))
  await sleep(load.warmUp * 1000)
  load.mark('begin')
  state.counting = true
  const began = performance.now()
  await sleep(load.seconds * 1000)
  state.counting = false
  const seconds = (performance.now() - began) / 1000
  load.mark('end')
  state.stopping = true
  await Promise.all(clients)
  const times = state.times.sort((a, b) => a - b)
  const at = (q: number): number => times[Math.floor(q * (times.length - 1))] ?? Number.NaN
  return {
    perSecond: times.length / seconds,
    requests: times.length,
    p50: at(0.5),
    p99: at(0.99),
    refused: state.refused,
  }
}

interface State {
  next: number
  counting: boolean
  stopping: boolean
  refused: number
  readonly times: number[]
}

function client(port: number, requests: readonly Buffer[], state: State): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let pending: Buffer | undefined
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => send())
    const send = (): void => {
      sent = performance.now()
      socket.write(requests[state.next++ % requests.length] as Buffer)
    }
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk])
      const head = bytes.indexOf('\r\n\r\n')
      const length = head < 0 ? null : /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, head))
      if (length === null || bytes.length < head + 4 + Number(length[1])) {
        pending = bytes
        return
      }
      pending = undefined
      if (state.counting) state.times.push(performance.now() - sent)
      if (bytes.toString('latin1', 9, 12) !== '200') state.refused++
      if (!state.stopping) {
        send()
        return
      }
      socket.destroy()
      resolve()
    })
  })
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
