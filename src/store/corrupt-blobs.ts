/** The list of corrupt blobs: in memory for every read, in the database for the other processes and for later. */
import type { BlobInfo, Digest } from './blobs/blobs.ts'
import type { Clock } from '../contract/ids.ts'
import type { Db } from './db.ts'

export interface CorruptBlob extends BlobInfo {
  /** Ms since 1970. */
  readonly found_at: number
  readonly found_by: 'look' | 'read'
}

export class CorruptBlobs {
  readonly #clock: Clock
  readonly #known = new Map<Digest, CorruptBlob>()
  #db: Db | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes over what the database has; before that nothing is written. */
  async open(db: Db): Promise<void> {
    for (const row of await db.all<CorruptBlob>('SELECT digest, size, found_at, found_by FROM corrupt_blobs'))
      this.#known.set(row.digest, row)
    this.#db = db
  }

  /** How many are known to this process. */
  get count(): number {
    return this.#known.size
  }

  /** By this process: other processes on the database are asked each time by `list`. */
  has(digest: Digest): boolean {
    return this.#known.has(digest)
  }

  /** All, the newest first. */
  async list(): Promise<CorruptBlob[]> {
    const rows = (await this.#db?.all<CorruptBlob>('SELECT digest, size, found_at, found_by FROM corrupt_blobs')) ?? []
    const all = new Map([...this.#known.values(), ...rows].map((one) => [one.digest, one]))
    return [...all.values()].sort((a, b) => b.found_at - a.found_at)
  }

  /** Notes a blob; on a disk that takes no writes it is known until the process ends. */
  async add({ digest, size }: BlobInfo, found_by: CorruptBlob['found_by']): Promise<void> {
    if (this.#known.has(digest)) return
    const row = { digest, size, found_at: this.#clock(), found_by }
    this.#known.set(digest, row)
    await this.#db?.tx((t) =>
      t.run('INSERT INTO corrupt_blobs (digest, size, found_at, found_by) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING', [
        digest,
        size,
        row.found_at,
        found_by,
      ]),
    )
  }

  /** Forgets a blob: it was stored again, found sound, or is gone. */
  async remove(digest: Digest): Promise<void> {
    if (!this.#known.delete(digest)) return
    await this.#db?.tx((t) => t.run('DELETE FROM corrupt_blobs WHERE digest = ?', [digest]))
  }
}
