/** Folders of the tests that take minutes to make: made once, kept by the text of what makes them. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { testEnvFolder } from './python-env.ts'

/** What a folder is made with: another interpreter, or another text of a script, makes another folder. */
export interface Made {
  readonly name: string
  readonly python: string
  readonly scripts: readonly string[]
  /** Fills a folder that does not exist yet. */
  readonly make: (fresh: string) => Promise<unknown>
}

/** Resolves to the folder once it is whole; of several processes that make it at once, one is kept. */
export async function cachedFolder({ name, python, scripts, make }: Made): Promise<string> {
  const hash = createHash('sha256').update(python)
  for (const script of scripts) hash.update(readFileSync(script))
  const folder = join(testEnvFolder(), `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(folder)) return folder
  const fresh = `${folder}.${process.pid}.new`
  await make(fresh)
  try {
    renameSync(fresh, folder)
  } catch (error) {
    // another process was quicker
    if (!existsSync(folder)) throw error
    rmSync(fresh, { recursive: true, force: true })
  }
  return folder
}
