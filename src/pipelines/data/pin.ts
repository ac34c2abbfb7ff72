/** Reads the declared sources of a run before its first step begins: what they give is kept by content and stands for the whole run. */
import { Problem, problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { PinnedSource } from '../../contract/runs/sources.ts'
import { egressStream } from '../../http/egress-stream.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { Tx } from '../../store/db.ts'
import { masker } from '../context/mask.ts'
import type { Context } from '../context/context.ts'
import type { JoinTable } from '../context/deps.ts'
import type { RunRow } from '../context/rows.ts'
import { placeText, type SourceSpec } from '../spec/external/source.ts'
import { SourceAway, SourceRefused, type Asked, type Given, type Reading } from './kinds/asked.ts'
import { judgeAge } from './freshness.ts'
import { keepReads, lastRead, type KeptRead } from './kept.ts'
import { readDataSet } from './kinds/data-set.ts'
import { readFeatures, type FeaturesAsked } from './kinds/features.ts'
import { readFiles } from './kinds/files.ts'
import { readHttp } from './kinds/http.ts'
import { readPypi } from './kinds/pypi.ts'
import { readS3 } from './kinds/s3.ts'
import { readSqlite } from './kinds/sqlite.ts'
import { limitsOf } from './limits.ts'
import { countRows } from './tables.ts'

/** A source of a run as it was read. */
export type PinnedRead = KeptRead & { readonly source: SourceSpec }

/** How others than runs read declared sources. */
export interface SourceReads {
  /** Reads a source, or finds what it gave the last time where nothing has changed. Throws `SourceAway` and `SourceRefused`, as for a run. */
  read(project: string, name: string, source: SourceSpec): Promise<PinnedRead>
  /** Keeps what was read as the last reading of its place, so that it is there for the next. */
  keep(t: Tx, project: string, reads: readonly PinnedRead[]): Promise<void>
}

export function sourceReads(context: Context): SourceReads {
  return {
    read: (project, name, source) => pinSource(context, project, [name, source]),
    keep: (t, project, reads) => keepReads(t, project, reads, context.deps.clock()),
  }
}

/** Nothing of the server's machine and no private host, where its operator says nothing. */
const NO_ACCESS = { folders: [], hidden: [], allow: [], index: 'https://pypi.org/simple' }

/**
 * Reads each source, one after the other. Throws `SourceAway` for one that is worth another try, and `SourceRefused` for one that is not as
 * the project file says, may not be read, or is too old.
 */
export async function pinSources(
  context: Context,
  run: RunRow,
  sources: Readonly<Record<string, SourceSpec>>,
  isWanted: () => Promise<boolean>,
): Promise<PinnedRead[]> {
  const pinned: PinnedRead[] = []
  for (const [name, source] of Object.entries(sources)) {
    if (!(await isWanted())) return []
    context.say(run.id, `reads source "${name}"`)
    pinned.push(await pinSource(context, run.project, [name, source]))
  }
  return pinned
}

/** Reads one source; what it gives is kept in `into`, default the store. Throws as `pinSources` does. */
export async function pinSource(
  context: Context,
  project: string,
  [name, source]: [string, SourceSpec],
  into: Blobs = context.deps.blobs,
): Promise<PinnedRead> {
  const { db, blobs, clock } = context.deps
  const known: string[] = []
  try {
    const last = await lastRead(db, blobs, project, source)
    const { asked, limits } = askFor(context, { project, source, last, known, into })
    const { place } = source
    const reading =
      place.kind === 'data_set'
        ? await readDataSet(context.deps.dataSets?.(), project, place)
        : place.kind === 'features'
          ? await joinFeatures(context, { project, place, limits, into })
          : await read({ ...asked, place })
    if (reading === 'unchanged' && last === undefined) throw new Error('nothing was there to compare with')
    const now = clock()
    const read_at = toTime(now)
    const pinned: PinnedSource =
      reading === 'unchanged'
        ? { ...(last as KeptRead).pinned, name, read_at, unchanged: true, stale: null }
        : await described(name, reading)
    const token = reading === 'unchanged' ? (last as KeptRead).token : reading.token
    if (pinned.size > source.limit_bytes) limits.take(pinned.size)
    return { source, token, pinned: { ...pinned, stale: judgeAge(source, pinned.data_at, now) } }

    async function described(of: string, given: Exclude<Reading, 'unchanged'>): Promise<PinnedSource> {
      const { digest, size, files } = given.tree
      // what is declared is looked at, whatever is known of the rows; a query is a CSV of our own
      const isTable = source.table !== null && source.place.kind !== 'sql'
      const rows = isTable ? await countRows(blobs, digest, source.table, limits) : (given.rows ?? null)
      const place = placeText(source.place)
      const data_at = given.dataAt === null ? null : toTime(Math.round(given.dataAt))
      const state = { rows, version: given.version, data_at, read_at, unchanged: false, stale: null }
      return { name: of, kind: source.place.kind, place, digest, size, files, ...state }
    }
  } catch (error) {
    throw inWords(error, name, masker(known))
  }
}

interface Joining extends Pick<FeaturesAsked, 'project' | 'place' | 'limits'> {
  readonly into: Blobs
}

/** What the table of entities is made of is read as sources of their own. */
async function joinFeatures(context: Context, { into, ...asked }: Joining): Promise<Given> {
  const { query, sources } = asked.place.entities
  const tables: Record<string, JoinTable> = {}
  for (const [name, source] of Object.entries(sources)) {
    const { pinned } = await pinSource(context, asked.project, [name, source], into)
    tables[name] = { digest: pinned.digest, table: source.table }
  }
  return readFeatures({ ...asked, joins: context.deps.features?.(), entities: { query, tables } })
}

interface Asking {
  readonly project: string
  readonly source: SourceSpec
  readonly last: KeptRead | undefined
  /** Values of secrets that were asked for, which no message repeats. */
  readonly known: string[]
  readonly into: Blobs
}

function askFor({ deps }: Context, { project, source, last, known, into }: Asking) {
  const access = deps.sources ?? NO_ACCESS
  const limits = limitsOf(source)
  const secret = async (name: string): Promise<string> => {
    const value = await deps.secret(project, name)
    if (value === undefined || value === '')
      throw problem('unprocessable', {
        detail: `the secret "${name}" is not set; set SLIPWAY_SECRET_${name} where the server runs`,
        reason: 'secret',
      })
    known.push(value, decodeURIComponent(URL.parse(value)?.password ?? ''))
    return value
  }
  const allow = [...access.allow, ...(source.place.kind === 'pypi' ? [new URL(access.index).host] : [])]
  const silenceMs = Math.min(30_000, Math.max(1, Math.ceil(limits.left())))
  const http = egressStream({ allow, silenceMs })
  const asked: Omit<Asked<SourceSpec['place']>, 'place'> = {
    blobs: into,
    access,
    http,
    secret,
    before: last?.token ?? null,
    limits,
  }
  return { asked, limits }
}

async function read({
  place,
  ...rest
}: Asked<Exclude<SourceSpec['place'], { kind: 'data_set' | 'features' }>>): Promise<Reading> {
  if (place.kind === 'file') return readFiles({ place, ...rest })
  if (place.kind === 'http') return readHttp({ place, ...rest })
  if (place.kind === 's3') return readS3({ place, ...rest })
  if (place.kind === 'pypi') return readPypi({ place, ...rest })
  if (place.kind === 'sqlite') return readSqlite({ place, ...rest })
  // with the driver of PostgreSQL, which most servers never need
  const { readSql } = await import('./kinds/sql.ts')
  return readSql({ place, ...rest })
}

/** What happened, with the name of the source; what the server itself failed at is told as it is. */
function inWords(error: unknown, name: string, mask: (text: string) => string): unknown {
  if (!(error instanceof Error)) return error
  const said =
    error instanceof Problem && typeof error.data['detail'] === 'string' ? error.data['detail'] : error.message
  const text = `source "${name}": ${mask(said)}`
  if (error instanceof SourceAway) return Object.assign(new SourceAway(text), { source: name })
  if (!(error instanceof Problem)) return error
  if (error.code === 'unprocessable' || error.code === 'invalid_field' || error.code === 'bad_request')
    return Object.assign(new SourceRefused(text), { source: name })
  // the server's own store: it is tried again as its other faults are
  return new Error(text, { cause: error })
}
