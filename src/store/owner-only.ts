/** Keeps a data folder to the user that runs the server: what is made there is made so, and what lies open is found and closed. */
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { join } from 'node:path'

/** A folder or file of secrets that others on the machine reach. */
export interface OpenPlace {
  readonly path: string
  /** The rights, as chmod takes them. */
  readonly mode: number
  /** Rights that it should have. */
  readonly wanted: number
}

/** What came of closing an open place: null, or why it stays open. */
export interface Closing extends OpenPlace {
  readonly left: string | null
}

/** Bits of others: the group and everyone else. */
const OTHERS = 0o077
const STICKY = 0o1000

/** Names in a data folder whose content is secret: tokens, keys, the database with its logs, the records of the audit chain. */
const SECRET = /^(?:token|slipway\.db(?:-wal|-shm|-journal|\.saved-[\w-]+)?|[\w-]+\.(?:key|pem|jsonl))$/

/** From now on this process, and what it starts, makes files and folders that no other user reaches. Not in a worker thread. */
export function keepToOwner(): void {
  process.umask(OTHERS)
}

/** The data folder and its files of secrets, where others reach them. A folder that is missing has none. */
export function openPlaces(dataDir: string): OpenPlace[] {
  const folder = statSync(dataDir, { throwIfNoEntry: false })
  if (folder === undefined) return []
  const files = readdirSync(dataDir).filter((name) => SECRET.test(name))
  return [
    ...openAs(dataDir, folder, 0o700),
    ...files.flatMap((name) => {
      const path = join(dataDir, name)
      return openAs(path, statSync(path, { throwIfNoEntry: false }), 0o600)
    }),
  ]
}

/**
 * Makes the data folder where it is missing (0700), and closes what is open in one that is there, as `initdb` does it. A folder of
 * another user, and one for everybody such as /tmp, stay as they are: the answer says why.
 */
export function closeFolder(dataDir: string): Closing[] {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  return openPlaces(dataDir).map((place) => ({ ...place, left: close(place) }))
}

/** How a place that was found open is told to who runs the server. */
export function toldClosing({ path, mode, wanted, left }: Closing): string {
  const was = `${path} was open to other users of this machine (${octal(mode)})`
  return left === null
    ? `${was}; it is ${octal(wanted)} now`
    : `${was} and stays so: ${left}; chmod ${octal(wanted)} it`
}

/** Rights as chmod takes them. */
export function octal(mode: number): string {
  return `0${mode.toString(8)}`
}

function openAs(path: string, found: Stats | undefined, wanted: number): OpenPlace[] {
  if (found === undefined || (found.mode & OTHERS) === 0) return []
  return [{ path, mode: found.mode & 0o7777, wanted }]
}

function close({ path, mode, wanted }: OpenPlace): string | null {
  if ((mode & STICKY) !== 0) return 'it is a folder for everybody'
  const own = process.getuid?.()
  const { uid } = statSync(path)
  if (own !== undefined && uid !== own) return `it belongs to the user ${uid}, and the server runs as ${own}`
  try {
    chmodSync(path, wanted)
    return null
  } catch (error) {
    return (error as Error).message
  }
}
