/** Signs requests to S3, and to services beside it, as AWS Signature Version 4 wants it, with the signature in the Authorization header. */
import { createHash, createHmac } from 'node:crypto'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string
}

export interface Unsigned {
  readonly method: string
  /** Path as it goes over the wire, each segment encoded with `encodeSegment`. */
  readonly path: string
  /** Query parameters, not encoded. */
  readonly query: Readonly<Record<string, string>>
  /** Headers to send, with lower-case names; `host` is among them. All of them are signed. */
  readonly headers: Readonly<Record<string, string>>
  /** Hex sha256 of the body, or `UNSIGNED-PAYLOAD`. */
  readonly contentHash: string
}

export interface Scope {
  readonly region: string
  /** Default `s3`. */
  readonly service?: string
  readonly credentials: Credentials
  /** Time of signing, ms. */
  readonly at: number
}

/** Hash of an empty body, hex. */
export const EMPTY_HASH = sha256('')

/**
 * The headers to send: those given, with the date, the hash of the content, the session token and the signature.
 * Source of the algorithm: Amazon S3 API reference, "Signature Calculations for the Authorization Header".
 */
export function signed(request: Unsigned, scope: Scope): Record<string, string> {
  const date = stamp(scope.at)
  const { accessKeyId, sessionToken } = scope.credentials
  const headers: Record<string, string> = {
    ...request.headers,
    'x-amz-content-sha256': request.contentHash,
    'x-amz-date': date,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  }
  const { signature, place, names } = sign({ ...request, headers }, date, scope)
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${place},SignedHeaders=${names},Signature=${signature}`
  return headers
}

/** Longest time that a presigned address may work, seconds. */
export const LONGEST_S = 604_800

/**
 * The query of an address that carries its own signature and works for so many seconds, 1 to 604800, with `host` alone among the headers.
 * Source of the algorithm: Amazon S3 API reference, "Authenticating Requests: Using Query Parameters".
 */
export function presigned(request: Omit<Unsigned, 'contentHash'>, scope: Scope, seconds: number): string {
  if (!(Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_S)) {
    throw new Error(`a presigned address works for 1 to ${LONGEST_S} seconds, not ${seconds}`)
  }
  const date = stamp(scope.at)
  const { accessKeyId, sessionToken } = scope.credentials
  const query: Record<string, string> = {
    ...request.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKeyId}/${date.slice(0, 8)}/${scope.region}/s3/aws4_request`,
    'X-Amz-Date': date,
    'X-Amz-Expires': String(seconds),
    'X-Amz-SignedHeaders': Object.keys(request.headers).sort().join(';'),
    ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
  }
  const { signature } = sign({ ...request, query, contentHash: 'UNSIGNED-PAYLOAD' }, date, scope)
  return `${encodeQuery(query)}&X-Amz-Signature=${signature}`
}

function stamp(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

function sign(request: Unsigned, date: string, scope: Scope): { signature: string; place: string; names: string } {
  const { headers } = request
  const names = Object.keys(headers).sort()
  const canonical = [
    request.method,
    request.path,
    encodeQuery(request.query),
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    request.contentHash,
  ].join('\n')
  const place = `${date.slice(0, 8)}/${scope.region}/${serviceOf(scope)}/aws4_request`
  const text = ['AWS4-HMAC-SHA256', date, place, sha256(canonical)].join('\n')
  const signature = createHmac('sha256', signingKey(scope, date.slice(0, 8)))
    .update(text)
    .digest('hex')
  return { signature, place, names: names.join(';') }
}

/** Query parameters as they are signed and sent: sorted by name, everything but unreserved characters encoded. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeSegment(name)}=${encodeSegment(value)}`)
    .sort()
    .join('&')
}

/** Encodes all but A–Z a–z 0–9 - . _ ~ */
export function encodeSegment(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function serviceOf({ service = 's3' }: Scope): string {
  return service
}

function signingKey(scope: Scope, day: string): Buffer {
  const parts = [day, scope.region, serviceOf(scope), 'aws4_request']
  return parts.reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${scope.credentials.secretAccessKey}`),
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
