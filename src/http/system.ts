/** Routes of the server itself: health, info, the stream of changes. */
import { problem } from '../contract/errors.ts'
import type { Clock } from '../contract/ids.ts'
import { systemApi } from '../contract/system.ts'
import type { Isolation } from '../contract/system.ts'
import { events } from './events.ts'
import type { Feed } from './feed.ts'
import { mount } from './mount.ts'
import type { Mounted } from './mount.ts'

/** Where the server and its gateways are reached; empty until they listen, null = no gRPC. */
export interface Addresses {
  url: string
  gateway_url: string
  grpc_address: string | null
}

export interface SystemDeps {
  readonly version: string
  readonly changes: Feed
  readonly clock: Clock
  readonly database: 'sqlite' | 'postgres'
  readonly isolation: Isolation
  /** True when the store takes writes. */
  readonly writable: () => Promise<boolean>
  /** Whether the database and how many files are known to be corrupt. */
  readonly looks: {
    summary(): { readonly database: boolean; readonly blobs: number }
    disk(): Promise<{ readonly low: boolean }>
  }
  readonly addresses: () => Addresses
  /** Port: what only the server of the data folder can say, at an address, of a nonce. */
  readonly proof: (address: string, nonce: string) => string
  /** Whether the server has started to its end, and says so in its data folder. */
  readonly ready: () => boolean
}

export function systemMounts(deps: SystemDeps): Mounted[] {
  const started = new Date(deps.clock()).toISOString()
  return [
    mount(systemApi.live, async () => {
      // who waits for it goes on to what `server.json` says, and to the gateways
      if (!deps.ready()) throw problem('unavailable', { what: 'the server', detail: 'it is starting', retry_after: 1 })
      const room = (await deps.looks.disk()).low ? ('low' as const) : ('enough' as const)
      const { version } = deps
      return { ok: true, writable: await deps.writable(), corrupt: deps.looks.summary(), room, version }
    }),
    mount(systemApi.proof, ({ query }) => {
      const { url } = deps.addresses()
      return { url, proof: deps.proof(url, query.nonce) }
    }),
    mount(systemApi.info, () => ({
      version: deps.version,
      ...deps.addresses(),
      database: deps.database,
      isolation: deps.isolation,
      started_at: started,
      now: new Date(deps.clock()).toISOString(),
    })),
    mount(systemApi.changes, ({ signal }) => events(deps.changes.listen(signal), signal)),
  ]
}
