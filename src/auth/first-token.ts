/** The admin token of the first start, in a file that only its owner reads. */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { ifMissing, ifRefused } from '../contract/absence/absent.ts'
import { SYSTEM } from './tokens.ts'
import type { Tokens } from './tokens.ts'

/** Makes the token when the file has none that works. */
export async function firstToken(access: Tokens, file: string): Promise<void> {
  const known = (await ifMissing(readFile(file, 'utf8'))) ?? ''
  if ((await ifRefused(access.find(known.trim()), 'unauthenticated')) !== undefined) return
  const { token } = await access.create(SYSTEM, { name: 'admin', role: 'admin' })
  await writeFile(file, `${token}\n`, { mode: 0o600 })
  await chmod(file, 0o600)
}

/** The address below `url` that opens one session for the token in the file. Null where nothing can be written, which must not keep the server from starting. */
export async function firstLink(access: Tokens, file: string, url: string): Promise<string | null> {
  const who = await access.find((await readFile(file, 'utf8')).trim())
  const link = await ifRefused(access.createLink(who), 'storage_full', 'storage_corrupt')
  return link === undefined ? null : `${url}/login/${link}`
}
