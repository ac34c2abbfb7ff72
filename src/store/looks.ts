/** Looks at what is stored: the database at the start and each night, the blobs in portions, and what came of it. */
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ifRefused } from '../contract/absence/absent.ts'
import { toTime } from '../contract/fields.ts'
import type { Clock } from '../contract/ids.ts'
import type { StorageState } from '../contract/system.ts'
import type { Blobs, Digest } from './blobs/blobs.ts'
import type { Reachable } from './blobs/reach.ts'
import { DATABASE_FILE } from './open.ts'
import type { CorruptBlob, CorruptBlobs } from './corrupt-blobs.ts'
import type { Damage } from './damage.ts'
import { diskRoom } from './disk-room.ts'
import type { DiskRoom } from './disk-room.ts'
import type { Db } from './db.ts'
import { ask } from './integrity/look.ts'
import { compareBlobs } from './integrity/missing.ts'
import type { BlobAnswer } from './integrity/look-process.ts'
import type { Checked } from './integrity/quick-check.ts'

export interface LookDeps {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly dataDir: string
  readonly blobsUrl?: string | undefined
  readonly damage: Damage
  readonly corrupt: CorruptBlobs
  readonly onError: (error: unknown) => void
}

/**
 * How much one look may take: the database, ms; the blobs, ms and bytes; their comparison with the rows, ms. In the `background` the
 * server and its steps go before it.
 */
export interface LookLimits {
  readonly background: boolean
  readonly databaseMs: number
  readonly blobMs: number
  readonly blobBytes: number
  readonly comparedMs: number
}

/** Each night. A file of some 100 GB and a store of some TB are then looked at over several nights. */
export const NIGHTLY: LookLimits = {
  background: true,
  databaseMs: 15 * 60_000,
  blobMs: 60 * 60_000,
  blobBytes: 256 * 1024 ** 3,
  comparedMs: 15 * 60_000,
}

export interface Looks {
  /** Whether something is known to be corrupt: the database, and how many blobs. */
  summary(): { readonly database: boolean; readonly blobs: number }
  state(): Promise<StorageState>
  /** How much room the disk of the data folder has. */
  disk(): Promise<DiskRoom>
  /**
   * Looks at the database, the next portion of the blobs, and whether what `sources` need is there. A look that is under way is waited
   * for instead.
   */
  look(sources: readonly Reachable[], limits?: LookLimits, signal?: AbortSignal): Promise<void>
  /** Looks at the database; `checked` is what the opening of a small file has found already. */
  lookAtDatabase(ms: number, checked?: Checked): Promise<void>
  /** Ends what is under way. */
  stop(): Promise<void>
}

type DatabaseState = Pick<StorageState['database'], 'state' | 'detail' | 'checksums'> & { readonly at: number | null }

interface DatabaseLimits {
  readonly ms: number
  readonly background: boolean
}

interface BlobState {
  /** Where the next portion begins. */
  readonly after: string
  readonly at: number | null
  readonly began_at: number | null
  readonly ended_at: number | null
  readonly blobs: number
  readonly bytes: number
  /** The shard at which the next comparison with the rows begins, and when the last round of it ended. */
  readonly compared: number
  readonly compared_at: number | null
}

const UNSEEN: DatabaseState = { state: 'unknown', detail: 'it was not looked at yet', checksums: null, at: null }
const NONE: BlobState = {
  after: '',
  at: null,
  began_at: null,
  ended_at: null,
  blobs: 0,
  bytes: 0,
  compared: 0,
  compared_at: null,
}
const MOST_SHOWN = 1000
/** Where the data folder has models laid out for serving. */
const MODELS = 'models'

export function looks(deps: LookDeps): Looks {
  return new StoreLooks(deps)
}

class StoreLooks implements Looks {
  readonly #deps: LookDeps
  readonly #stopping = new AbortController()
  #database: DatabaseState | undefined
  #blobs: BlobState | undefined
  #looking: Promise<void> | undefined

  constructor(deps: LookDeps) {
    this.#deps = deps
    deps.damage.onSuspicion(() => void this.lookAtDatabase(NIGHTLY.databaseMs).catch(deps.onError))
  }

  summary(): { database: boolean; blobs: number } {
    const { damage, corrupt } = this.#deps
    return { database: damage.found() !== undefined || this.#database?.state === 'corrupt', blobs: corrupt.count }
  }

  disk(): Promise<DiskRoom> {
    return diskRoom(this.#deps.dataDir)
  }

  async state(): Promise<StorageState> {
    const { db, damage } = this.#deps
    const known = this.#database ?? UNSEEN
    const found = damage.found()
    const { at, ...database } = found === undefined ? known : { ...known, state: 'corrupt' as const, detail: found }
    const blobs = await this.#blobState()
    const all = await this.#listed()
    return {
      disk: await this.disk(),
      database: {
        kind: db.kind,
        ...database,
        remedy: database.state === 'corrupt' ? damage.remedy() : null,
        looked_at: timeOf(at),
      },
      blobs: {
        corrupt: all.slice(0, MOST_SHOWN).map((one) => ({ ...one, found_at: toTime(one.found_at) })),
        corrupt_count: all.length,
        missing_count: all.filter(({ fault }) => fault === 'missing').length,
        looked_at: timeOf(blobs.at),
        compared_at: timeOf(blobs.compared_at),
        round: {
          began_at: timeOf(blobs.began_at),
          ended_at: timeOf(blobs.ended_at),
          blobs: blobs.blobs,
          bytes: blobs.bytes,
        },
      },
    }
  }

  look(sources: readonly Reachable[], limits: LookLimits = NIGHTLY, signal?: AbortSignal): Promise<void> {
    this.#looking ??= this.#look(sources, limits, signal).finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async lookAtDatabase(ms: number, checked?: Checked): Promise<void> {
    return this.#lookAtDatabase({ ms, background: true }, checked)
  }

  async #lookAtDatabase(limits: DatabaseLimits, checked?: Checked): Promise<void> {
    const { db, clock, damage } = this.#deps
    const found =
      db.kind === 'sqlite' ? judged(checked ?? (await this.#quickCheck(limits)), limits.ms) : await checksums(db)
    this.#database = { ...found, at: clock() }
    if (found.state === 'corrupt' && db.kind === 'sqlite') damage.tell(found.detail)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled([this.#looking])
  }

  async #look(sources: readonly Reachable[], limits: LookLimits, signal?: AbortSignal): Promise<void> {
    // what is known stays so until a start
    const { background, databaseMs } = limits
    if (this.#deps.damage.found() === undefined) await this.#lookAtDatabase({ ms: databaseMs, background })
    const stop = signal === undefined ? this.#stopping.signal : AbortSignal.any([signal, this.#stopping.signal])
    const sound = await this.#lookAtBlobs(limits, stop)
    if (!stop.aborted) await this.#compare(sources, sound, limits.comparedMs)
  }

  /** Whether what rows need is there; `sound`: blobs that a look has taken for sound, for one that is gone is no corrupt one. */
  async #compare(sources: readonly Reachable[], sound: readonly Digest[], ms: number): Promise<void> {
    const { blobs, corrupt, clock, onError } = this.#deps
    const before = await this.#blobState()
    const known = (await this.#listed()).filter(({ fault }) => fault === 'missing').map(({ digest }) => digest)
    const portion = { from: before.compared, ms }
    const unreadable = (tree: Digest): void => onError(new Error(`the files of the tree ${tree} cannot be compared`))
    const comparing = { blobs, sources, again: [...known, ...sound], unreadable }
    const { missing, found, next } = await compareBlobs(comparing, portion)
    for (const digest of missing) await this.#noted(corrupt.add({ digest, size: 0 }, 'look', 'missing'))
    for (const digest of found) await this.#noted(corrupt.remove(digest))
    const compared_at = next === 0 ? clock() : before.compared_at
    await this.#keep({ ...before, compared: next, compared_at })
  }

  /** A disk that takes no writes does not end a look. */
  async #noted(noting: Promise<void>): Promise<void> {
    await ifRefused(noting, 'storage_full', 'storage_corrupt', 'storage_unreadable')
  }

  #quickCheck({ ms, background }: DatabaseLimits): Promise<Checked | undefined> {
    const database = join(this.#deps.dataDir, DATABASE_FILE)
    return ask<Checked>({ database, ms, background }, 2 * ms + 10_000, this.#stopping.signal)
  }

  /** Returns those of the corrupt blobs that are not corrupt any more. */
  async #lookAtBlobs(limits: LookLimits, stop: AbortSignal): Promise<readonly Digest[]> {
    const { background, blobMs: ms, blobBytes: bytes } = limits
    const { clock, corrupt, dataDir, blobsUrl } = this.#deps
    const before = await this.#blobState()
    const again = (await this.#listed()).filter(({ fault }) => fault === 'corrupt').map(({ digest }) => digest)
    const question = {
      background,
      blobs: { dataDir, url: blobsUrl ?? null },
      laidOut: join(dataDir, MODELS),
      again: again.slice(0, MOST_SHOWN),
      portion: { after: before.after, ms, bytes },
    }
    const seen = await ask<BlobAnswer>(question, 6 * ms + 60_000, stop)
    if (seen === undefined) return []
    for (const blob of seen.corrupt) await this.#noted(corrupt.add(blob, 'look'))
    for (const digest of seen.sound) await this.#noted(corrupt.remove(digest))
    for (const name of seen.laidOut) await this.#layOutAgain(name)
    const now = clock()
    const fresh = before.after === ''
    await this.#keep({
      ...before,
      after: seen.after,
      at: now,
      began_at: fresh ? now : before.began_at,
      ended_at: seen.after === '' ? now : null,
      blobs: seen.blobs + (fresh ? 0 : before.blobs),
      bytes: seen.bytes + (fresh ? 0 : before.bytes),
    })
    return seen.sound
  }

  /** What is missing is laid out again by whoever serves it. */
  async #layOutAgain(name: string): Promise<void> {
    const { dataDir, onError } = this.#deps
    const folder = join(dataDir, MODELS, name)
    await rename(folder, `${folder}.damaged`)
    await rm(`${folder}.damaged`, { recursive: true, force: true })
    onError(new Error(`the laid-out model ${folder} was not what is stored; it is laid out again`))
  }

  /** What the database says; where it is known to be damaged, and does not say it, what this process knows. */
  async #orKnown<T>(asked: Promise<T>, known: () => T): Promise<T> {
    if (this.#deps.damage.found() === undefined) return asked
    return (await ifRefused(asked, 'storage_unreadable')) ?? known()
  }

  /** Corrupt and missing blobs, the newest first. */
  #listed(): Promise<CorruptBlob[]> {
    const { corrupt } = this.#deps
    return this.#orKnown(corrupt.list(), () => corrupt.known())
  }

  #blobState(): Promise<BlobState> {
    return this.#orKnown(this.#keptBlobState(), () => this.#blobs ?? NONE)
  }

  async #keptBlobState(): Promise<BlobState> {
    const row = await this.#deps.db.get<{ value: string }>("SELECT value FROM store_facts WHERE name = 'look.blobs'")
    const kept: BlobState = row === undefined ? NONE : { ...NONE, ...(JSON.parse(row.value) as Partial<BlobState>) }
    return this.#blobs !== undefined && (this.#blobs.at ?? 0) > (kept.at ?? 0) ? this.#blobs : kept
  }

  /** Known to this process where nothing can be written. */
  async #keep(state: BlobState): Promise<void> {
    this.#blobs = state
    const kept = this.#deps.db.tx(async (t) => {
      await t.run(
        "INSERT INTO store_facts (name, value) VALUES ('look.blobs', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [JSON.stringify(state)],
      )
    })
    await this.#noted(kept)
  }
}

/** What came of a look through an SQLite file. */
export function judged(checked: Checked | undefined, ms: number): Omit<DatabaseState, 'at'> {
  const checksums = null
  if (checked === undefined)
    return { state: 'unknown', detail: `the look at it took longer than ${Math.round(ms / 1000)} s`, checksums }
  const { found, tables, left } = checked
  if (found.length > 0) return { state: 'corrupt', detail: found.join('; ').slice(0, 1000), checksums }
  if (tables === 0) return { state: 'sound', detail: 'it was new at the start', checksums }
  if (left === 0) return { state: 'sound', detail: `quick_check of ${tables} tables found nothing`, checksums }
  const detail = `quick_check found nothing in ${tables - left + 1} of ${tables} tables; the time did not suffice for the others`
  return { state: 'unknown', detail, checksums }
}

/** What PostgreSQL tells of its pages: whether it keeps checksums, and how many pages have failed theirs. */
async function checksums(db: Db): Promise<Omit<DatabaseState, 'at'>> {
  const set = await db.get<{ data_checksums: string }>('SHOW data_checksums')
  if (set?.data_checksums !== 'on') {
    const detail =
      'PostgreSQL keeps no checksums of its pages, so that damage is not found: stop it and run pg_checksums --enable'
    return { state: 'unknown', detail, checksums: false }
  }
  const row = await db.get<{ failures: number | null }>(
    'SELECT checksum_failures AS failures FROM pg_stat_database WHERE datname = current_database()',
  )
  const failures = row?.failures ?? 0
  if (failures === 0)
    return { state: 'sound', detail: 'no page that PostgreSQL has read failed its checksum', checksums: true }
  const detail = `${failures} pages failed their checksum since the statistics of PostgreSQL were reset`
  return { state: 'corrupt', detail, checksums: true }
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : toTime(ms)
}
