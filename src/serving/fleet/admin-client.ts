/** Calls to a gateway's admin socket. */
import { request } from 'node:http'
import type { PushReply } from '../../gateway/admin.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import type { LoadFailure } from '../../gateway/loader.ts'
import type { StatsJson } from '../../gateway/traffic/stats.ts'
import type { RoutingTable } from '../../gateway/table/table.ts'

/** Figures of one variant in one gateway. */
export interface GatewayVariant {
  readonly endpoint: string
  readonly role: string
  readonly version: string
  readonly since: number
  readonly tripped: string | null
  readonly backend: Record<string, unknown>
  readonly stats: StatsJson
}

/** Figures of one gateway. */
export interface GatewayStats {
  readonly pid: number
  readonly epoch: number
  readonly draining: boolean
  /** Versions of its table that did not load. */
  readonly failed: readonly LoadFailure[]
  readonly cpu_us: { readonly user: number; readonly system: number }
  readonly rss: number
  readonly log: {
    /** Names the log for good; its counts begin at 0. */
    readonly writer: string
    readonly records: number
    readonly lost: number
    readonly error: string | null
  }
  readonly shadow: { readonly waiting: number; readonly scored: number; readonly dropped: number }
  readonly variants: readonly GatewayVariant[]
}

/** Where a gateway takes commands, as its file says. */
export type AdminAddress = Pick<GatewayFile, 'socket' | 'secret'>

const STATS_MS = 2000
/** Loading a Python model may import for a while on a cold machine. */
const LOAD_MS = 180_000

export function gatewayStats(gateway: AdminAddress): Promise<GatewayStats> {
  return call<GatewayStats>(gateway, { method: 'GET', path: '/stats', limitMs: STATS_MS })
}

/** Pushes a table; resolves when the gateway answers with it, or tells what did not load. */
export function pushTable(gateway: AdminAddress, table: RoutingTable): Promise<PushReply> {
  return call<PushReply>(gateway, { method: 'PUT', path: '/table', body: table, limitMs: LOAD_MS })
}

/** Loads the models of a table without answering with it. */
export function warmTable(gateway: AdminAddress, table: RoutingTable): Promise<PushReply> {
  return call<PushReply>(gateway, { method: 'PUT', path: '/warm', body: table, limitMs: LOAD_MS })
}

/** Has open profiles written; resolves when all that was answered is in the log. */
export async function flushGateway(gateway: AdminAddress): Promise<void> {
  await call<unknown>(gateway, { method: 'POST', path: '/flush', limitMs: STATS_MS })
}

interface AdminCall {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly limitMs: number
}

function call<T>({ socket: socketPath, secret }: AdminAddress, wanted: AdminCall): Promise<T> {
  const { method, path, limitMs } = wanted
  const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers, agent: false, timeout: limitMs }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        if (response.statusCode === 200) resolve(JSON.parse(text) as T)
        else reject(new Error(`the gateway refused ${method} ${path}: ${text.slice(0, 500)}`))
      })
    })
    sent.on('timeout', () => sent.destroy(new Error(`the gateway did not answer ${method} ${path} in ${limitMs} ms`)))
    sent.on('error', reject)
    sent.end(wanted.body === undefined ? undefined : JSON.stringify(wanted.body))
  })
}
