/** The address of a webhook as it is kept: sealed, for many receivers know their callers by it alone. */
import type { Seal } from '../../auth/sealing.ts'
import { Problem } from '../../contract/errors.ts'
import type { Db } from '../../store/db.ts'
import type { WebhookRow } from './room.ts'

/** How a sealed one begins; what a server before has kept is an address as it is. */
const SEALED = 'sealed:'

/** What is kept of an address, bound to its webhook. */
export function sealedAddress(seal: Seal, id: string, url: string): string {
  return `${SEALED}${seal.seal(url, boundTo(id))}`
}

/** The address of a webhook. Throws `unprocessable` where another key than the server's has sealed it. */
export function addressOf(seal: Seal, { id, url }: Pick<WebhookRow, 'id' | 'url'>): string {
  return url.startsWith(SEALED) ? seal.open(url.slice(SEALED.length), boundTo(id)) : url
}

/** The address as its owner sees it; in words that it cannot be read, so that one such webhook does not hide the others. */
export function shownAddress(seal: Seal, row: Pick<WebhookRow, 'id' | 'url'>): string {
  try {
    return addressOf(seal, row)
  } catch (error) {
    if (error instanceof Problem && error.code === 'unprocessable') return 'sealed with another key; set it again'
    throw error
  }
}

/** Seals the addresses that a server before has kept as they are. */
export async function sealAddresses(db: Db, seal: Seal): Promise<void> {
  const open = `SELECT id, url FROM webhooks WHERE url NOT LIKE '${SEALED}%'`
  for (const { id, url } of await db.all<Pick<WebhookRow, 'id' | 'url'>>(open)) {
    // a change that comes between has its own address
    const values = [sealedAddress(seal, id, url), id, url]
    await db.tx((t) => t.run('UPDATE webhooks SET url = ? WHERE id = ? AND url = ?', values))
  }
}

function boundTo(id: string): string {
  return `${id} address`
}
