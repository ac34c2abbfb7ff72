/** The admin token of the first start, in a file that only its owner reads. */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SYSTEM } from './tokens.ts'
import type { Tokens } from './tokens.ts'

/** Returns the file's path; makes the token when the file has none that works. */
export async function firstToken(access: Tokens, dataDir: string): Promise<string> {
  const file = join(dataDir, 'token')
  const known = await readFile(file, 'utf8').catch(() => '')
  const valid = await access.find(known.trim()).then(
    () => true,
    () => false,
  )
  if (!valid) {
    const { token } = await access.create(SYSTEM, { name: 'admin', role: 'admin' })
    await writeFile(file, `${token}\n`, { mode: 0o600 })
    await chmod(file, 0o600)
  }
  return file
}
