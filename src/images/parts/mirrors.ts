/** The registries that packages come from, as the operator names them: which hosts may be asked, and with which password. */
import { problem } from '../../contract/errors.ts'
import { maskedUrl } from '../../contract/secrets/addresses.ts'
import type { EgressStream } from '../../http/egress-stream.ts'

export interface Mirror {
  /** Without password, and without a slash at its end. */
  readonly url: string
  /** With its port where it has one. */
  readonly host: string
  /** Header for its own origin; undefined where the address has no password. */
  readonly authorization: string | undefined
}

const MOST_REDIRECTS = 5
const MOVED: readonly number[] = [301, 302, 303, 307, 308]

/** The mirror of an address. Throws `invalid_field` that names the setting for what is none. */
export function mirrorOf(setting: string, given: string): Mirror {
  const url = URL.parse(given)
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw problem('invalid_field', {
      field: setting,
      value: maskedUrl(given),
      expected: 'an http or https address, such as https://user:password@packages.example.org/debian',
    })
  const { username, password, host } = url
  const words = [username, password].map((one) => decodeURIComponent(one)).join(':')
  url.username = ''
  url.password = ''
  return {
    url: url.href.replace(/\/+$/, ''),
    host,
    authorization: words === ':' ? undefined : `Basic ${Buffer.from(words).toString('base64')}`,
  }
}

/** Reads from mirrors: with the password of each for its own origin alone, and on to where it sends; `fetch` says which addresses may be asked. */
export function mirrorStream(mirrors: readonly Mirror[], fetch: EgressStream): EgressStream {
  return async (request) => {
    let { url } = request
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      const { origin } = new URL(url)
      const own = mirrors.find((one) => new URL(one.url).origin === origin)?.authorization
      const reply = await fetch({
        ...request,
        url,
        headers: { ...request.headers, ...(own !== undefined && { authorization: own }) },
      })
      const { location } = reply.headers
      if (!MOVED.includes(reply.status) || location === undefined) return reply
      reply.body.destroy()
      url = new URL(location, url).href
    }
    throw problem('upstream_failed', { what: new URL(request.url).host, detail: 'it redirects without end' })
  }
}
