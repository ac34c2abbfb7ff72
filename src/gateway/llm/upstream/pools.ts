/** Connections to upstreams: kept open, one pool an origin, and never to a private address that is not allowed. */
import { lookup as resolve } from 'node:dns'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Pool } from 'undici'
import { problem } from '../../../contract/errors.ts'
import { isPrivate } from '../../../http/egress.ts'

const CONNECT_MS = 10_000

/** `allow`: hosts (`host` or `host:port`) that may be private, as they are now. */
export class Pools {
  readonly #allow: () => readonly string[]
  readonly #pools = new Map<string, Pool>()
  /** Pools with a connection to a private address. */
  readonly #private = new WeakSet<Pool>()

  constructor(allow: () => readonly string[]) {
    this.#allow = allow
  }

  /** The pool of an origin. Throws `upstream_failed` for a private address that is not allowed; one that a name resolves to fails the call. */
  of(origin: string): Pool {
    const url = new URL(origin)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && isPrivate(host) && !this.#isAllowed(url)) throw refusal(url)
    const known = this.#pools.get(origin)
    if (known !== undefined && !(this.#private.has(known) && !this.#isAllowed(url))) return known
    // what is under way there ends, and the next connection is looked up anew
    void known?.close()
    const pool: Pool = new Pool(origin, {
      connect: { lookup: this.#guarded(url, () => this.#private.add(pool)), timeout: CONNECT_MS },
      allowH2: false,
    })
    this.#pools.set(origin, pool)
    return pool
  }

  /** Ends all connections; what is open breaks off. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  #isAllowed({ hostname, host }: URL): boolean {
    const allow = this.#allow()
    return allow.includes(hostname) || allow.includes(host)
  }

  /** What a connection is looked up with: the addresses that are checked are those that it goes to. `wentInside` is told of a private one that is allowed. */
  #guarded(url: URL, wentInside: () => void): LookupFunction {
    return (hostname, options, done) => {
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        const bad = addresses?.find(({ address }) => isPrivate(address))
        const [first] = addresses ?? []
        if (bad !== undefined && this.#isAllowed(url)) wentInside()
        if (error !== null || first === undefined) done(error ?? new Error('it does not resolve'), '', 0)
        else if (bad !== undefined && !this.#isAllowed(url)) done(refusal(url), '', 0)
        else if (options.all) (done as (e: null, list: typeof addresses) => void)(null, addresses)
        else done(null, first.address, first.family)
      })
    }
  }
}

function refusal({ host }: URL): Error {
  const detail = 'its address is private; allow it by SLIPWAY_EGRESS_ALLOW if it is yours'
  return problem('upstream_failed', { what: `provider at ${host}`, detail })
}
