/** Reads where blobs lie in S3 from `s3://bucket/prefix` and the environment variables that AWS's own tools read. */
import type { LookupFunction } from 'node:net'
import { problem } from '../../../contract/errors.ts'
import type { Credentials } from './sign.ts'

export interface S3Settings {
  /** Scheme, host and port of the server; with virtual hosts the bucket is the first label of the host. */
  readonly origin: string
  /** Begins every path: `/bucket` in path style, empty with virtual hosts. */
  readonly base: string
  readonly bucket: string
  /** Begins every key; empty, or it ends with a slash. */
  readonly prefix: string
  readonly region: string
  readonly credentials: Credentials
  /** Callers may be sent to the server itself for the bytes of a blob. */
  readonly directLinks: boolean
  /** How the name of its host is looked up; absent = as this machine does. */
  readonly lookup?: LookupFunction
}

/**
 * `url` is `s3://bucket`, `s3://bucket/prefix` and may end with `?style=path` or `?style=virtual`; without that, a server named by
 * `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` gets paths and AWS virtual hosts. `links=direct` in the same place says that callers
 * reach that server too. Throws `invalid_field` for a URL or an environment that does not do.
 */
export function s3Settings(url: string, env: Readonly<Record<string, string | undefined>>): S3Settings {
  const { bucket, prefix, style, directLinks } = parsePlace(url)
  const region = given(env, 'AWS_REGION') ?? given(env, 'AWS_DEFAULT_REGION') ?? 'us-east-1'
  const endpoint = given(env, 'AWS_ENDPOINT_URL_S3') ?? given(env, 'AWS_ENDPOINT_URL')
  const server = parseEndpoint(endpoint ?? `https://s3.${region}.amazonaws.com`)
  const virtual = style === undefined ? endpoint === undefined && !bucket.includes('.') : style === 'virtual'
  const sessionToken = given(env, 'AWS_SESSION_TOKEN')
  return {
    origin: virtual ? `${server.protocol}//${bucket}.${server.host}` : server.origin,
    base: virtual ? '' : `/${bucket}`,
    bucket,
    prefix,
    region,
    directLinks,
    credentials: {
      accessKeyId: required(env, 'AWS_ACCESS_KEY_ID'),
      secretAccessKey: required(env, 'AWS_SECRET_ACCESS_KEY'),
      ...(sessionToken !== undefined && { sessionToken }),
    },
  }
}

interface Place {
  readonly bucket: string
  readonly prefix: string
  readonly style: 'path' | 'virtual' | undefined
  readonly directLinks: boolean
}

function parsePlace(url: string): Place {
  const match =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[\w.-]+)*)\/?(?:\?(?:style=(path|virtual))?(?:&?(links=direct))?)?$/.exec(
      url,
    )
  const folder = (match?.[2] ?? '').slice(1)
  if (match === null || /(^|\/)\.{1,2}(\/|$)/.test(folder)) {
    const expected =
      's3://bucket or s3://bucket/prefix, with ?style=path or ?style=virtual where the server needs it, and links=direct behind that'
    throw problem('invalid_field', { field: 'SLIPWAY_BLOBS', value: url, expected })
  }
  const style = match[3] as 'path' | 'virtual' | undefined
  return {
    bucket: match[1] ?? '',
    prefix: folder === '' ? '' : `${folder}/`,
    style,
    directLinks: match[4] !== undefined,
  }
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '') {
    const expected = 'http(s)://host:port without a path'
    throw problem('invalid_field', { field: 'AWS_ENDPOINT_URL_S3', value: text, expected })
  }
  return url
}

function required(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = given(env, name)
  if (value !== undefined) return value
  throw problem('invalid_field', {
    field: name,
    value: '',
    expected: 'a key of the S3 server, as SLIPWAY_BLOBS is s3://',
  })
}

function given(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = env[name]
  return value === '' ? undefined : value
}
