/** Declared sources of data: what the project file may say of one, and what the pipeline keeps of that. */
import { z } from 'zod'
import { parseBytes, parseDuration } from '../values/units.ts'
import { path } from './path.ts'
import { Sqlite, sqliteFaults, sqlitePlace, type SqlitePlace } from './sqlite.ts'

/** Ways in which data is reached. */
export const SOURCE_KINDS = ['file', 'http', 's3', 'sql', 'sqlite', 'pypi', 'data_set', 'features'] as const

export type SourceKind = (typeof SOURCE_KINDS)[number]

const KINDS = `one of ${SOURCE_KINDS.join(', ')}`
const secret = z.string().regex(/^[A-Z_][A-Z0-9_]{0,127}$/, 'the name of a secret: capital letters, digits and "_"')
const DURATION = 'a duration, for example 24 hours, 90s, 10m or 1d'
const duration = z
  .union([z.string(), z.number()], { error: DURATION })
  .refine((value) => parseDuration(value) !== undefined, DURATION)
const SIZE = 'a size, for example 512MiB or 2GiB'
const size = z.union([z.string(), z.number()], { error: SIZE }).refine((value) => parseBytes(value) !== undefined, SIZE)

const webAddress = z
  .string()
  .max(4096)
  .refine((text) => isWeb(text), 'an http or https address without a user and a password in it')
const S3_PLACE = 's3://BUCKET/KEY or s3://BUCKET/PREFIX/ with a slash at the end'
const NEEDS_TIME = '"time" in "sql" too, the column by which a query says how old its rows are'
const PACKAGE = 'NAME==VERSION, for example seaborn-data==1.0'
const DATA_SET = 'NAME@VERSION or NAME@latest, for example flights@3'
const dataSet = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}@(?:latest|[1-9]\d{0,8})$/, DATA_SET)
const member = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0\\]+$/, 'a path in the package, for example flights/data.csv')

const S3 = z.strictObject({
  url: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[^\0?#]*)?$/, S3_PLACE)
    .describe(S3_PLACE),
  endpoint: webAddress
    .refine((text) => /^https?:\/\/[^/?#]+\/?$/.test(text), 'http(s)://host:port without a path')
    .optional()
    .describe('the S3 server; that of AWS where it is absent'),
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/, 'a region, for example eu-central-1')
    .default('us-east-1'),
  access_key: secret.describe('the secret that holds the id of the key'),
  secret_key: secret.describe('the secret that holds the key'),
})

const Sql = z.strictObject({
  database: secret.describe('the secret that holds the address of a PostgreSQL database, postgresql://…'),
  query: z.string().min(1, 'a query').max(100_000).describe('one query that reads; its rows become a CSV'),
  ordered: z
    .boolean()
    .default(false)
    .describe('keep the order of the query; else rows are sorted, so that it says nothing'),
  time: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .describe('the column whose largest value is the time of the data, for `fresh`'),
})

const Pypi = z.strictObject({
  package: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}==[A-Za-z0-9][A-Za-z0-9.!+_-]{0,63}$/, PACKAGE)
    .describe(PACKAGE),
  files: z
    .array(member)
    .min(1)
    .max(1000)
    .describe(
      'paths of files or folders in its wheel, or its .tar.gz; a path goes on into a zip archive in it: data/a.csv.zip/a.csv',
    ),
})

const SERVICE = 'SERVICE or SERVICE@VERSION, for example late@2'
const Features = z.strictObject({
  service: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}(@[1-9]\d{0,8})?$/, SERVICE)
    .describe('a feature service of the project; without a version the newest when it is read'),
  entities: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe(
      'another declared source: the table of what is asked for, with the keys, the fields and a time in each row',
    ),
  query: z
    .string()
    .min(1, 'a query')
    .max(100_000)
    .optional()
    .describe(
      'in place of `entities`: SQL of DuckDB over declared sources, each a table of its name; its rows are that table',
    ),
  time: z
    .string()
    .min(1)
    .max(200)
    .default('event_timestamp')
    .describe('its column of the moment that each row asks for'),
  include_late_data: z
    .boolean()
    .default(false)
    .describe('rows that became known after the moment count too, as Feast has it by default'),
})

function featuresFaults({
  features,
  table,
}: {
  readonly features?: z.output<typeof Features> | undefined
  readonly table?: string | undefined
}): { readonly path: string[]; readonly message: string }[] {
  if (features === undefined) return []
  const { entities, query } = features
  const faults = []
  if (table === 'csv')
    faults.push({
      path: ['table'],
      message: '"parquet" or nothing beside "features": what is joined is a parquet file',
    })
  if ((entities === undefined) === (query === undefined))
    faults.push({
      path: ['features'],
      message: `either "entities" or "query" was expected, got ${query === undefined ? 'neither' : 'both'}`,
    })
  return faults
}

/** One source, as the project file declares it. */
export const Source = z
  .strictObject({
    file: path.optional().describe('a file or folder where the server runs, below a folder of SLIPWAY_SOURCE_FOLDERS'),
    http: webAddress.optional().describe('what an address answers'),
    token: secret
      .optional()
      .describe('with `http`: the secret that is sent as a bearer token, to the host of the address alone'),
    s3: S3.optional().describe('an object, or all objects below a prefix'),
    sql: Sql.optional().describe('the rows of a query'),
    sqlite: Sqlite.optional().describe('the rows of a query to a file of SQLite, or of one of its tables'),
    pypi: Pypi.optional().describe('files of a package in the package index'),
    data_set: dataSet.optional().describe('a version of a data set of the project, or its latest'),
    features: Features.optional().describe(
      'the rows of another source with the features of each as they were known then',
    ),
    table: z
      .enum(['csv', 'parquet'])
      .optional()
      .describe('what its files are; rows are counted, and anything else is refused'),
    fresh: duration.optional().describe('how old the data may be when a run reads it'),
    stale: z.enum(['fail', 'warn']).default('fail').describe('what comes of data that is older than `fresh`'),
    limit: size.default('1GiB').describe('bytes that it may give; more is refused'),
    timeout: duration.default('10m').describe('longest time of reading it'),
  })
  .superRefine((given, ctx) => {
    const named = SOURCE_KINDS.filter((kind) => given[kind] !== undefined)
    if (named.length !== 1)
      ctx.addIssue({ code: 'custom', message: named.length === 0 ? KINDS : `${KINDS}, and not ${named.join(' and ')}` })
    if (given.sql !== undefined && given.table === 'parquet')
      ctx.addIssue({
        code: 'custom',
        path: ['table'],
        message: '"csv" or nothing beside "sql": rows of a query are a CSV',
      })
    if (given.token !== undefined && given.http === undefined)
      ctx.addIssue({ code: 'custom', path: ['token'], message: 'it beside "http" alone' })
    if (given.fresh !== undefined && given.sql !== undefined && given.sql.time === undefined)
      ctx.addIssue({ code: 'custom', path: ['fresh'], message: NEEDS_TIME })
    for (const fault of [...featuresFaults(given), ...sqliteFaults(given)]) ctx.addIssue({ code: 'custom', ...fault })
  })
export type DeclaredSource = z.output<typeof Source>

/** Where a source is, of each kind. */
export type Place =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string; readonly token: string | null }
  | {
      readonly kind: 's3'
      readonly url: string
      readonly endpoint: string | null
      readonly region: string
      readonly access_key: string
      readonly secret_key: string
    }
  | {
      readonly kind: 'sql'
      readonly database: string
      readonly query: string
      readonly ordered: boolean
      readonly time: string | null
    }
  | SqlitePlace
  | { readonly kind: 'pypi'; readonly package: string; readonly files: readonly string[] }
  | { readonly kind: 'data_set'; readonly name: string; readonly version: string }
  | {
      readonly kind: 'features'
      readonly service: string
      /** Null: the newest. */
      readonly version: number | null
      readonly entities: Asking
      readonly time: string
      readonly include_late_data: boolean
    }

/** The table of what is asked for: the rows of the one source, or those of a query over some, by their names. */
export interface Asking {
  readonly query: string | null
  readonly sources: Readonly<Record<string, SourceSpec>>
}

/** A source as it is kept with a pipeline. */
export interface SourceSpec {
  readonly place: Place
  readonly table: 'csv' | 'parquet' | null
  readonly fresh_ms: number | null
  readonly stale: 'fail' | 'warn'
  readonly limit_bytes: number
  readonly timeout_ms: number
}

/** The way in which a declared source is reached. */
export function kindOfSource(given: DeclaredSource): SourceKind {
  return SOURCE_KINDS.find((kind) => given[kind] !== undefined) ?? 'file'
}

/** What is kept of a declared source; `declared` are all of its project. Throws where it names one that is none of them. */
export function compileSource(given: DeclaredSource, declared: Declared = {}): SourceSpec {
  return {
    place: given.features === undefined ? placeOf(given) : featuresPlace(given.features, declared),
    table: given.table ?? tableOf(kindOfSource(given)),
    fresh_ms: given.fresh === undefined ? null : (parseDuration(given.fresh) ?? null),
    stale: given.stale,
    limit_bytes: parseBytes(given.limit) ?? 0,
    timeout_ms: parseDuration(given.timeout) ?? 0,
  }
}

/** What a kind gives by itself; null of what may be anything. */
function tableOf(kind: SourceKind): SourceSpec['table'] {
  if (kind === 'sql') return 'csv'
  return kind === 'sqlite' || kind === 'features' ? 'parquet' : null
}

function placeOf({ file, http, token, s3, sql, sqlite, pypi, data_set }: DeclaredSource): Place {
  if (file !== undefined) return { kind: 'file', path: file.length > 1 ? file.replace(/\/+$/, '') : file }
  if (http !== undefined) return { kind: 'http', url: http, token: token ?? null }
  if (s3 !== undefined) return { kind: 's3', ...s3, endpoint: s3.endpoint ?? null }
  if (sql !== undefined) return { kind: 'sql', ...sql, time: sql.time ?? null }
  if (sqlite !== undefined) return sqlitePlace(sqlite)
  if (pypi !== undefined) return { kind: 'pypi', ...pypi }
  if (data_set !== undefined) return dataSetPlace(data_set)
  throw new Error('a source without a place is refused before')
}

function dataSetPlace(given: string): Place {
  const [name = '', version = 'latest'] = given.split('@')
  return { kind: 'data_set', name, version }
}

function featuresPlace({ service, entities, query, ...rest }: z.output<typeof Features>, declared: Declared): Place {
  const [name = '', version] = service.split('@')
  const tables = tablesOf(declared)
  const read = query === undefined ? tables.filter((one) => one === entities) : sourcesInQuery(query, tables)
  if (read.length === 0) throw new Error('a source of features without a table of entities is refused before')
  const sources = Object.fromEntries(
    read.flatMap((one) => (declared[one] === undefined ? [] : [[one, compileSource(declared[one])]])),
  )
  return {
    kind: 'features',
    service: name,
    version: version === undefined ? null : Number(version),
    entities: { query: query ?? null, sources },
    ...rest,
  }
}

type Declared = Readonly<Record<string, DeclaredSource>>

/** Sources that are tables of their own: what is joined is joined to no other join. */
function tablesOf(declared: Declared): string[] {
  return Object.keys(declared).filter((name) => declared[name]?.features === undefined)
}

/** The sources whose names stand in a query, as words; one that stands in a text alone is brought in vain, which harms nothing. */
export function sourcesInQuery(query: string, names: readonly string[]): string[] {
  const words = new Set(query.match(/[A-Za-z_]\w*/g) ?? [])
  return names.filter((name) => words.has(name))
}

/** Why a source of features has no table of entities, at its key; undefined where it has one, and for all others. */
export function entitiesFault(
  { features }: DeclaredSource,
  declared: Declared,
): { readonly key: 'entities' | 'query'; readonly message: string } | undefined {
  if (features === undefined) return undefined
  const { entities, query } = features
  const tables = tablesOf(declared)
  const known = tables.length === 0 ? 'none' : tables.map((name) => `"${name}"`).join(', ')
  if (query !== undefined && sourcesInQuery(query, tables).length === 0)
    return {
      key: 'query',
      message: `a query of declared sources was expected, got one that reads none; there are ${known}`,
    }
  if (entities === undefined || tables.includes(entities)) return undefined
  const message = `a declared source that is a table was expected, got "${entities}"; there are ${known}`
  return { key: 'entities', message }
}

/** Names of the secrets by which a source is reached. */
export function secretsOfSource({ place }: SourceSpec): string[] {
  if (place.kind === 'http') return place.token === null ? [] : [place.token]
  if (place.kind === 's3') return [place.access_key, place.secret_key]
  if (place.kind === 'features') return Object.values(place.entities.sources).flatMap(secretsOfSource)
  return place.kind === 'sql' ? [place.database] : []
}

/** How people know the place: its path, address, query or package. It holds no secret. */
export function placeText(place: Place): string {
  if (place.kind === 'file') return place.path
  if (place.kind === 'sql') return place.query
  if (place.kind === 'sqlite') return `${place.path}: ${place.query}`
  if (place.kind === 'data_set') return `${place.name}@${place.version}`
  if (place.kind === 'features') {
    const { query, sources } = place.entities
    const asked = query ?? Object.values(sources).map((one) => placeText(one.place))[0] ?? ''
    return `${place.service}${place.version === null ? '' : `@${place.version}`} of ${asked}`
  }
  return place.kind === 'pypi' ? place.package : place.url
}

function isWeb(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}
