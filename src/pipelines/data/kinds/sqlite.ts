/** Sources that are rows of a query to a file of SQLite on the server's machine, read as one snapshot and kept as Parquet. */
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { problem } from '../../../contract/errors.ts'
import { putManifest } from '../../../store/blobs/trees.ts'
import type { Place } from '../../spec/external/source.ts'
import { lookAt, openingOf, type Look } from '../sqlite/beside.ts'
import { queryApart } from '../sqlite/child.ts'
import type { Queried, QueryTask } from '../sqlite/task.ts'
import { SourceAway, within, type Asked, type Limits, type Reading } from './asked.ts'
import { allowedPath, inWords } from './files.ts'

type SqlitePlace = Extract<Place, { kind: 'sqlite' }>

/** A change that is younger may be followed by another with the same time, ns. */
const SETTLED_NS = 2_500_000_000n
/** Rows that are sorted go to the disk; what is beyond it are values that are large by themselves. */
const MEMORY_BYTES = 1024 * 1024 * 1024
/** Longest wait for a lock of another program, ms. */
const PATIENCE_MS = 10_000

/**
 * Runs the query in a process of its own. Its rows are unchanged where the database and the files beside it are as they were, the newest
 * change was settled when they were read, and the query asks neither for the time of the day nor for chance.
 */
export async function readSqlite(asked: Asked<SqlitePlace>): Promise<Reading> {
  try {
    return await readQuery(asked)
  } catch (error) {
    throw inWords(error, asked.place.path)
  }
}

async function readQuery({ place, blobs, access, before, limits }: Asked<SqlitePlace>): Promise<Reading> {
  const path = await allowedPath(place.path, access)
  const first = await lookAt(path)
  const isSettled = ageOf(first) > SETTLED_NS
  if (isSettled && first.state === before) return 'unchanged'
  const made: { queried?: Queried } = {}
  // whoever keeps nothing does not begin to read, and so the query does not run
  const { digest, size } = await blobs.put(queried({ place, path, limits, made }))
  const { queried: of } = made
  if (of === undefined) throw new Error('the rows of a query were kept before they were read')
  const isSame = (await lookAt(path)).state === first.state
  return {
    tree: await putManifest(blobs, [{ path: '', size, digest, executable: false }]),
    version: null,
    dataAt: of.data_at,
    token: isSettled && isSame && of.is_fixed ? first.state : null,
    rows: of.rows,
  }
}

function ageOf({ changed }: Look): bigint {
  return BigInt(Date.now()) * 1_000_000n - changed
}

interface Querying {
  readonly place: SqlitePlace
  readonly path: string
  readonly limits: Limits
  readonly made: { queried?: Queried }
}

/** The bytes of the Parquet file. */
async function* queried({ place, path, limits, made }: Querying): AsyncGenerator<Uint8Array> {
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-sqlite-'))
  try {
    const into = join(scratch, 'rows.parquet')
    made.queried = await query({ place, path, limits }, { into, scratch })
    // the limit is held against the values, whatever they are packed to
    yield* within(createReadStream(into), { ...limits, take: () => undefined })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function query(
  { place, path, limits }: Omit<Querying, 'made'>,
  to: Pick<QueryTask, 'into' | 'scratch'>,
): Promise<Queried> {
  const look = await lookForOpening(path, limits)
  const { uri, isLocked } = openingOf(path, look)
  const left = limits.left()
  const task: QueryTask = {
    ...to,
    uri,
    query: place.query,
    ordered: place.ordered,
    time: place.time,
    limit_bytes: limits.most,
    memory_bytes: MEMORY_BYTES,
    patience_ms: Math.ceil(Math.min(PATIENCE_MS, left / 2)),
  }
  const answer = await queryApart(task, Math.ceil(left) + 1)
  limits.check()
  if (answer === undefined) throw new SourceAway(`the query of ${path} was ended`)
  if (!isLocked && (await lookAt(path)).files !== look.files) throw new SourceAway(`${path} changed while it was read`)
  if ('done' in answer) return answer.done
  if ('away' in answer) throw new SourceAway(`${path}: ${answer.away}`)
  if ('over' in answer) limits.take(answer.over)
  throw problem('unprocessable', {
    detail: 'refused' in answer ? `${path}: ${answer.refused}` : `${path} gives too much`,
  })
}

/** Where no lock is to be had, the times of files tell whether they changed, and those tell nothing of what is too new. */
async function lookForOpening(path: string, limits: Limits): Promise<Look> {
  for (let tries = 0; tries < 2; tries++) {
    const look = await lookAt(path)
    const missing = SETTLED_NS - ageOf(look)
    if (openingOf(path, look).isLocked || missing < 0n) return look
    await wait(Math.min(Number(missing / 1_000_000n) + 1, limits.left()))
    limits.check()
  }
  throw new SourceAway(`${path} is written again and again by programs that have it open for moments alone`)
}
