/** Counts tokens and links that were wrong, by the address they came from, and slows down who sends many. */
import { isIPv6 } from 'node:net'
import { problem } from '../../contract/errors.ts'

/** Wrong credentials that an address may send at once, and after how many ms it may send one more. */
const BURST = 20
const EACH_MS = 3000

/** Addresses kept at once; the one not heard of for longest is forgotten, which forgives it. */
const MOST_ADDRESSES = 10_000

interface Bucket {
  level: number
  at: number
  /** True from the first refusal until the bucket is full again. */
  throttled: boolean
}

/** What was counted since the process started. */
export interface CredentialCounts {
  /** Credentials that were wrong. */
  readonly failed: number
  /** Those of them that were answered with `too_many_requests`. */
  readonly throttled: number
}

export class FailedCredentials {
  readonly #buckets = new Map<string, Bucket>()
  readonly #counts = { failed: 0, throttled: 0 }

  get counts(): CredentialCounts {
    return this.#counts
  }

  /**
   * Counts one wrong credential. Throws `too_many_requests` for an address that sent too many; `began` is called for the first of them.
   * A credential that is right is never asked about here, so it works from any address.
   */
  failed(address: string, now: number, began: () => void = () => undefined): void {
    const key = networkOf(address)
    const bucket = this.#bucketOf(key, now)
    this.#counts.failed++
    // a clock that was set back must not empty the bucket
    bucket.level = Math.min(BURST, bucket.level + Math.max(0, now - bucket.at) / EACH_MS)
    bucket.at = now
    if (bucket.level >= BURST) bucket.throttled = false
    if (bucket.level >= 1) {
      bucket.level--
      return
    }
    this.#counts.throttled++
    if (!bucket.throttled) began()
    bucket.throttled = true
    const retry_after = Math.ceil(Math.round((1 - bucket.level) * EACH_MS) / 1000)
    throw problem('too_many_requests', { what: `the number of wrong credentials from ${key}`, retry_after })
  }

  #bucketOf(key: string, now: number): Bucket {
    const bucket = this.#buckets.get(key) ?? { level: BURST, at: now, throttled: false }
    // the one heard of last stands last
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > MOST_ADDRESSES && oldest !== undefined) this.#buckets.delete(oldest)
    return bucket
  }
}

/** What one caller can choose its address from: of IPv6 the first 64 bits. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('%', 1)[0]?.split('::') ?? []
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const all = [...groups, ...Array<string>(Math.max(0, 8 - groups.length - behind.length)).fill('0'), ...behind]
  return `${all.slice(0, 4).join(':')}::/64`
}
