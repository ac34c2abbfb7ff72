/** Limits how often each token may call an endpoint: a bucket of tokens that fills at a steady rate. */
import { problem } from '../../contract/errors.ts'
import type { EndpointRoute, TokenRoute } from '../table/table.ts'

interface Bucket {
  level: number
  at: number
}

/** Buckets kept at once; the oldest is dropped, which forgives its caller. */
const MAX_BUCKETS = 10_000

/** Counts the calls of this gateway. With several gateways each grants its own share of the limit. */
export class Rates {
  readonly #buckets = new Map<string, Bucket>()
  readonly #gateways: number

  constructor(gateways = 1) {
    this.#gateways = gateways
  }

  /** Lets a call through or throws `too_many_requests` with the time after which the next one passes. */
  take(route: EndpointRoute, token: TokenRoute | undefined, now: number): void {
    const limit = route.limits?.per_token
    if (limit === undefined || limit === null) return
    const rate = limit.per_second / this.#gateways
    const most = Math.max(1, limit.burst / this.#gateways)
    const key = `${route.name}\n${token?.id ?? ''}`
    const bucket = this.#buckets.get(key) ?? this.#fresh(key, most, now)
    // a clock that was set back must not empty the bucket
    bucket.level = Math.min(most, bucket.level + (Math.max(0, now - bucket.at) / 1000) * rate)
    bucket.at = now
    if (bucket.level < 1) {
      const retry_after = (1 - bucket.level) / rate
      throw problem('too_many_requests', { what: `the rate of this token for endpoint ${route.name}`, retry_after })
    }
    bucket.level--
  }

  #fresh(key: string, level: number, at: number): Bucket {
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size >= MAX_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest)
    const bucket = { level, at }
    this.#buckets.set(key, bucket)
    return bucket
  }
}
