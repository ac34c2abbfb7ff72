/** Collection of blobs that nothing reaches: first condemned, then deleted once they were unreachable for the grace period. */
import type { Blobs, Digest } from './blobs.ts'
import type { Db, Tx } from '../db.ts'
import { faultPoint } from '../fault.ts'
import { deleteRows } from '../sql/rows.ts'
import { inList, insertRows, sql } from '../sql/sql.ts'
import { neededDigests } from './reach.ts'
import type { Reachable } from './reach.ts'

export interface CollectDeps {
  readonly db: Db
  readonly blobs: Blobs
  /** Wall time in ms since 1970. */
  readonly clock: () => number
}

/** A number of blobs and their bytes. */
export interface Amount {
  readonly blobs: number
  readonly bytes: number
}

export interface Collected {
  /** All that is stored. */
  readonly stored: Amount
  /** What was deleted; in a dry run what would have been. */
  readonly deleted: Amount
  /** What nothing reaches, but too young or not unreachable for long enough. */
  readonly waiting: Amount
}

export interface CollectOptions {
  /** A blob must not have been stored, and must have been unreachable, for so long, ms. */
  readonly graceMs: number
  /** Only look. */
  readonly dryRun?: boolean
}

/** Rows of one statement. */
const CHUNK = 400

/**
 * Deletes blobs that no source reaches. A blob goes only when it was not stored within the grace period and an earlier
 * collection, at least the grace period ago, had found it unreachable too: so a row that is written meanwhile for bytes that
 * are there already finds them. The blobs are listed before the sources are asked, so a blob that is stored meanwhile is
 * never looked at. May be killed at any point and may run in several processes.
 */
export async function collectGarbage(
  deps: CollectDeps,
  sources: readonly Reachable[],
  { graceMs, dryRun = false }: CollectOptions,
): Promise<Collected> {
  const now = deps.clock()
  const before = now - graceMs
  const all = new Map<Digest, { size: number; old: boolean }>()
  const stored = tally()
  for await (const { digest, size, touched_at } of deps.blobs.list()) {
    all.set(digest, { size, old: touched_at < before })
    stored.add(size)
  }
  faultPoint('collect.listed')
  for await (const digest of neededDigests(deps.blobs, sources)) all.delete(digest)
  faultPoint('collect.reached')
  const since = dryRun ? await condemned(deps.db) : await condemn(deps.db, [...all.keys()], now)
  faultPoint('collect.condemned')
  const deleted = tally()
  const waiting = tally()
  const gone: Digest[] = []
  for (const [digest, { size, old }] of all) {
    const ripe = old && (since.get(digest) ?? now) <= before
    if (!ripe || !(dryRun || (await deps.blobs.deleteIdle(digest, before)))) waiting.add(size)
    else {
      deleted.add(size)
      gone.push(digest)
    }
  }
  if (!dryRun) {
    await deps.db.tx((t) => pardon(t, gone))
    faultPoint('collect.done')
    await deps.blobs.sweep()
  }
  return { stored: stored.amount(), deleted: deleted.amount(), waiting: waiting.amount() }
}

function tally() {
  let blobs = 0
  let bytes = 0
  return {
    add(size: number): void {
      blobs += 1
      bytes += size
    },
    amount: (): Amount => ({ blobs, bytes }),
  }
}

async function condemned(db: Pick<Db, 'all'>): Promise<Map<Digest, number>> {
  const rows = await db.all<{ digest: Digest; since: number }>('SELECT digest, since FROM condemned_blobs')
  return new Map(rows.map((row) => [row.digest, row.since]))
}

/** Notes what is unreachable now and forgets what is not any more. Returns since when each is known to be unreachable. */
function condemn(db: Db, unreachable: readonly Digest[], now: number): Promise<Map<Digest, number>> {
  return db.tx(async (t) => {
    await t.lock('collect')
    const since = await condemned(t)
    const wanted = new Set(unreachable)
    await pardon(
      t,
      [...since.keys()].filter((digest) => !wanted.has(digest)),
    )
    const fresh = unreachable.filter((digest) => !since.has(digest))
    const rows = fresh.map((digest) => [digest, now])
    await insertRows(t, 'INSERT INTO condemned_blobs (digest, since)', rows)
    for (const digest of fresh) since.set(digest, now)
    return since
  })
}

async function pardon(t: Tx, digests: readonly Digest[]): Promise<void> {
  for (const chunk of chunks(digests)) await deleteRows(t, 'condemned_blobs', sql`digest IN ${inList(chunk)}`)
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, i) => items.slice(i * CHUNK, (i + 1) * CHUNK))
}
