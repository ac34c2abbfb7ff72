/** Folders of the tests that take minutes to make: made once, kept by the text of what makes them. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { alone, testEnvFolder } from './python-env.ts'

/** What a folder is made with: another interpreter, or another text of a script, makes another folder. */
export interface Made {
  readonly name: string
  readonly python: string
  readonly scripts: readonly string[]
  /** Fills a folder that does not exist yet. */
  readonly make: (fresh: string) => Promise<unknown>
}

/** Resolves to the folder once it is whole; of several processes that want it at once, one makes it and the others wait. */
export async function cachedFolder({ name, python, scripts, make }: Made): Promise<string> {
  const hash = createHash('sha256').update(python)
  for (const script of scripts) hash.update(readFileSync(script))
  const folder = join(testEnvFolder(), `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(folder)) return folder
  await alone(folder, async () => {
    if (existsSync(folder)) return
    const fresh = `${folder}.${process.pid}.new`
    await make(fresh)
    renameSync(fresh, folder)
  })
  return folder
}
