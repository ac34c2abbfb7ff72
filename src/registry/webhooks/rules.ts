/** What a webhook may be called and where it may point, with MLflow's texts. */
import { isIP } from 'node:net'
import { isPrivate } from '../../http/egress.ts'
import { invalid } from '../../mlflow/wire.ts'

/** Which addresses are allowed besides public `https:` ones. */
export interface WebhookRules {
  /** Hosts, with optional `:port`, that may be private and may speak plain `http:`. */
  readonly allow: readonly string[]
  /** Schemes for every host. */
  readonly schemes: readonly string[]
  /** True when every private address may be reached; for tests. */
  readonly anyAddress: boolean
}

const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i
const LONGEST_URL = 2048
/** Longest secret, characters. */
export const LONGEST_SECRET = 1000
const LONGEST_DESCRIPTION = 1000

/** Refuses a name that does not begin and end with a letter or digit, has other characters, or more than 63. */
export function checkName(name: string): void {
  if (NAME.test(name)) return
  throw invalid(
    `Webhook name '${name}' is invalid. It must start and end with a letter or digit, be less than 63 ` +
      'characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).',
  )
}

/** Refuses text that is longer than it may be. */
export function checkTexts(given: { description?: string | undefined; secret?: string | undefined }): void {
  if ((given.description?.length ?? 0) > LONGEST_DESCRIPTION) {
    throw invalid(`Webhook description exceeds the maximum length of ${LONGEST_DESCRIPTION} characters`)
  }
  if ((given.secret?.length ?? 0) > LONGEST_SECRET) {
    throw invalid(`Webhook secret exceeds the maximum length of ${LONGEST_SECRET} characters`)
  }
}

/**
 * Refuses an address that is none, has another scheme or a password, or names a private place. What a name resolves to is
 * checked when it is called, each time anew.
 */
export function checkUrl(text: string, rules: WebhookRules): void {
  if (text.trim() === '') throw invalid(`Webhook URL cannot be empty or just whitespace: '${text}'`)
  if (text.length > LONGEST_URL) throw invalid(`Webhook URL exceeds the maximum length of ${LONGEST_URL} characters`)
  const url = parsed(text, rules.schemes)
  const scheme = url.protocol.slice(0, -1)
  const allowed = rules.allow.includes(url.hostname) || rules.allow.includes(url.host)
  if (!rules.schemes.includes(scheme) && !(allowed && scheme === 'http')) {
    throw invalid(`Invalid webhook URL scheme: '${scheme}'. Allowed schemes are: ${rules.schemes.join(', ')}.`)
  }
  if (url.hostname === '') throw invalid(`Webhook URL must include a hostname: '${text}'`)
  if (url.username !== '' || url.password !== '') throw invalid('Webhook URL must not hold a user name or password')
  if (!allowed && !rules.anyAddress && isInner(url.hostname)) {
    throw invalid(
      `Webhook URL '${text}' points to a private address. Allow the host by SLIPWAY_EGRESS_ALLOW if it is yours.`,
    )
  }
}

function parsed(text: string, schemes: readonly string[]): URL {
  try {
    return new URL(text.trim())
  } catch {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text.trim())?.[1]
    if (scheme === undefined)
      throw invalid(`Invalid webhook URL scheme: ''. Allowed schemes are: ${schemes.join(', ')}.`)
    if (/^[^:]+:\/*$/.test(text.trim())) throw invalid(`Webhook URL must include a hostname: '${text}'`)
    throw invalid(`Invalid webhook URL '${text}'`)
  }
}

function isInner(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  return isIP(host) === 0 ? /(^|\.)(localhost|local|internal)$/i.test(host) : isPrivate(host)
}
