/** Addresses of webhooks, which are secrets: how they are shown, and how what was shown is given back. */
import { problem } from '../contract/errors.ts'
import { HIDDEN, maskedUrl } from '../contract/secrets/addresses.ts'

type Settings = Readonly<Record<string, unknown>>

interface Route {
  readonly name: string
  readonly url: string
}

/** The addresses in settings of a monitor, whatever else these hold. */
function routesIn(settings: Settings): Route[] {
  const { webhook, webhooks } = settings
  const listed = Array.isArray(webhooks) ? (webhooks as readonly unknown[]) : []
  return [
    ...(typeof webhook === 'string' ? [{ name: 'webhook', url: webhook }] : []),
    ...listed.flatMap((one): Route[] => {
      const { name, url } = (one ?? {}) as Partial<Route>
      return typeof name === 'string' && typeof url === 'string' ? [{ name, url }] : []
    }),
  ]
}

/** Settings of a monitor with each address as `change` makes it; what else they hold stays. */
export function withAddresses(settings: Settings, change: (route: Route) => string): Record<string, unknown> {
  const { webhook, webhooks } = settings
  return {
    ...settings,
    ...(typeof webhook === 'string' && { webhook: change({ name: 'webhook', url: webhook }) }),
    ...(Array.isArray(webhooks) && {
      webhooks: webhooks.map((one: unknown) => {
        const { name, url } = (one ?? {}) as Partial<Route>
        return typeof name === 'string' && typeof url === 'string'
          ? { ...(one as Settings), url: change({ name, url }) }
          : one
      }),
    }),
  }
}

/** Settings of a monitor as they are shown. */
export function maskedMonitor(settings: Settings): Record<string, unknown> {
  return withAddresses(settings, ({ url }) => maskedUrl(url))
}

/**
 * Settings as they are kept, where some addresses are given as they were shown: those stay what they are. Throws `invalid_field` for one that
 * nothing of that name was shown as.
 */
export function unmaskedMonitor(given: Settings, known: Settings): Record<string, unknown> {
  const before = new Map(routesIn(known).map(({ name, url }) => [name, url]))
  return withAddresses(given, ({ name, url }) => {
    if (!url.endsWith(`/${HIDDEN}`)) return url
    const kept = before.get(name)
    if (kept !== undefined && maskedUrl(kept) === url) return kept
    throw problem('invalid_field', {
      field: name === 'webhook' ? 'webhook' : `webhooks "${name}"`,
      value: url,
      expected: 'the whole address: this is how one is shown that is not here',
    })
  })
}

/** A text, as what a receiver answered, without the parts of an address that may be secret. */
export function withoutSecrets(text: string, address: string): string {
  const url = URL.parse(address)
  if (url === null) return text.replaceAll(address, HIDDEN)
  const parts = [
    address,
    url.href,
    url.pathname + url.search,
    ...url.pathname.split('/'),
    ...url.searchParams.values(),
    url.username,
    url.password,
    url.hash.slice(1),
  ]
  const secret = parts.flatMap((part) => (part.length < 4 ? [] : [part, decoded(part)]))
  return secret.toSorted((a, b) => b.length - a.length).reduce((left, part) => left.replaceAll(part, HIDDEN), text)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) return part
    throw error
  }
}

/** A text without the addresses that settings hold, as that of a project file; where one is written in another form, what its key says is left out. */
export function maskedText(text: string, settings: Settings): string {
  // an address may be the beginning of another
  const urls = routesIn(settings)
    .map(({ url }) => url)
    .toSorted((a, b) => b.length - a.length)
  const masked = urls.reduce((left, url) => left.replaceAll(url, maskedUrl(url)), text)
  return urls.every((url) => text.includes(url)) ? masked : masked.replaceAll(KEYED, `$1${HIDDEN}`)
}

/** What follows a key of an address, to the end of the line. */
const KEYED = /(\b(?:webhook|url)["']?\s*:)[^\n]*/g
