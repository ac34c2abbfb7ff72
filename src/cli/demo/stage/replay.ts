/** Replays flights through the gateway in time order, single rows, and delivers labels when their time has come. */
import http from 'node:http'
import type { Client } from '../../../client/client.ts'
import { HOUR_MS } from '../../../contract/ids.ts'
import { monitoringApi } from '../../../contract/monitoring.ts'
import type { Fault, Flight } from './table.ts'

export interface ReplayTarget {
  readonly gatewayUrl: string
  readonly token: string
  readonly endpoint: string
  readonly client: Client
}

export interface ReplayOptions {
  readonly clients?: number
  readonly fault?: Fault
  /** Called after each event hour; a returned true ends the replay there. */
  readonly hour?: (eventTime: number, sent: number) => Promise<boolean | void>
}

export interface ReplayResult {
  readonly sent: number
  /** Requests that were not answered 200, by what was answered. */
  readonly failed: Readonly<Record<string, number>>
  readonly labels: number
  readonly wallMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Event time of the last row that was sent. */
  readonly until: number
  readonly byVersion: Readonly<Record<string, number>>
}

/** A caller of the endpoint with labels that become known as time passes; one for the whole story. */
export class Traffic {
  readonly #target: ReplayTarget
  readonly #agent: http.Agent
  /** Labels that are not known yet, by time. */
  #pending: { id: string; y: number; at: number }[] = []
  #labels = 0

  constructor(target: ReplayTarget, clients = 16) {
    this.#target = target
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: clients })
  }

  /** Sends the flights hour by hour; labels whose time has come follow each hour. */
  async replay(flights: Iterable<Flight>, options: ReplayOptions = {}): Promise<ReplayResult> {
    const begun = performance.now()
    const times: number[] = []
    const failed: Record<string, number> = {}
    const byVersion: Record<string, number> = {}
    const labelsBefore = this.#labels
    let sent = 0
    let until = 0
    for (const hour of hours(flights)) {
      await inParallel(hour, options.clients ?? 16, async (flight) => {
        const { status, version, ms } = await this.#predict(flight, options.fault)
        times.push(ms)
        if (status === '200') byVersion[version] = (byVersion[version] ?? 0) + 1
        else failed[status] = (failed[status] ?? 0) + 1
        this.#pending.push({ id: flight.id, y: flight.y, at: flight.label_time })
      })
      sent += hour.length
      until = hour.at(-1)?.event_time ?? until
      await this.#deliver(until)
      if ((await options.hour?.(until, sent)) === true) break
    }
    times.sort((a, b) => a - b)
    const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? 0
    const wallMs = performance.now() - begun
    return {
      sent,
      failed,
      labels: this.#labels - labelsBefore,
      wallMs,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      until,
      byVersion,
    }
  }

  /** Delivers every label that is known by now. Kept and sent again later when control does not answer. */
  async #deliver(now: number, all = false): Promise<void> {
    const due = this.#pending.filter((label) => all || label.at <= now)
    if (due.length < BATCH && !all && due.length < this.#pending.length / 2) return
    await this.#send(due)
  }

  async #send(due: readonly { id: string; y: number; at: number }[]): Promise<void> {
    const gone = new Set<string>()
    for (let i = 0; i < due.length; i += 10_000) {
      const part = due.slice(i, i + 10_000)
      const labels = part.map((label) => ({
        prediction_id: label.id,
        label: label.y,
        at: new Date(label.at).toISOString(),
      }))
      try {
        await this.#target.client.call(monitoringApi.putLabels, {
          params: { name: this.#target.endpoint },
          body: { labels },
        })
      } catch (error) {
        if ((error as { status?: number }).status === 0) break
        throw error
      }
      for (const label of part) gone.add(label.id)
      this.#labels += part.length
    }
    this.#pending = this.#pending.filter((label) => !gone.has(label.id))
  }

  /** Delivers what is left, known or not: the end of a story. */
  async settle(now = Infinity): Promise<void> {
    await this.#send(this.#pending.filter((label) => label.at <= now))
  }

  get waiting(): number {
    return this.#pending.length
  }

  close(): void {
    this.#agent.destroy()
  }

  #predict(flight: Flight, fault: Fault | undefined): Promise<{ status: string; version: string; ms: number }> {
    const inputs = fault === undefined ? flight.inputs : fault(flight.inputs)
    const body = JSON.stringify({ inputs, id: flight.id, event_time: flight.event_time, routing_key: flight.id })
    const begun = performance.now()
    const { promise, resolve } = Promise.withResolvers<{ status: string; version: string; ms: number }>()
    const done = (status: string, version = ''): void => resolve({ status, version, ms: performance.now() - begun })
    const request = http.request(`${this.#target.gatewayUrl}/v1/endpoints/${this.#target.endpoint}:predict`, {
      method: 'POST',
      agent: this.#agent,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        authorization: `Bearer ${this.#target.token}`,
      },
    })
    request.on('response', (reply) => {
      let text = ''
      reply.setEncoding('utf8')
      reply.on('data', (part: string) => (text += part))
      reply.on('end', () => done(String(reply.statusCode), versionOf(text)))
      reply.on('error', (error) => done(error.message))
    })
    request.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    request.end(body)
    return promise
  }
}

const BATCH = 2000

function versionOf(text: string): string {
  return /"version":\s*"([^"]*)"/.exec(text)?.[1] ?? '?'
}

/** The flights grouped by event hour, in order. */
function* hours(flights: Iterable<Flight>): Generator<readonly Flight[]> {
  let group: Flight[] = []
  for (const flight of flights) {
    const first = group[0]
    if (first !== undefined && Math.floor(flight.event_time / HOUR_MS) !== Math.floor(first.event_time / HOUR_MS)) {
      yield group
      group = []
    }
    group.push(flight)
  }
  if (group.length > 0) yield group
}

async function inParallel<T>(items: readonly T[], clients: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await Promise.all(Array.from({ length: clients }, one))
}
