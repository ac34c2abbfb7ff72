/** The one client for outgoing HTTP: resolves, refuses private addresses unless allowed, pins the address, caps size and time. */
import { lookup as resolve } from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { certificateWords } from '../client/certificates.ts'
import type { Shown } from '../client/certificates.ts'
import { problem, Problem } from '../contract/errors.ts'
import { maskedUrl } from '../contract/secrets/addresses.ts'

export interface EgressOptions {
  /** Hosts (names or addresses, with optional `:port`) that may be reached although they are private. */
  readonly allow: readonly string[]
  /** Longest time of a whole exchange, ms; default 10 000. */
  readonly timeoutMs?: number
  /** Largest body of a reply, bytes; default 1 MiB. */
  readonly maxBytes?: number
}

export interface EgressRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Beside what this machine trusts: authorities instead of those, our own certificate, the name that theirs is to hold. */
  readonly tls?: TlsChoice
}

export type TlsChoice = Pick<https.RequestOptions, 'ca' | 'cert' | 'key' | 'servername'>

/** The head of what a server outside replied. */
export interface ReplyHead {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
}

export interface EgressReply extends ReplyHead {
  readonly body: Buffer
}

export type Egress = (request: EgressRequest) => Promise<EgressReply>

/** Makes the client. It follows no redirect: a 3xx is returned as it is. Throws `upstream_failed`, or `invalid_field` for a refused address. */
export function egress(options: EgressOptions): Egress {
  return async (request) => {
    const { url, address } = await destination(request.url, options.allow)
    try {
      return await call(request, url, address, options)
    } catch (error) {
      throw await inWords(error, `${request.method} ${url.host}`, { url, address: address.address })
    }
  }
}

/** What a connection came to, as the other side's failure; a problem is told already. */
export async function inWords(error: unknown, what: string, where: Shown): Promise<unknown> {
  if (error instanceof Problem || !(error instanceof Error)) return error
  return problem('upstream_failed', { what, detail: await certificateWords(error, where) }, error)
}

/** An address that a name resolved to. */
export interface Address {
  readonly address: string
  readonly family: number
}

/** Where a request goes: its URL and the one address that it is pinned to. Throws as `egress` does. */
export async function destination(given: string, allow: readonly string[]): Promise<{ url: URL; address: Address }> {
  const url = parseUrl(given)
  const addresses = await addressesOf(url)
  const allowed = allow.includes(url.hostname) || allow.includes(url.host)
  const bad = allowed ? undefined : addresses.find((one) => isPrivate(one.address))
  const address = addresses[0]
  if (bad !== undefined || address === undefined) {
    throw problem('invalid_field', {
      field: 'url',
      value: maskedUrl(given),
      expected: `a public address (${bad?.address ?? 'none'} is private); allow it by configuration if it is yours`,
    })
  }
  return { url, address }
}

/** What `http.request` looks names up with: it finds the one address, whatever the name resolves to by now. */
export function pinnedTo(to: Address): LookupFunction {
  return (_host, wanted, callback) => {
    if (wanted.all) (callback as (e: null, list: Address[]) => void)(null, [to])
    else callback(null, to.address, to.family)
  }
}

function parseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw problem('invalid_field', { field: 'url', value: maskedUrl(text), expected: 'an absolute http or https URL' })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw problem('invalid_field', { field: 'url', value: maskedUrl(text), expected: 'an http or https URL' })
  }
  if (url.username !== '' || url.password !== '') {
    throw problem('invalid_field', {
      field: 'url',
      value: `${url.protocol}//…@${url.host}`,
      expected: 'a URL without a password',
    })
  }
  return url
}

async function addressesOf(url: URL): Promise<Address[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }]
  try {
    return await resolve(host, { all: true })
  } catch (error) {
    throw problem('upstream_failed', { what: `name ${host}`, detail: 'it does not resolve' }, error)
  }
}

const V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
const V6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // Teredo, benchmarks, ORCHID and the other assignments to protocols
  ['2001:db8::', 32],
  ['2002::', 16], // 6to4
  ['3fff::', 20],
]
const NAT64 = '64:ff9b::'
const special = new BlockList()
for (const [net, bits] of V4) {
  special.addSubnet(net, bits, 'ipv4')
  special.addSubnet(`${NAT64}${net}`, 96 + bits, 'ipv6')
}
for (const [net, bits] of V6) special.addSubnet(net, bits, 'ipv6')
const routed = new BlockList()
routed.addSubnet('2000::', 3, 'ipv6')
routed.addSubnet('::ffff:0:0', 96, 'ipv6')
routed.addSubnet(NAT64, 96, 'ipv6')

/**
 * Whether an address is not globally reachable by the IANA registries of special addresses (RFC 6890 and its updates): loopback,
 * private, link-local (cloud metadata), site-local, carrier NAT, documentation, benchmarks, multicast, reserved. Forms that carry
 * an IPv4 address are judged by it where it is what would be reached (IPv4-mapped, NAT64), and refused where a relay would
 * decide (IPv4-compatible, 6to4, Teredo). Something that is no address is private.
 */
export function isPrivate(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return special.check(address, 'ipv4')
  return family === 0 || !routed.check(address, 'ipv6') || special.check(address, 'ipv6')
}

function call(request: EgressRequest, url: URL, to: Address, options: EgressOptions): Promise<EgressReply> {
  const { promise, resolve: done, reject } = Promise.withResolvers<EgressReply>()
  const late = AbortSignal.timeout(options.timeoutMs ?? 10_000)
  const failed = (detail: string, cause?: unknown): void =>
    reject(problem('upstream_failed', { what: `${request.method} ${url.host}`, detail }, cause))
  const broken = (error: Error): void => (late.aborted ? failed('no answer in time', error) : reject(error))
  const send = (url.protocol === 'https:' ? https : http).request(url, {
    method: request.method,
    headers: { ...request.headers },
    signal: late,
    lookup: pinnedTo(to),
    ...request.tls,
  })
  send.on('error', broken)
  send.on('response', (reply) => {
    const parts: Buffer[] = []
    let size = 0
    reply.on('data', (part: Buffer) => {
      size += part.length
      if (size > (options.maxBytes ?? 1024 * 1024)) {
        failed('the reply is too large')
        send.destroy()
      } else parts.push(part)
    })
    reply.on('end', () => done({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(parts) }))
    reply.on('error', broken)
  })
  send.end(request.body)
  return promise
}
