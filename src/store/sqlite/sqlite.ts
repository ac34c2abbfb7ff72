/** The SQLite driver: one writer with group commit, one reader on the event loop, a few in processes for long reads. */
import { openReader, openWriter, type Connection } from './connection.ts'
import type { Db, Sql, Row, SqlValue, Tx } from '../db.ts'
import type { Columns, Gathering } from '../reads/columns.ts'
import { GatheredColumns, GatheredRows } from '../reads/columns.ts'
import { explained, unavailable } from '../failures.ts'
import { GroupCommit } from './group.ts'
import { knownDamage } from '../damage.ts'
import type { Damage } from '../damage.ts'
import { refuseNested } from '../nesting.ts'
import { OpenFiles } from './open-files.ts'
import { Readers } from './readers.ts'
import { copyName, saveCopy } from './save-copy.ts'
import { assertBindable, Statements } from './statements.ts'
import { UpkeepThread } from './upkeep.ts'
import { WalSync } from './wal.ts'

export interface SqliteOptions {
  /** Replaces the disk sync, for tests of its failure. */
  readonly sync?: () => Promise<void>
  /** How long a transaction waits for another process that writes, ms. Default 5000. */
  readonly busyMs?: number
  /** Longest read that a caller waits for, ms. Default 15 s. */
  readonly longestReadMs?: number
  /** What is known of damage to the file; default: what this connection sees. */
  readonly damage?: Damage
  /** How often the files are compared with what their names lead to, ms. Default a second. */
  readonly watchMs?: number
}

/** Opens or makes the database in the file `path` (its folder must exist). The caller migrates it. */
export function openSqlite(path: string, options: SqliteOptions = {}): Db {
  if (path === ':memory:') throw new Error('openSqlite needs a file: durability and long reads work on files')
  return new SqliteDb(path, options)
}

class SqliteDb implements Db {
  readonly kind = 'sqlite'
  readonly #writer: Connection
  readonly #reader: Connection
  readonly #reads: Statements
  readonly #wal: WalSync
  readonly #group: GroupCommit
  readonly #readers: Readers
  readonly #upkeep: UpkeepThread
  readonly #damage: Damage
  readonly #path: string
  readonly #files: OpenFiles
  readonly #watch: NodeJS.Timeout
  /** The files are not what was opened: what they held is saved, or could not be. */
  #saving: Promise<boolean> | undefined
  #groups = 0
  #groupsPerCheckpoint = 64
  #checkpointing = false
  #closed: Promise<void> | undefined

  constructor(path: string, options: SqliteOptions) {
    this.#path = path
    this.#damage = options.damage ?? knownDamage()
    this.#writer = openWriter(path)
    this.#reader = openReader(path)
    this.#reads = new Statements(this.#reader)
    // it opens the log with its first read, and later the log may be another
    this.#reads.get('SELECT count(*) FROM sqlite_schema')
    this.#wal = new WalSync(path)
    this.#files = new OpenFiles(path)
    this.#watch = setInterval(() => void this.#isMoved(), options.watchMs ?? WATCH_MS).unref()
    const sync = options.sync ?? (() => this.#wal.sync())
    this.#group = new GroupCommit(this.#writer, new Statements(this.#writer), {
      sync: () => this.#durable(sync),
      busyMs: options.busyMs ?? 5000,
      damage: this.#damage,
    })
    const { longestReadMs: longestMs } = options
    this.#readers = new Readers(path, longestMs === undefined ? {} : { longestMs })
    this.#upkeep = new UpkeepThread(path)
  }

  async all<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T[]> {
    return this.#read(() => this.#reads.all(sql, params)) as T[]
  }

  async get<T = Row>(sql: string, params?: readonly SqlValue[]): Promise<T | undefined> {
    return this.#read(() => this.#reads.get(sql, params)) as T | undefined
  }

  async tx<T>(work: (t: Tx) => Promise<T>): Promise<T> {
    refuseNested()
    if (this.#closed !== undefined) throw unavailable('it is closed')
    return (await this.#group.add(work)) as T
  }

  search<T = Row>(query: Sql): Promise<T[]> {
    return this.#search(query, new GatheredRows()) as Promise<T[]>
  }

  searchColumns(query: Sql): Promise<Columns> {
    return this.#search(query, new GatheredColumns())
  }

  async #search<T>({ text, params }: Sql, gathered: Gathering<T>): Promise<T> {
    assertBindable(params)
    // a reader process opens what the names lead to
    if (this.#isMoved()) throw unavailable('its file was moved or replaced')
    try {
      return await this.#readers.gather({ sql: text, parameters: params }, gathered)
    } catch (error) {
      this.#damage.saw(error)
      throw explained(error)
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#group.idle()
    clearInterval(this.#watch)
    await Promise.all([this.#readers.close(), this.#upkeep.close()])
    // once more, for there may be room now
    if (this.#isMoved() && (await this.#saving) === false) await this.#save()
    this.#reader.close()
    this.#writer.close()
    this.#wal.close()
  }

  #read<R>(statement: () => R): R {
    if (this.#closed !== undefined) throw unavailable('it is closed')
    try {
      return statement()
    } catch (error) {
      this.#damage.saw(error)
      throw explained(error)
    }
  }

  async #durable(sync: () => Promise<void>): Promise<void> {
    await sync()
    if (this.#isMoved('changedInFolder')) throw new Error('the file is not what was opened')
    if (++this.#groups >= this.#groupsPerCheckpoint && !this.#checkpointing) void this.#checkpoint()
  }

  /** Whether the files are not what their names lead to any more; at the first time writes end, and what they hold is saved. */
  #isMoved(look: 'changed' | 'changedInFolder' = 'changed'): boolean {
    if (this.#saving !== undefined) return true
    const what = this.#files[look]()
    if (what === undefined) return false
    this.#damage.tell(what, `what it holds is being saved beside ${this.#path}; do not end the server`)
    this.#saving = this.#save()
    return true
  }

  /** False when it could not be saved. */
  async #save(): Promise<boolean> {
    const file = copyName(this.#path, new Date())
    try {
      await this.#group.idle()
      await saveCopy(this.#reader, file)
      const [path, log] = [this.#path, `${this.#path}-wal ${this.#path}-shm`]
      this.#damage.mend(`what it held is saved: stop the server, rm -f ${log}, mv ${file} ${path}, start it`)
      return true
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#damage.mend(
        `what it holds could not be saved in ${file} (${why}); it is tried again when the server is stopped`,
      )
      return false
    }
  }

  /** A failure here is not the writer's: SQLite moves the log itself once it has grown further. */
  async #checkpoint(): Promise<void> {
    this.#checkpointing = true
    this.#groups = 0
    const pages = await this.#upkeep.checkpoint().catch(() => 0)
    if (pages > 0) this.#groupsPerCheckpoint = paced(this.#groupsPerCheckpoint, pages)
    this.#checkpointing = false
  }
}

/** How often the files are compared with what their names lead to, ms. */
const WATCH_MS = 1000

/** Pages that the log should hold when it is moved: few enough to be quick, enough to be worth the disk syncs. */
const CHECKPOINT_PAGES = 1000

/** The number of groups until the next checkpoint, from the pages that the last `groups` made. */
function paced(groups: number, pages: number): number {
  return Math.round(Math.min(4096, Math.max(8, (groups * CHECKPOINT_PAGES) / pages)))
}
