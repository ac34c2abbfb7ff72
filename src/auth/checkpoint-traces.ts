/** Traces of checkpoints outside of their file: how far each key had signed, as the database has it, and copies of other folders' checkpoints. */
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Notes } from '../store/blobs/blobs.ts'
import type { Db } from '../store/db.ts'
import { factsBelow, keepFact } from '../store/facts.ts'
import { isSigned, nameOfKey, readLine } from './checkpoint-record.ts'
import type { Checkpoint, ReadCheckpoint } from './checkpoint-record.ts'

/** How far a key had signed, and where. */
interface Signed {
  readonly n: number
  readonly at: string
  readonly rows: number
  /** The machine and the data folder. */
  readonly place: string
}

const FACT = 'audit.signed.'

/** Copies of each other key that are read, the newest. */
const MOST_READ = 20

/** Notes in the database that a key has signed a line. */
export async function noteSigned(db: Db, dataDir: string, { key, n, at, rows }: Checkpoint): Promise<void> {
  const signed: Signed = { n, at, rows, place: placeOf(dataDir) }
  await db.tx((t) => keepFact(t, FACT + nameOfKey(key), JSON.stringify(signed)))
}

/**
 * Lines that were signed here since the last restore and are not in the file, in words. Of a database that several folders share, those of
 * the others lie elsewhere and are not missed.
 */
export async function goneLines(db: Db, dataDir: string, points: readonly ReadCheckpoint[]): Promise<string[]> {
  const gone: string[] = []
  const restored = points.findLast(({ kind }) => kind === 'restored')?.at ?? ''
  for (const [fact, text] of await factsBelow(db, FACT)) {
    const key = fact.slice(FACT.length)
    const signed = JSON.parse(text) as Signed
    const newest = Math.max(0, ...points.filter((point) => nameOfKey(point.key) === key).map(({ n }) => n))
    const here = db.kind === 'sqlite' || signed.place === placeOf(dataDir)
    if (newest >= signed.n || !here || signed.at < restored) continue
    const kept = newest === 0 ? 'none of them is' : `those after line ${newest} are not`
    gone.push(`the key ${key} had signed ${signed.n} lines until ${signed.at}, and ${kept} in the file`)
  }
  return gone
}

/** Copies of what other keys have signed and the file does not have: the newest of each key, signatures checked. */
export async function copiesOfOthers(
  notes: Notes,
  own: string,
  points: readonly ReadCheckpoint[],
): Promise<ReadCheckpoint[]> {
  const here = new Set(points.map(({ hash }) => hash))
  const names = new Map<string, string[]>()
  for await (const name of notes.names('audit/')) {
    const [, key = '', hash = ''] = /^audit\/([0-9a-f]+)\/\d+-([0-9a-f]+)\.json$/.exec(name) ?? []
    if (key === '' || key === nameOfKey(own) || here.has(hash)) continue
    names.set(key, [...(names.get(key) ?? []), name].slice(-MOST_READ))
  }
  const found: ReadCheckpoint[] = []
  for (const [key, all] of names) {
    for (const name of all) {
      const point = readLine(await notes.get(name))
      if (point !== undefined && nameOfKey(point.key) === key && isSigned(point)) found.push(point)
    }
  }
  return found
}

function placeOf(dataDir: string): string {
  return `${hostname()}:${resolve(dataDir)}`
}
