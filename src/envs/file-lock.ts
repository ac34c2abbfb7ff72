/** A lock between processes of one machine, held by a file that names its holder; a dead holder's lock is taken over. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { ifGone, ifMissing } from '../contract/absence/absent.ts'

/** Between looks at a lock that another holds, ms. */
const LOOK_MS = 100

/** Between signs of life of a holder, ms: it touches its lock. */
const SIGN_MS = 5000

/** A holder whose process id is another's here has gone when it gives no sign for so long, ms. */
const SILENT_MS = 60_000

/**
 * Runs `work` while no other process (or call) runs with the same lock file. Its folder must exist. A killed holder's id may be
 * another process's by now, as in a container that was started again: that is waited for until it has been silent for `silentMs`.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, silentMs = SILENT_MS): Promise<T> {
  const name = `${process.pid} ${startOf(process.pid) ?? 'unknown'} ${randomUUID()}`
  const silence = silenceOf(path)
  while (!(await take(path, name))) {
    await clearDead(path, (await silence()) > silentMs)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  // a holder that can give no sign is to look silent
  const signs = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), SIGN_MS)
  try {
    return await work()
  } finally {
    clearInterval(signs)
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

/** Tells for how long, ms, a lock has been the same while it was looked at: a clock that is set changes nothing. */
function silenceOf(path: string): () => Promise<number> {
  let [sign, since] = ['', performance.now()]
  return async () => {
    const found = await ifMissing(stat(path))
    const now = `${found?.ino} ${found?.mtimeMs}`
    if (now !== sign) [sign, since] = [now, performance.now()]
    return performance.now() - since
  }
}

/** Moves a dead holder's lock aside; one that a living process took in the same moment is put back. */
async function clearDead(path: string, isSilent: boolean): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(() => '')
  const [id = '', start = ''] = holder.split(' ')
  const pid = Number.parseInt(id, 10)
  // one that names nobody is written at this moment, or its holder was killed then
  const mayLive = Number.isSafeInteger(pid) ? isAlive(pid) && !(isSilent && isAnother(pid, start)) : !isSilent
  if (mayLive) return
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

/** True when the process that has this id here began at another time than the holder. */
function isAnother(pid: number, start: string): boolean {
  const began = startOf(pid)
  return began !== undefined && /^\d+$/.test(start) && began !== start
}

/** When a process began, in ticks since the system did; undefined where that cannot be read. */
function startOf(pid: number): string | undefined {
  const stat = ifGone(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}
