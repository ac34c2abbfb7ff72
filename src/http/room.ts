/** The http room: the server that answers with the routes of all rooms, the feed of changes, the one egress client. */
import { join } from 'node:path'
import type { Clock } from '../contract/ids.ts'
import type { AsCaller } from './callers/calling.ts'
import type { Isolation } from '../contract/system.ts'
import { egress } from './egress.ts'
import type { Egress } from './egress.ts'
import { FailedCredentials } from './callers/failed-credentials.ts'
import type { CredentialCounts } from './callers/failed-credentials.ts'
import { feed } from './feed.ts'
import type { Once } from './idempotency.ts'
import type { Mounted } from './mount.ts'
import type { Patience } from './callers/request-body.ts'
import { startServer } from './server.ts'
import type { Authenticate, RunningServer, ServerOptions } from './server.ts'
import { sharedFeed } from './shared-feed.ts'
import type { Crossing } from './shared-feed.ts'
import { staticFiles } from './static.ts'
import { systemMounts } from './system.ts'
import type { Addresses, SystemDeps } from './system.ts'
import { testHooks } from './test-hooks.ts'
import type { Reset } from './test-hooks.ts'

export interface HttpDeps {
  readonly host: string
  /** 0 = a free port. */
  readonly port: number
  /** Host names besides loopback and `host` that a request may name. */
  readonly allowHosts: readonly string[]
  /** Folder of the built pages; default dist/web. */
  readonly pages?: string
  /** Private hosts that the egress client may reach. */
  readonly egressAllow?: readonly string[]
  readonly version: string
  readonly clock: Clock
  readonly logger: ServerOptions['logger']
  readonly database: 'sqlite' | 'postgres'
  /** What confines other people's code on this machine. */
  readonly isolation: Isolation
  /** Port: true when the store takes writes. */
  readonly writable: () => Promise<boolean>
  /** Port: what of the store is corrupt. */
  readonly looks: SystemDeps['looks']
  /** Port: shows that this is the server of its data folder. */
  readonly proof: SystemDeps['proof']
  /** Port: carries out calls with an `Idempotency-Key`. */
  readonly once: Once
  /** How slowly a streamed body may come, and an answer be taken. */
  readonly patience?: Patience
  /** Port: runs a handler in the name of its call. */
  readonly asCaller: AsCaller
  /** Port: tells other processes on the same database what changed. */
  readonly crossing?: Crossing | undefined
}

/** What the server answers with. */
export interface Answering {
  readonly routes: readonly Mounted[]
  readonly authenticate: Authenticate
  /** Told the address of a caller that sent too many wrong credentials. */
  readonly throttled: (address: string) => void
  /** Empties the store as a test suite asks; present only where the operator asked for test hooks. */
  readonly reset?: (asked: Reset) => Promise<void>
}

export interface HttpRoom {
  /** Where this program is reached; filled in as its servers begin to listen. */
  readonly addresses: Readonly<Addresses>
  /** Port: makes the function that tells the pages of a change of a kind of things, by the id of the one that changed. */
  readonly publish: (kind: string) => (id: string) => void
  /** Port: how many wrong credentials came. */
  readonly credentials: () => CredentialCounts
  /** Port: the egress client. */
  readonly send: Egress
  /** Listens; resolves once the server answers. */
  start(answering: Answering): Promise<void>
  /** Says where predictions are answered; once `tell` has told it to others, that the server has started to its end. */
  announce(gateways: Omit<Addresses, 'url'>, tell?: (at: Addresses) => Promise<void> | undefined): Promise<void>
  /** Stops listening and lets open requests end. */
  stop(): Promise<void>
}

/** The built pages beside the sources. */
const PAGES = join(import.meta.dirname, '../../dist/web')

export function httpRoom(deps: HttpDeps): HttpRoom {
  const changes = deps.crossing === undefined ? feed() : sharedFeed(feed(), deps.crossing)
  const addresses: Addresses = { url: '', gateway_url: '', grpc_address: null }
  let ready = false
  const system = systemMounts({ ...deps, changes, addresses: () => addresses, ready: () => ready })
  const failed = new FailedCredentials()
  let server: RunningServer | undefined
  return {
    addresses,
    publish: (kind) => (id) => changes.publish({ kind, id }),
    send: egress({ allow: deps.egressAllow ?? [] }),
    credentials: () => failed.counts,
    async start({ routes, authenticate, throttled, reset }) {
      server = await startServer({
        ...deps,
        routes: [...(reset === undefined ? [] : testHooks(reset)), ...routes, ...system],
        authenticate,
        failed,
        throttled,
        fallback: staticFiles(deps.pages ?? PAGES),
        changed: (change) => changes.publish(change),
      })
      addresses.url = server.url
    },
    async announce(gateways, tell) {
      Object.assign(addresses, gateways)
      await tell?.(addresses)
      ready = true
    },
    stop: async () => server?.stop(),
  }
}
