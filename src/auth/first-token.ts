/** The admin token of the first start, in a file that only its owner reads. */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { ifMissing, ifRefused } from '../contract/absence/absent.ts'
import { SYSTEM } from './tokens.ts'
import type { Tokens } from './tokens.ts'
import type { IfSound } from '../store/if-sound.ts'

/**
 * Makes the token when the file has none that works. A damaged database cannot keep one, or cannot tell whether it knows that of the file: then the file
 * gets one that this process alone knows, and that reads.
 */
export async function firstToken(access: Tokens, file: string, ifSound: IfSound): Promise<void> {
  const known = (await ifMissing(readFile(file, 'utf8'))) ?? ''
  const found = (): Promise<unknown> => ifRefused(access.find(known.trim()), 'unauthenticated')
  if ((await ifSound(`to know the token of ${file}`, found)) !== undefined) return
  const made = await ifSound(`to keep a token; ${file} holds one that reads, and ends with this process`, () =>
    access.create(SYSTEM, { name: 'admin', role: 'admin' }),
  )
  const token = made?.token ?? access.lend({ name: 'reader', role: 'viewer' })
  await writeFile(file, `${token}\n`, { mode: 0o600 })
  await chmod(file, 0o600)
}

/** The address below `url` that opens one session for the token in the file. Null where nothing can be written, which must not keep the server from starting. */
export async function firstLink(access: Tokens, file: string, url: string): Promise<string | null> {
  const who = await access.find((await readFile(file, 'utf8')).trim())
  if (who.token_id === null) return null
  const link = await ifRefused(access.createLink(who), 'storage_full', 'storage_corrupt', 'storage_unreadable')
  return link === undefined ? null : `${url}/login/${link}`
}
