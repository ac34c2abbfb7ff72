/** How a server shows that it is that of a data folder, before it is told a token: it computes what only who reads the folder's key can. */
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ifMissingNow } from '../contract/absence/absent.ts'
import { isStorageFull } from './failures.ts'
import { keptFile } from './kept-file.ts'

/** Name of the key in a data folder; no backup has it. */
export const KEY_FILE = 'server.key'

/** Made for each question, so that an answer that was heard before is none. */
const NONCE = /^[\da-f]{32,128}$/

/** True for what may be asked with: 32 to 128 characters of hexadecimal. */
export function isNonce(text: string): boolean {
  return NONCE.test(text)
}

/** The key of a data folder, made where it has none. On a full disk it is one that nobody knows, so that no proof holds and no token is sent. */
export function makeFolderKey(dataDir: string): Buffer {
  try {
    return keptFile(join(dataDir, KEY_FILE), () => randomBytes(32))
  } catch (error) {
    if (isStorageFull(error)) return randomBytes(32)
    throw error
  }
}

/** The key of a data folder; undefined where it has none. */
export function folderKey(dataDir: string): Buffer | undefined {
  return ifMissingNow(() => readFileSync(join(dataDir, KEY_FILE)))
}

/** What a server at `address` answers to a nonce, in hexadecimal. The address is part of it, so that nobody hands on what a server at another says. */
export function proofOf(key: Buffer, address: string, nonce: string): string {
  return createHmac('sha256', key).update(`slipway-server\n${address}\n${nonce}`).digest('hex')
}
