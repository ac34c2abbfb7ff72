/** The list of blobs that are corrupt, or missing: in memory for every read, in the database for the other processes and for later. */
import type { BlobInfo, Digest } from './blobs/blobs.ts'
import type { Clock } from '../contract/ids.ts'
import type { Db } from './db.ts'

export interface CorruptBlob extends BlobInfo {
  /** Ms since 1970. */
  readonly found_at: number
  readonly found_by: 'look' | 'read'
  /** missing: a row needs it, and it is not there. */
  readonly fault: 'corrupt' | 'missing'
}

const ALL = 'SELECT digest, size, found_at, found_by, fault FROM corrupt_blobs'
const ADD = `INSERT INTO corrupt_blobs (digest, size, found_at, found_by, fault) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (digest) DO UPDATE SET fault = excluded.fault`

export class CorruptBlobs {
  readonly #clock: Clock
  readonly #known = new Map<Digest, CorruptBlob>()
  /** Those that the database does not have: it was not open yet, or takes no writes. */
  readonly #unwritten = new Set<Digest>()
  /** Counts what this process changes, so that an older answer of the database undoes none of it. */
  #changes = 0
  #db: Db | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes over what the database has; before that nothing is written. */
  async open(db: Db): Promise<void> {
    this.#db = db
    await this.#refresh()
  }

  /** How many are known to this process. */
  get count(): number {
    return this.#known.size
  }

  /** Corrupt as this process knows it; `list` asks what other processes on the database have found and mended. */
  has(digest: Digest): boolean {
    return this.#known.get(digest)?.fault === 'corrupt'
  }

  /** Corrupt or missing as this process knows it. */
  lists(digest: Digest): boolean {
    return this.#known.has(digest)
  }

  /** All, the newest first; this process knows them from then on. */
  async list(): Promise<CorruptBlob[]> {
    await this.#refresh()
    return this.known()
  }

  /** All that this process knows, the newest first. */
  known(): CorruptBlob[] {
    return [...this.#known.values()].sort((a, b) => b.found_at - a.found_at)
  }

  /** Notes a blob; on a disk that takes no writes it is known until the process ends. */
  async add({ digest, size }: BlobInfo, found_by: CorruptBlob['found_by'], fault: CorruptBlob['fault'] = 'corrupt') {
    // another process may have mended it since, and then it is hurt again
    if (this.#known.get(digest)?.fault === fault) await this.#refresh()
    if (this.#known.get(digest)?.fault === fault) return
    const row: CorruptBlob = { digest, size, found_at: this.#clock(), found_by, fault }
    this.#known.set(digest, row)
    this.#unwritten.add(digest)
    if (this.#db === undefined) return
    await this.#db.tx((t) => t.run(ADD, [digest, size, row.found_at, found_by, fault]))
    this.#changes++
    this.#unwritten.delete(digest)
  }

  /** Forgets a blob: it was stored again, found sound, or is needed no more. */
  async remove(digest: Digest): Promise<void> {
    if (!this.#known.delete(digest)) return
    this.#unwritten.delete(digest)
    this.#changes++
    await this.#db?.tx((t) => t.run('DELETE FROM corrupt_blobs WHERE digest = ?', [digest]))
    this.#changes++
  }

  async #refresh(): Promise<void> {
    if (this.#db === undefined) return
    let [rows, before]: [CorruptBlob[], number] = [[], -1]
    while (before !== this.#changes) {
      before = this.#changes
      rows = await this.#db.all<CorruptBlob>(ALL)
    }
    for (const digest of this.#known.keys()) if (!this.#unwritten.has(digest)) this.#known.delete(digest)
    for (const row of rows) this.#known.set(row.digest, row)
  }
}
