/** Routes of data sets: tables and files of a project under a name, in versions that are known by their content. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, done, id, listOf, name, page, time, words } from '../fields.ts'
import { Tree } from '../pipelines.ts'
import { route } from '../route.ts'
import { digest } from '../values/digest.ts'

export const COLUMN_TYPES = ['int', 'float', 'bool', 'time', 'text', 'empty'] as const
export type ColumnType = (typeof COLUMN_TYPES)[number]

export const VERSION_STATES = ['profiling', 'ready', 'unprofiled'] as const
/** `unprofiled` is no table that can be read, for the reason that stands beside it. */
export type DataVersionState = (typeof VERSION_STATES)[number]

const share = z.number()

/** How the values of a column lie. Numbers of a column `time` are ms since 1970. */
export const DataColumn = z.object({
  name: z.string(),
  type: z.enum(COLUMN_TYPES),
  /** Values that are there. */
  count: z.number().int(),
  missing: z.number().int(),
  /** Different values: exact up to 8192, else within about 3 %. */
  distinct: z.number().int(),
  distinct_exact: z.boolean(),
  /** Of numbers and times; null for others, and without values. */
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  sd: z.number().nullable(),
  /** Share → value, of a sample of at most 20,000 rows. */
  quantiles: z.array(z.object({ share, value: z.number() })),
  /** Counts of values between neighbouring edges; what lies outside of the sample's range is counted with the first and last. */
  histogram: z.object({ edges: z.array(z.number()), counts: z.array(z.number().int()) }).nullable(),
  /** The most frequent values of a sample with their exact counts. */
  top: z.array(z.object({ value: z.string(), count: z.number().int() })),
})
export type DataColumn = z.output<typeof DataColumn>

/** Who made a version: a person or program with files, the output of a step, a join with the features of a service. */
export const MadeBy = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('files'), place: z.string().nullable() }),
  z.object({ kind: z.literal('step'), run: id, step: z.string(), output: z.string() }),
  z.object({ kind: z.literal('features'), job: id, service: z.string(), version: z.number().int() }),
])
export type MadeBy = z.output<typeof MadeBy>

const tags = z
  .record(z.string().min(1).max(128), z.string().max(1000))
  .refine((given) => Object.keys(given).length <= 50, '50 tags at most')
const note = z.string().max(4000)

export const DataVersion = z.object({
  project: z.string(),
  name: z.string(),
  version: z.number().int(),
  digest,
  /** Bytes. */
  size: z.number().int(),
  files: z.number().int(),
  state: z.enum(VERSION_STATES),
  /** Why it has no profile, or what of it was left out; else empty. */
  reason: z.string(),
  /** Null until it is profiled, and for what is no table. */
  rows: z.number().int().nullable(),
  made_by: MadeBy,
  note: z.string(),
  tags: z.record(z.string(), z.string()),
  /** How old the data is: when the files were changed last or the step ended, else when it was added. */
  data_at: time,
  created_at: time,
  created_by: z.string(),
})
export type DataVersion = z.output<typeof DataVersion>

/** Something that keeps a version: it cannot be removed while that lasts. */
export const Citation = z.object({
  kind: z.enum(['alias', 'endpoint', 'model_version', 'pipeline_run', 'run']),
  /** For example `model flight-delay@production (version 3)`. */
  what: z.string(),
  href: z.string().nullable(),
  /** True where this alone refuses the removal; other readers are told. */
  keeps: z.boolean(),
})
export type Citation = z.output<typeof Citation>

export const DataSet = z.object({
  project: z.string(),
  name: z.string(),
  note: z.string(),
  created_at: time,
  created_by: z.string(),
  versions: z.number().int(),
  /** The newest version; null where all were removed. */
  latest: DataVersion.nullable(),
})
export type DataSet = z.output<typeof DataSet>

export const DataFile = z.object({ path: z.string(), size: z.number().int(), digest })

export const DriftColumn = z.object({
  column: z.string(),
  type: z.enum(COLUMN_TYPES),
  /** Population stability index; null where it says nothing of this column, for the reason in `why`. */
  psi: z.number().nullable(),
  /** The limit under which monitoring never pages. */
  limit: z.number(),
  drifted: z.boolean(),
  why: z.string().nullable(),
  missing_before: z.number(),
  missing_after: z.number(),
  mean_before: z.number().nullable(),
  mean_after: z.number().nullable(),
})
export type DriftColumn = z.output<typeof DriftColumn>

/** What differs from one version to another. */
export const DataDiff = z.object({
  same: z.boolean(),
  rows: z.object({ before: z.number().int(), after: z.number().int() }),
  columns: z.object({
    added: z.array(z.object({ name: z.string(), type: z.enum(COLUMN_TYPES) })),
    removed: z.array(z.object({ name: z.string(), type: z.enum(COLUMN_TYPES) })),
    retyped: z.array(z.object({ name: z.string(), before: z.enum(COLUMN_TYPES), after: z.enum(COLUMN_TYPES) })),
    /** True where the columns that both have stand in another order. */
    reordered: z.boolean(),
  }),
  changes: z.object({
    /** The columns by which rows were joined; none = whole rows were counted. */
    keys: z.array(z.string()),
    added: z.number().int(),
    removed: z.number().int(),
    /** Rows of the same key with another value in a column that both have; null without keys. */
    changed: z.number().int().nullable(),
    /** Rows whose key another row before them had; they are compared with nothing. */
    repeated_before: z.number().int(),
    repeated_after: z.number().int(),
  }),
  drift: z.array(DriftColumn),
})
export type DataDiff = z.output<typeof DataDiff>

const read = may('read', 'artifacts')
const write = may('write', 'artifacts')
const ofProject = z.object({ project: name.optional().describe('needed where two projects have one of that name') })
const setParams = z.object({ name })
const wanted = z.string().regex(/^(?:latest|[1-9]\d{0,8})$/, 'a version such as 3, or latest')
const versionParams = z.object({ name, version: wanted })

export const dataSetsApi = {
  uploadData: route({
    method: 'POST',
    path: '/v1/data-trees',
    summary: 'Upload the files of a data set as an uncompressed tar stream; the reply names them by content',
    access: write,
    body: 'stream',
    reply: Tree,
    errors: ['bad_request', 'payload_too_large', 'storage_full'],
  }),
  addDataVersion: route({
    method: 'POST',
    path: '/v1/data-sets',
    summary:
      'Add a version to a data set, from uploaded files or the output of a step; the same content is the same version',
    access: write,
    status: 201,
    body: z.object({
      name,
      project: name.optional(),
      /** Files that were uploaded; or give `step`. */
      tree: digest.optional(),
      step: z.object({ run: id, step: z.string().max(128), output: z.string().max(128) }).optional(),
      /** The upload is one file, which is the data set itself and no folder around it. */
      single: z.boolean().default(false),
      /** Where the files lay, for people. */
      place: z.string().max(4096).optional(),
      /** When the files were changed last. */
      data_at: time.optional(),
      note: note.default(''),
      tags: tags.default({}),
    }),
    reply: DataVersion.extend({ added: z.boolean().describe('false where a version has had this content before') }),
    errors: ['invalid_field', 'not_found', 'unprocessable', 'conflict'],
  }),
  listDataSets: route({
    method: 'GET',
    path: '/v1/data-sets',
    summary: 'List data sets by name, each with its newest version',
    access: read,
    query: page.extend({ project: name.optional() }),
    reply: listOf(DataSet),
  }),
  findDataVersions: route({
    method: 'GET',
    path: '/v1/data-versions',
    summary: 'Find the versions of data sets that hold these contents',
    access: read,
    query: z.object({
      digest: words(100).describe(
        'digests: whole, by their hex digits, or by the first 36 of these, which MLflow’s client keeps',
      ),
    }),
    reply: allOf(
      z.object({
        /** The digest as it was asked for. */
        asked: z.string(),
        project: z.string(),
        name: z.string(),
        version: z.number().int(),
        digest,
      }),
    ),
  }),
  getDataSet: route({
    method: 'GET',
    path: '/v1/data-sets/:name',
    summary: 'Read a data set with its versions, newest first (1000 at most)',
    access: read,
    params: setParams,
    query: ofProject,
    reply: DataSet.extend({ items: z.array(DataVersion) }),
    errors: ['invalid_field', 'not_found'],
  }),
  getDataVersion: route({
    method: 'GET',
    path: '/v1/data-sets/:name/versions/:version',
    summary: 'Read a version with its columns, what made it, who reads it, and what keeps it',
    access: read,
    params: versionParams,
    query: ofProject,
    reply: DataVersion.extend({ columns: z.array(DataColumn), cited: z.array(Citation) }),
    errors: ['invalid_field', 'not_found'],
  }),
  changeDataVersion: route({
    method: 'PATCH',
    path: '/v1/data-sets/:name/versions/:version',
    summary: 'Change the note or the tags of a version; tags that are given take the place of all others',
    access: write,
    params: versionParams,
    query: ofProject,
    body: z.object({ note: note.optional(), tags: tags.optional() }),
    reply: DataVersion,
    errors: ['invalid_field', 'not_found'],
  }),
  removeDataVersion: route({
    method: 'DELETE',
    path: '/v1/data-sets/:name/versions/:version',
    summary: 'Remove a version; refused by name where something cites it, unless a maintainer forces it',
    access: write,
    params: versionParams,
    query: ofProject.extend({ force: z.enum(['true', 'false']).default('false') }),
    reply: done,
    errors: ['invalid_field', 'not_found', 'conflict', 'forbidden'],
  }),
  listDataFiles: route({
    method: 'GET',
    path: '/v1/data-sets/:name/versions/:version/files',
    summary: 'List the files of a version; the path of a single file is empty',
    access: read,
    params: versionParams,
    query: ofProject,
    reply: allOf(DataFile),
    errors: ['invalid_field', 'not_found'],
  }),
  readDataFile: route({
    method: 'GET',
    path: '/v1/data-sets/:name/versions/:version/file',
    summary: 'Download a file of a version, from a byte on where a download broke off',
    access: read,
    params: versionParams,
    query: ofProject.extend({
      path: z.string().max(4096).default(''),
      from: z.coerce.number().int().min(0).default(0),
    }),
    reply: 'stream',
    errors: ['invalid_field', 'not_found'],
  }),
  compareData: route({
    method: 'GET',
    path: '/v1/data-sets/:name/versions/:version/diff',
    summary:
      'What differs from a version to another: columns, rows, and how far each column moved; ask again while it is compared',
    access: read,
    params: versionParams,
    query: ofProject.extend({
      to: wanted.default('latest'),
      /** Another data set of the project; default the same. */
      other: name.optional(),
      key: z.union([z.string().max(512), z.array(z.string().max(512)).max(20)]).optional(),
    }),
    reply: z.object({
      state: z.enum(['comparing', 'done']),
      before: DataVersion,
      after: DataVersion,
      diff: DataDiff.nullable(),
    }),
    errors: ['invalid_field', 'not_found', 'conflict', 'unprocessable'],
  }),
}
