/** Sources that are rows of a query to PostgreSQL, read in one snapshot and kept as CSV. */
import { Socket } from 'node:net'
import pg from 'pg'
import { problem } from '../../../contract/errors.ts'
import { destination, pinnedTo, type Address } from '../../../http/egress.ts'
import { putManifest } from '../../../store/blobs/trees.ts'
import type { Place } from '../../spec/external/source.ts'
import { SourceAway, within, type Asked, type Given, type Limits } from './asked.ts'
import { reached } from './http.ts'

type SqlPlace = Extract<Place, { kind: 'sql' }>

/** Rows that are fetched at once. */
const BATCH = 1000
/** Classes of SQLSTATE that pass: connection, rolled back, no resources, ended by its operator, system. */
const PASSING = /^(?:08|40|53|57P|58)/
/** SQLSTATE of a query that ran out of its time. */
const TOO_LONG = '57014'
/** What an address may say besides: other keys would have the server read its own files, or go elsewhere. */
const KEYS: readonly string[] = ['sslmode', 'application_name']
/** How values are written, whatever the database is set to. */
const WRITTEN =
  "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'"

/**
 * Reads a query in a read-only transaction of repeatable reads. Rows are sorted by what they say unless their order counts, so that equal
 * rows have equal digests. A database does not say whether rows have changed, so that it is always asked.
 */
export async function readSql({ place, blobs, access, secret, limits }: Asked<SqlPlace>): Promise<Given> {
  const url = addressOf(await secret(place.database), place.database)
  const { address } = await reached(
    destination(`http://${url.hostname}:${url.port === '' ? '5432' : url.port}`, access.allow),
  )
  const socket = pinnedSocket(address)
  const client = clientOf(url, socket, limits)
  const late = setTimeout(() => socket.destroy(new Error('the time to read it is over')), limits.left())
  // what breaks a connection breaks the query that waits, too
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await client.query(`SET LOCAL statement_timeout = ${Math.ceil(limits.left())}; ${WRITTEN}`)
    const { rows } = await client.query<{ snapshot: string }>('SELECT pg_current_snapshot()::text AS snapshot')
    const dataAt = place.time === null ? null : await newest(client, place)
    const counted = { rows: 0 }
    const { digest, size } = await blobs.put(within(csvOf(client, place, counted), limits))
    const tree = await putManifest(blobs, [{ path: '', size, digest, executable: false }])
    return { tree, version: `snapshot ${rows[0]?.snapshot ?? ''}`, dataAt, token: null, rows: counted.rows }
  } catch (error) {
    // its words do not tell that the time was over
    limits.check()
    throw socket.destroyed ? gone(error, place) : inWords(error, place)
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}

/** The address, where it names its host and user itself and no file of the server. */
function addressOf(text: string, name: string): URL {
  const url = URL.parse(text.replace(/^postgres:/, 'postgresql:'))
  const odd = [...(url?.searchParams.keys() ?? [])].find((key) => !KEYS.includes(key))
  const isWhole =
    url?.protocol === 'postgresql:' && url.hostname !== '' && !url.hostname.startsWith('%2') && url.username !== ''
  if (url !== null && isWhole && odd === undefined) return url
  const detail = `the secret ${name} is no address of a database; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE${odd === undefined ? '' : ` with ${KEYS.join(' and ')} behind it, got "${odd}"`}`
  throw problem('unprocessable', { detail, reason: 'secret' })
}

/** A socket that reaches the address that was looked at, whatever its name stands for by now. */
function pinnedSocket(address: Address): Socket {
  const socket = new Socket()
  const connect = socket.connect.bind(socket) as (options: object) => Socket
  socket.connect = ((port: number, host: string) =>
    connect({ port, host, lookup: pinnedTo(address) })) as Socket['connect']
  return socket
}

function clientOf(url: URL, socket: Socket, limits: Limits): pg.Client {
  const asText = { getTypeParser: () => String } as unknown as pg.CustomTypesConfig
  return new pg.Client({
    connectionString: url.href,
    // else the server's own file of passwords is asked
    ...(url.password === '' && { password: () => '' }),
    types: asText,
    connectionTimeoutMillis: Math.max(1, Math.min(10_000, limits.left())),
    stream: () => socket,
  })
}

/** The rows as CSV, as COPY writes it: an absent value is nothing, an empty text is "". */
async function* csvOf(client: pg.Client, place: SqlPlace, counted: { rows: number }): AsyncGenerator<Buffer> {
  const sorted = `SELECT q.* FROM (\n${place.query}\n) q ORDER BY q::text COLLATE "C"`
  await one(client, `DECLARE rows NO SCROLL CURSOR FOR ${place.ordered ? place.query : sorted}`)
  for (;;) {
    const batch = await client.query<(string | null)[]>({ text: `FETCH ${BATCH} FROM rows`, rowMode: 'array' })
    if (batch.fields.length === 0) throw problem('unprocessable', { detail: 'the query gives no columns' })
    if (counted.rows === 0) yield lineOf(batch.fields.map(({ name }) => name))
    if (batch.rows.length > 0) yield Buffer.concat(batch.rows.map(lineOf))
    counted.rows += batch.rows.length
    if (batch.rows.length < BATCH) return
  }
}

/** Runs one statement: more than one are refused by the protocol itself. */
function one<R extends pg.QueryResultRow>(client: pg.Client, text: string): Promise<pg.QueryResult<R>> {
  return client.query<R>({ text, queryMode: 'extended' } as pg.QueryConfig)
}

async function newest(client: pg.Client, place: SqlPlace): Promise<number | null> {
  const column = `"${(place.time ?? '').replaceAll('"', '""')}"`
  const { rows } = await one<{ at: string | null }>(
    client,
    `SELECT extract(epoch FROM max(q.${column})) * 1000 AS at FROM (\n${place.query}\n) q`,
  )
  const at = Number(rows[0]?.at ?? Number.NaN)
  return Number.isFinite(at) ? Math.round(at) : null
}

/** A line of nothing is no row to those who read CSV: where the only cell has no value, it is an empty text. */
function lineOf(cells: readonly (string | null)[]): Buffer {
  const line = cells.map(cell).join(',')
  return Buffer.from(`${line === '' ? '""' : line}\n`)
}

function cell(value: string | null): string {
  if (value === null) return ''
  return value === '' || /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** What a query comes to whose connection broke. */
function gone(error: unknown, { database }: SqlPlace): SourceAway {
  return new SourceAway(`the database of ${database} cannot be reached: ${(error as Error).message}`, { cause: error })
}

/** Words of the database are told; what may pass is worth another try. */
function inWords(error: unknown, place: SqlPlace): unknown {
  const { database } = place
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (error instanceof pg.DatabaseError) {
    if (code === TOO_LONG)
      return problem('unprocessable', { detail: 'the query did not end in the time that the source has' }, error)
    if (code !== undefined && PASSING.test(code))
      return new SourceAway(`the database of ${database}: ${error.message}`, { cause: error })
    return problem('unprocessable', { detail: `the database of ${database} refused it: ${error.message}` }, error)
  }
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return gone(error, place)
  return error
}
