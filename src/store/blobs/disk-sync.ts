/** Many files of one folder made durable at once: the system writes out its file system in one go, in place of a wait for each file. */
import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Makes all of these files and folders durable, which lie in one file system. */
export async function syncTogether(paths: readonly string[]): Promise<void> {
  const [first] = paths
  if (first === undefined) return
  // only there does the program wait for the disk, and take one file system
  if (process.platform === 'linux' && (await isDone(run('sync', ['-f', first])))) return
  for (const path of paths) await syncOne(path)
}

/** Makes one file, or the names in one folder, durable. */
export async function syncOne(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A system without that program, or with a smaller one, syncs file by file. */
function isDone(running: Promise<unknown>): Promise<boolean> {
  return running.then(
    () => true,
    () => false,
  )
}
