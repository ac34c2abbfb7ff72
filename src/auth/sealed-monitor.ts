/** Addresses of monitors' webhooks as they are kept: what names the server stays readable, the rest is sealed. */
import { ifRefused } from '../contract/absence/absent.ts'
import { HIDDEN, maskedUrl, NAMED_ADDRESS } from '../contract/secrets/addresses.ts'
import { Problem } from '../contract/errors.ts'
import { withAddresses } from '../http/masked.ts'
import type { Db, Tx } from '../store/db.ts'
import type { Seal } from './sealing.ts'

type Settings = Readonly<Record<string, unknown>>

/** The path of an address of which the rest is sealed. It is an address still, so that settings stay what they are to everybody else. */
const SEALED = /^https?:\/\/[^/]+\/sealed:([\w-]{38,})$/

/** Settings as they are kept: each address that holds more than the name of a server or variable is sealed, once. */
export function sealedMonitor(seal: Seal, settings: Settings): Record<string, unknown> {
  return withAddresses(settings, ({ url }) => sealedAddress(seal, url))
}

/** Whether settings hold an address that somebody who reads them could use. */
export function holdsOpenAddress(settings: Settings): boolean {
  let open = false
  withAddresses(settings, ({ url }) => {
    open ||= !SEALED.test(url) && isSecret(url)
    return url
  })
  return open
}

/**
 * What whoever writes a project file should know of its addresses, sealed ones included, one line each: the file stands in clear among the files of its
 * version, in backups and wherever its text is kept, whatever is sealed.
 */
export function addressWarnings(settings: Settings): string[] {
  const warnings: string[] = []
  withAddresses(settings, ({ name, url }) => {
    const key = name === 'webhook' ? 'monitor.webhook' : `monitor.webhooks "${name}"`
    const told = `got ${maskedUrl(url)}, whose hidden part is a secret that everybody who reads this file or a copy of it has`
    if (isSecret(url))
      warnings.push(`${key}: ${told}; expected "$SLIPWAY_WEBHOOK_NAME", a variable of the server that holds it`)
    return url
  })
  return warnings
}

/** The address itself. Throws `unprocessable` where another key than the server's has sealed it, or it was put under another server's name. */
export function openedAddress(seal: Seal, url: string): string {
  const sealed = SEALED.exec(url)?.[1]
  return sealed === undefined ? url : seal.open(sealed, boundTo(url))
}

/** Settings with their addresses, for a comparison; one that cannot be opened stays as it is kept. */
export function openedMonitor(seal: Seal, settings: Settings): Record<string, unknown> {
  return withAddresses(settings, ({ url }) => {
    try {
      return openedAddress(seal, url)
    } catch (error) {
      if (error instanceof Problem && error.code === 'unprocessable') return url
      throw error
    }
  })
}

/** A row that holds settings, and how they are written anew. */
export interface KeptMonitor {
  readonly settings: Settings
  /** Writes the row where it is still what was read. */
  readonly write: (t: Tx, sealed: Record<string, unknown>) => Promise<unknown>
}

/**
 * Seals what a server before has kept as it is. A disk that is full or a database that takes no writes does not keep the server from its start: what is
 * left open is told by `/metrics` and `slipway doctor`, and sealed at the next start.
 */
export async function sealKept(db: Db, seal: Seal, rows: readonly KeptMonitor[]): Promise<void> {
  for (const { settings, write } of rows.filter(({ settings }) => holdsOpenAddress(settings)))
    await ifRefused(
      db.tx((t) => write(t, sealedMonitor(seal, settings))),
      'storage_full',
      'unavailable',
    )
}

function sealedAddress(seal: Seal, url: string): string {
  if (SEALED.test(url) || !isSecret(url)) return url
  const { origin } = new URL(url)
  return `${origin}/sealed:${seal.seal(url, boundTo(url))}`
}

/** Bound to the server: what lies under another server's name is not sent there. */
function boundTo(url: string): string {
  return `at ${new URL(url).origin}`
}

/** Whether an address holds more than is shown of it. */
function isSecret(url: string): boolean {
  return !NAMED_ADDRESS.test(url) && URL.canParse(url) && maskedUrl(url).endsWith(HIDDEN)
}
