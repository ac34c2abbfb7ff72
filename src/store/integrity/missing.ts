/** Compares what rows need with the blobs that there are, in portions that go on where the last one ended. */
import type { Blobs, Digest } from '../blobs/blobs.ts'
import { neededDigests } from '../blobs/reach.ts'
import type { Reachable } from '../blobs/reach.ts'

export interface ComparedPortion {
  /** The first shard, 0 to 255: blobs are compared by the first two digits of their digests. */
  readonly from: number
  /** Time after which no further shards are begun; those that are begun are ended. */
  readonly ms: number
  /** Digests that may be held in memory; one shard is compared at least. Default half a million. */
  readonly most?: number
}

export interface Compared {
  /** Needed by rows, and not there. */
  readonly missing: readonly Digest[]
  /** Of those that were asked for again: needed no more, or there again. */
  readonly found: readonly Digest[]
  /** Where the next portion begins; 0 when all were compared. */
  readonly next: number
}

const SHARDS = 256
const MOST_HELD = 500_000
/** Missing blobs that are named by one portion. */
const MOST_NAMED = 10_000

/** What is compared: `again` are blobs that were missing, wherever they lie; `unreadable` is told of trees whose files cannot be, for their manifest is corrupt. */
export interface Comparing {
  readonly blobs: Blobs
  readonly sources: readonly Reachable[]
  readonly again?: readonly Digest[]
  readonly unreadable?: (tree: Digest) => void
}

/** Compares a portion, shard by shard. Throws what a source throws, and nothing is said to be missing then. */
export async function compareBlobs(
  comparing: Comparing,
  { from, ms, most = MOST_HELD }: ComparedPortion,
): Promise<Compared> {
  const end = performance.now() + ms
  const missing = new Set<Digest>()
  let next = from
  do {
    const listed = await list(comparing.blobs, next, most)
    for (const digest of await notListed(comparing, listed))
      if (missing.size < MOST_NAMED && !(await comparing.blobs.has(digest))) missing.add(digest)
    next = listed.end
  } while (next < SHARDS && performance.now() < end)
  const found = (comparing.again ?? []).filter((digest) => !missing.has(digest))
  return { missing: [...missing], found, next: next === SHARDS ? 0 : next }
}

/** What is there in the shards from `first` up to `end`, without that. */
interface Listed {
  readonly there: ReadonlySet<Digest>
  readonly first: number
  readonly end: number
}

async function list(blobs: Blobs, first: number, most: number): Promise<Listed> {
  const there = new Set<Digest>()
  let end = first
  do {
    for await (const { digest } of blobs.list(end.toString(16).padStart(2, '0'))) there.add(digest)
    end++
  } while (end < SHARDS && there.size < most)
  return { there, first, end }
}

/** What is needed and was not there when it was listed, before the rows were read: some may have come since. */
async function notListed(
  { blobs, sources, again = [], unreadable }: Comparing,
  { there, first, end }: Listed,
): Promise<Set<Digest>> {
  const asked = new Set(again)
  const gone = new Set<Digest>()
  for await (const digest of neededDigests(blobs, sources, unreadable ?? (() => undefined))) {
    const shard = Number.parseInt(digest.slice(7, 9), 16)
    const absent = shard >= first && shard < end && !there.has(digest)
    if (absent || asked.has(digest)) gone.add(digest)
  }
  return gone
}
