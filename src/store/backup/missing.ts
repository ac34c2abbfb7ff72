/** Finds the blobs that the rows of a backup need and that are not among its files. */
import type { Blobs, Digest } from '../blobs/blobs.ts'
import { neededDigests } from '../blobs/reach.ts'
import type { Reachable } from '../blobs/reach.ts'
import type { Db, Reader, SqlValue } from '../db.ts'
import { MIGRATIONS, readMigrations } from '../migrate.ts'
import { openPostgres } from '../postgres/postgres.ts'
import { openReader } from '../sqlite/connection.ts'
import { Statements } from '../sqlite/statements.ts'

/** What rows need of the blobs, one source for each part of the program that has such rows. */
export type Needed = (db: Reader) => readonly Reachable[]

/**
 * Digests that are needed and neither taken nor there, in order; undefined where the database is of another version, whose rows this
 * program does not read. Files of a tree whose manifest is corrupt are not asked for: that manifest stops the backup itself.
 */
export async function missingBlobs(
  db: Reader,
  needed: Needed,
  { blobs, taken }: { readonly blobs: Blobs; readonly taken: ReadonlySet<Digest> },
): Promise<Digest[] | undefined> {
  const applied = await db.all<{ number: number }>('SELECT number FROM schema_migrations')
  const [known, there] = [readMigrations(MIGRATIONS), new Set(applied.map(({ number }) => number))]
  if (known.length !== there.size || known.some(({ number }) => !there.has(number))) return undefined
  const missing = new Set<Digest>()
  for await (const digest of neededDigests(blobs, needed(db), () => undefined))
    // rows of a PostgreSQL are newer than the files, and so may be what they need
    if (!taken.has(digest) && (db.kind === 'sqlite' || !(await blobs.has(digest)))) missing.add(digest)
  return [...missing].sort()
}

/** Lets `use` read a database: the copy in a file, or the tables of a PostgreSQL. */
export async function reading<T>(
  from: { readonly file: string } | { readonly url: string },
  use: (db: Reader) => Promise<T>,
): Promise<T> {
  const db = 'url' in from ? openPostgres(from.url, { readers: 1 }) : readFile(from.file)
  try {
    return await use(db)
  } finally {
    await db.close()
  }
}

function readFile(file: string): Pick<Db, keyof Reader | 'close'> {
  const connection = openReader(file)
  const statements = new Statements(connection)
  return {
    kind: 'sqlite',
    all: async <R>(sql: string, params: readonly SqlValue[] = []) => statements.all(sql, params) as R[],
    get: async <R>(sql: string, params: readonly SqlValue[] = []) => statements.get(sql, params) as R | undefined,
    close: async () => void connection.close(),
  }
}
