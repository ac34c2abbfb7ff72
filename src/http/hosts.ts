/** Host and Origin checks: against DNS rebinding and requests that another site makes in a user's browser. */
import type { IncomingHttpHeaders } from 'node:http'
import { problem } from '../contract/errors.ts'

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]']
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Makes the check for a server bound to `host`; `allowed` are further names that it may be reached by. Throws `untrusted_origin`. */
export function hostCheck(
  host: string,
  allowed: readonly string[],
): (method: string, headers: IncomingHttpHeaders) => void {
  const names = new Set([...LOOPBACK, host.toLowerCase(), ...allowed.map((name) => name.toLowerCase())])
  let usual = ''
  const known = (authority: string): boolean => {
    if (authority === usual) return true
    const found = names.has(authority.toLowerCase().replace(/:\d+$/, ''))
    if (found) usual = authority
    return found
  }
  return (method, headers) => {
    if (headers.host === undefined || !known(headers.host)) {
      throw problem('untrusted_origin', { header: 'Host', value: headers.host ?? '' })
    }
    if (SAFE.has(method)) return
    const origin = headers.origin
    if (origin !== undefined && !sameOrigin(origin, headers.host)) {
      throw problem('untrusted_origin', { header: 'Origin', value: origin })
    }
    if (origin === undefined && headers['sec-fetch-site'] === 'cross-site') {
      throw problem('untrusted_origin', { header: 'Sec-Fetch-Site', value: 'cross-site' })
    }
  }
}

/** How this machine reaches what listens on `host`, as a URL spells it. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

/** The base URL by which this machine reaches what listens at a port of `host`. */
export function urlAt({ host, tls }: { readonly host: string; readonly tls?: unknown }, port: number): string {
  return `${tls === undefined ? 'http' : 'https'}://${reachableHost(host)}:${port}`
}

/** The page that sends a changing request must come from this very server: same host and port. */
function sameOrigin(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === host.toLowerCase()
  } catch {
    return false
  }
}
