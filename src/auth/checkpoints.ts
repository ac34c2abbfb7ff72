/** Checkpoints of the audit chain: written outside of the database, so that whoever changes that cannot cut the end of the chain unseen. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ifRefused } from '../contract/absence/absent.ts'
import type { Principal } from '../contract/access.ts'
import { toTime } from '../contract/fields.ts'
import type { Clock } from '../contract/ids.ts'
import { readRestored, RESTORED_FILE } from '../store/backup/restored.ts'
import type { Notes } from '../store/blobs/blobs.ts'
import type { Db } from '../store/db.ts'
import { GENESIS, verifyAudit } from './audit.ts'
import type { Audit, AuditVerdict } from './audit.ts'
import { addLine, readCheckpoints, readTail } from './checkpoint-file.ts'
import type { Tail } from './checkpoint-file.ts'
import { foreignFaults, joinCopies, judge, judgeOthers, otherFaults } from './checkpoint-judge.ts'
import type { Restored } from './checkpoint-judge.ts'
import { fileSigner, isSigned, nameOfKey, readLine, readLines } from './checkpoint-record.ts'
import type { Checkpoint, ReadCheckpoint, Signer } from './checkpoint-record.ts'
import { copiesOfOthers, goneLines, noteSigned } from './checkpoint-traces.ts'
import { SYSTEM } from './tokens.ts'

/** Names in the data folder. The key is in no backup: a restored server signs with one of its own. */
export const CHECKPOINTS_FILE = 'audit-checkpoints.jsonl'
const KEY_FILE = 'audit-signing.pem'

/** A checkpoint is written so often where rows were added, ms: rows that are younger can be cut unseen. */
const EVERY_MS = 5 * 60_000

export interface CheckpointDeps {
  readonly db: Db
  readonly clock: Clock
  readonly dataDir: string
  readonly audit: Audit
  /** Where copies are kept outside of the data folder; undefined where there is no such place. */
  readonly notes: Notes | undefined
  readonly onError: (error: unknown) => void
}

/** What the chain is, held against its checkpoints; without a row where these were changed themselves. */
export type Verified = (AuditVerdict | { ok: false; reason: string }) & {
  /** How many there are, the newest, and how many have a copy outside of the data folder. */
  readonly checkpoints: {
    readonly count: number
    readonly newest: string | null
    readonly copied: number
    /** Copies that other keys have signed and the file lacks: of other folders on the same tables, or of files that are gone. */
    readonly others: number
  }
  readonly restored: Restored[]
}

export interface Checkpoints {
  /** Writes what a restore has left to say, before anything is added to the chain. */
  tellRestore(): Promise<void>
  /** Writes a checkpoint when rows came, and one every five minutes in which rows came. */
  start(): void
  /** Writes the last one. */
  stop(): Promise<void>
  /** Writes one now; returns its line. */
  write(note: string): Promise<string>
  /** Says that the database was brought back to an older state by hand; returns the line. */
  tellRestored(who: Principal, note: string): Promise<string>
  verify(): Promise<Verified>
}

export function checkpoints(deps: CheckpointDeps): Checkpoints {
  const book = new Book(deps)
  let timer: NodeJS.Timeout | undefined
  const look = (note: string): Promise<void> => book.look(note).catch(deps.onError)
  return {
    tellRestore: () => book.tellRestore().catch(deps.onError),
    start() {
      // copies may take their time; the server starts meanwhile
      void look('start')
      timer = setInterval(() => void look('time'), EVERY_MS).unref()
    },
    async stop() {
      clearInterval(timer)
      await look('stop')
    },
    write: (note) => book.write({ kind: 'checkpoint', note }),
    tellRestored: (who, note) => book.tellRestored(who, note),
    verify: () => book.verify(),
  }
}

/** The file of checkpoints and its copies; one act at a time. */
class Book {
  readonly #deps: CheckpointDeps
  readonly #file: string
  /** Names of copies; undefined before they were listed. */
  #sent: Set<string> | undefined
  #signer: Signer | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: CheckpointDeps) {
    this.#deps = deps
    this.#file = join(deps.dataDir, CHECKPOINTS_FILE)
  }

  /** Writes a checkpoint when the chain has grown, and sends the copies that are missing. Throws when the chain lacks what was signed. */
  look(note: string): Promise<void> {
    return this.#alone(async () => {
      const newest = (await readTail(this.#file)).points.at(-1)
      if (newest !== undefined) await this.#assertHolds(newest)
      const { rows } = await this.#head()
      if (rows > 0 && rows !== newest?.rows) await this.#add({ kind: 'checkpoint', note })
      await this.#copy()
    })
  }

  write(said: Pick<Checkpoint, 'kind' | 'note'>): Promise<string> {
    return this.#alone(async () => {
      const line = await this.#add(said)
      await this.#copy()
      return line
    })
  }

  /** A folder that was made from a backup says so once, in the file and in the chain. */
  async tellRestore(): Promise<void> {
    const { dataDir } = this.#deps
    const restored = await readRestored(dataDir)
    if (restored === undefined) return
    await this.tellRestored(SYSTEM, `restored from the backup of ${restored.created_at}`, { ...restored })
    await rm(join(dataDir, RESTORED_FILE))
  }

  tellRestored(who: Principal, note: string, detail: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { db, audit } = this.#deps
    return this.#alone(async () => {
      const line = await this.#add({ kind: 'restored', note })
      const entry = { verb: 'manage', resource: 'audit', id: 'restored', detail: { note, ...detail } } as const
      await db.tx((t) => audit.record(t, who, entry))
      return line
    })
  }

  async verify(): Promise<Verified> {
    const file = await readLines(await readCheckpoints(this.#file))
    const copies = await this.#copies(file.points)
    const { points, faults } = joinCopies(file.points, copies)
    const { certified, restored } = judge(points)
    const { db, dataDir, notes } = this.#deps
    const others = notes === undefined ? [] : await copiesOfOthers(notes, this.#own().key, file.points)
    const held = judgeOthers(others, restored)
    const verdict = await verifyAudit(
      db,
      [...certified, ...held].toSorted((a, b) => a.rows - b.rows),
    )
    const checkpoints = {
      count: points.length,
      newest: points.at(-1)?.at ?? null,
      copied: copies.length,
      others: others.length,
    }
    const gone = [...(await goneLines(db, dataDir, file.points)), ...(db.kind === 'sqlite' ? otherFaults(held) : [])]
    const [fault] = [...file.faults, ...foreignFaults(file.points, this.#own().key), ...faults, ...gone]
    if (!verdict.ok || fault === undefined) return { ...verdict, checkpoints, restored }
    return { ok: false, reason: `the checkpoints were changed: ${fault}`, checkpoints, restored }
  }

  async #head(): Promise<Pick<Checkpoint, 'rows' | 'head'>> {
    const last = await this.#deps.db.get<{ seq: number; hash: string }>(
      'SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1',
    )
    return { rows: last?.seq ?? 0, head: last?.hash ?? GENESIS }
  }

  async #assertHolds({ rows, head, at }: ReadCheckpoint): Promise<void> {
    if (rows === 0) return
    const row = await this.#deps.db.get<{ hash: string }>('SELECT hash FROM audit WHERE seq = ?', [rows])
    if (row?.hash === head) return
    const what = row === undefined ? 'missing' : 'another'
    throw new Error(
      `the audit chain is not what the checkpoint of ${at} has signed: row ${rows} is ${what}; see slipway audit verify`,
    )
  }

  async #add({ kind, note }: Pick<Checkpoint, 'kind' | 'note'>): Promise<string> {
    const tail: Tail = await readTail(this.#file)
    const n = (tail.points.at(-1)?.n ?? 0) + 1
    const at = toTime(this.#deps.clock())
    const line = this.#own().sign({ n, kind, at, ...(await this.#head()), prev: tail.prev, note })
    await addLine(this.#file, line, tail)
    const point = readLine(line)
    const { db, dataDir } = this.#deps
    if (point !== undefined) await ifRefused(noteSigned(db, dataDir, point), 'storage_full', 'storage_corrupt')
    return line
  }

  #own(): Signer {
    return (this.#signer ??= fileSigner(join(this.#deps.dataDir, KEY_FILE)))
  }

  /** Sends the newest lines that this folder has signed and that have no copy yet. */
  async #copy(): Promise<void> {
    const { notes } = this.#deps
    if (notes === undefined) return
    const { key } = this.#own()
    this.#sent ??= await namesOf(notes, placeOf(key))
    for (const point of (await readTail(this.#file)).points) {
      const name = nameOf(point)
      if (point.key !== key || this.#sent.has(name)) continue
      await notes.put(name, point.line)
      this.#sent.add(name)
    }
  }

  /** The copies of what this folder has signed; those that the file has too are not fetched. */
  async #copies(points: readonly ReadCheckpoint[]): Promise<ReadCheckpoint[]> {
    const { notes } = this.#deps
    if (notes === undefined) return []
    const here = new Map(points.map((point) => [nameOf(point), point]))
    const found: ReadCheckpoint[] = []
    for await (const name of notes.names(placeOf(this.#own().key))) {
      const point = here.get(name) ?? readLine(await notes.get(name))
      if (point !== undefined && (here.has(name) || isSigned(point))) found.push(point)
    }
    return found
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = Promise.allSettled([done])
    return done
  }
}

async function namesOf(notes: Notes, below: string): Promise<Set<string>> {
  const names = new Set<string>()
  for await (const name of notes.names(below)) names.add(name)
  return names
}

function placeOf(key: string): string {
  return `audit/${nameOfKey(key)}/`
}

function nameOf({ key, n, hash }: ReadCheckpoint): string {
  return `${placeOf(key)}${String(n).padStart(8, '0')}-${hash}.json`
}
