/** A database of SQLite as it lies in its folder: its mode, the files beside it, and how it is opened so that nothing there is written. */
import type { BigIntStats } from 'node:fs'
import { lstat, open, readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { ifMissing } from '../../../contract/absence/absent.ts'
import { problem } from '../../../contract/errors.ts'
import { hashOf } from '../../spec/canonical.ts'

/** What is looked at. Two looks with equal states have the same content between them, where both are settled. */
export interface Look {
  /** Of the database and of all files beside it that hold rows, with what those who have it open say of them. */
  readonly state: string
  /** Of the database and its `-wal` alone. */
  readonly files: string
  /** The newest change of one of them, ns since 1970. */
  readonly changed: bigint
  readonly isWal: boolean
  readonly hasLog: boolean
  readonly hasIndex: boolean
  /** Whether a program has it open, as far as this machine tells; asked of databases with a write-ahead log. */
  readonly isOpen: boolean
}

const MAGIC = 'SQLite format 3\0'
/** Both copies of the head of a `-shm`: which part of the log counts. Behind it are the marks of readers. */
const INDEX_HEAD = 96
/** The byte of a `-shm` that each program locks for as long as it has the database open. */
const OPEN_BYTE = 128

/** Looks at a database. Throws `unprocessable` where it is none, or what lies beside it is no file. */
export async function lookAt(path: string): Promise<Look> {
  const own = await fileAt(path)
  if (own === undefined) throw problem('unprocessable', { detail: `there is no file ${path} where the server runs` })
  const [log, index, journal] = [
    await fileAt(`${path}-wal`),
    await fileAt(`${path}-shm`),
    await fileAt(`${path}-journal`),
  ]
  const head = await headOf(path, 100)
  if (head.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw problem('unprocessable', { detail: `${path} is no database of SQLite, or an encrypted one` })
  const isWal = head[18] === 2 || head[19] === 2
  const said = index === undefined ? '' : (await headOf(`${path}-shm`, INDEX_HEAD)).toString('hex')
  const rows = [
    [...markOf(own), String(own.ctimeNs)],
    ...[log, journal].map((one) => (one === undefined ? null : markOf(one))),
  ]
  return {
    state: hashOf([...rows, said]),
    files: hashOf(rows.slice(0, 2)),
    changed: [log, journal].reduce(
      (most, one) => (one !== undefined && one.mtimeNs > most ? one.mtimeNs : most),
      own.ctimeNs,
    ),
    isWal,
    hasLog: log !== undefined && log.size > 0n,
    hasIndex: log !== undefined && index !== undefined,
    isOpen: index !== undefined && (await isLocked(index)),
  }
}

/**
 * The address by which it is opened. Without `isLocked` nothing keeps others from changing what is read: it counts where the files are the
 * same afterwards. Throws `unprocessable` for what only a program that writes can read.
 */
export function openingOf(path: string, look: Look): { readonly uri: string; readonly isLocked: boolean } {
  if (!look.isWal) return { uri: uriOf(path, { mode: 'ro' }), isLocked: true }
  if (look.hasIndex) return { uri: uriOf(path, { mode: 'ro', readonly_shm: '1' }), isLocked: look.isOpen }
  if (look.hasLog)
    throw problem('unprocessable', {
      detail: `${path}-wal holds changes and there is no ${path}-shm, so that a reader would have to write one; open it once with the program that writes it, or with the command sqlite3`,
    })
  // nobody has it open, and all of it is in its one file; SQLite would make the others to read it in any other way
  return { uri: uriOf(path, { mode: 'ro', immutable: '1' }), isLocked: false }
}

function uriOf(path: string, params: Readonly<Record<string, string>>): string {
  const url = pathToFileURL(path)
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
  return url.href
}

async function fileAt(path: string): Promise<BigIntStats | undefined> {
  const stats = await ifMissing(lstat(path, { bigint: true }))
  if (stats === undefined || stats.isFile()) return stats
  throw problem('unprocessable', { detail: `${path} is a link or a special file; only regular files are read` })
}

/** Without its `ctime`: where a reader is root, SQLite sets the owner of a log that it opens, to what it was. */
function markOf({ dev, ino, size, mtimeNs }: BigIntStats): string[] {
  return [dev, ino, size, mtimeNs].map(String)
}

async function headOf(path: string, bytes: number): Promise<Buffer> {
  const file = await ifMissing(open(path, 'r'))
  if (file === undefined) return Buffer.alloc(0)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** Whether somebody holds the byte: Linux lists the locks of this machine; where nothing is listed, nobody is known to. */
async function isLocked({ ino }: BigIntStats): Promise<boolean> {
  const locks = (await ifMissing(readFile('/proc/locks', 'utf8'))) ?? ''
  return locks.split('\n').some((line) => line.includes(`:${ino} ${OPEN_BYTE} `))
}
