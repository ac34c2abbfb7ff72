/** A lock between processes of one machine, held by a file that names its holder; a dead holder's lock is taken over. */
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'

/** Between looks at a lock that another holds, ms. */
const LOOK_MS = 100

/** Runs `work` while no other process (or call) runs with the same lock file. Its folder must exist. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const name = `${process.pid} ${randomUUID()}`
  while (!(await take(path, name))) {
    await clearDead(path)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string, name: string): Promise<boolean> {
  return writeFile(path, name, { flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false
      throw error
    },
  )
}

/** Moves a dead holder's lock aside; one that a living process took in the same moment is put back. */
async function clearDead(path: string): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(() => '')
  const pid = Number.parseInt(holder, 10)
  if (!Number.isSafeInteger(pid) || isAlive(pid)) return
  const aside = `${path}.${randomUUID()}`
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  )
  if (!moved) return
  if ((await readFile(aside, 'utf8').catch(() => '')) !== holder) await rename(aside, path)
  else await rm(aside, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
