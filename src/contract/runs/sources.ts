/** What a run read of the sources that its project file declares. */
import { z } from 'zod'

/** As RFC 3339 in UTC. */
const time = z.string()
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)

/** A source as a run has it: what it gave, kept by content before the first step began. */
export const PinnedSource = z.object({
  name: z.string(),
  kind: z.enum(['file', 'http', 's3', 'sql', 'sqlite', 'pypi', 'data_set', 'features']),
  /** Its path, address, query (of SQLite with its file), package, data set or feature service with its version; without secrets. */
  place: z.string(),
  /** Of the tree that it gave: equal contents have equal digests. */
  digest,
  /** Bytes. */
  size: z.number().int(),
  files: z.number().int(),
  /** Of a table; null where it is none. */
  rows: z.number().int().nullable(),
  /** What the place calls this state of it: a version id, an etag, a snapshot of the database, the hash of a package; null where it says nothing. */
  version: z.string().nullable(),
  /** How old the data is by its place; null where that is not told. */
  data_at: time.nullable(),
  /** When it was read, or found unchanged. */
  read_at: time,
  /** True where the place said that nothing has changed, so that what an earlier run had read was taken. */
  unchanged: z.boolean(),
  /** Set where the data was older than `fresh` allows and the project file says to go on. */
  stale: z.string().nullable(),
})
export type PinnedSource = z.output<typeof PinnedSource>
