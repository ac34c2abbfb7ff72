/** Routes of feature definitions: what is applied, and what a project has. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, name, time } from '../fields.ts'
import { route } from '../route.ts'
import { ViewStatistics } from './statistics.ts'
import { FeaturesSection, KEY_TYPES, ON_EXPIRED, VALUE_TYPES, AGGREGATES } from './section.ts'

export const DEFINITION_KINDS = ['entity', 'view', 'on_demand', 'service'] as const
export type DefinitionKind = (typeof DEFINITION_KINDS)[number]

export const DEFINITION_CHANGES = ['added', 'changed', 'described', 'unchanged'] as const

/** One place at which a definition differs; null stands for nothing. */
export const Difference = z.object({ path: z.string(), before: z.unknown(), after: z.unknown() })

/** `described`: only its description, owner or tags differ, which makes no version. */
export const DefinitionChange = z.object({
  kind: z.enum(DEFINITION_KINDS),
  name: z.string(),
  change: z.enum(DEFINITION_CHANGES),
  /** The version that it has afterwards. */
  version: z.number().int(),
  differences: z.array(Difference),
})
export type DefinitionChange = z.output<typeof DefinitionChange>

const about = { description: z.string(), owner: z.string(), tags: z.record(z.string(), z.string()) }
const made = { version: z.number().int(), changed_at: time, changed_by: z.string() }
const key = z.object({ name: z.string(), type: z.enum(KEY_TYPES) })

export const FeatureEntity = z.object({ name: z.string(), keys: z.array(key), ...about, ...made })
export type FeatureEntity = z.output<typeof FeatureEntity>

/** A feature of a view: a column of its rows, or what a window takes of them. */
export const ViewFeature = z.object({
  name: z.string(),
  type: z.enum(VALUE_TYPES),
  /** Null for a window that counts rows. */
  column: z.string().nullable(),
  /** Null for a column. */
  window: z
    .object({
      take: z.enum(AGGREGATES),
      over_ms: z.number().int(),
      /** Its beginning lies on a multiple of this. */
      step_ms: z.number().int(),
      q: z.number().nullable(),
    })
    .nullable(),
})
export type ViewFeature = z.output<typeof ViewFeature>

/** A declared source that a view reads. */
export const ViewSource = z.object({ name: z.string(), kind: z.string(), place: z.string() })

export const FeatureView = z.object({
  name: z.string(),
  entities: z.array(z.string()),
  keys: z.array(key),
  sources: z.array(ViewSource),
  query: z.string().nullable(),
  push: z.boolean(),
  event_time: z.string(),
  created_time: z.string().nullable(),
  ttl_ms: z.number().int().nullable(),
  features: z.array(ViewFeature),
  ...about,
  ...made,
})
export type FeatureView = z.output<typeof FeatureView>

export const OnDemandFeature = z.object({
  name: z.string(),
  type: z.enum(VALUE_TYPES),
  sql: z.string(),
  /** Input → VIEW:FEATURE, request:FIELD or on_demand:FEATURE. */
  inputs: z.array(z.object({ name: z.string(), type: z.enum(VALUE_TYPES), of: z.string() })),
  ...about,
  ...made,
})
export type OnDemandFeature = z.output<typeof OnDemandFeature>

export const FeatureService = z.object({
  name: z.string(),
  views: z.array(
    z.object({ name: z.string(), view: z.string(), version: z.number().int(), keys: z.array(z.string()) }),
  ),
  columns: z.array(z.object({ name: z.string(), type: z.enum(VALUE_TYPES), of: z.string() })),
  /** What a request must give besides keys. */
  fields: z.array(z.object({ name: z.string(), type: z.enum(VALUE_TYPES) })),
  on_expired: z.enum(ON_EXPIRED),
  ...about,
  ...made,
})
export type FeatureService = z.output<typeof FeatureService>

const read = may('read', 'artifacts')
const write = may('write', 'artifacts')
const ofProject = z.object({ project: name.optional().describe('default: the project of the token, else `default`') })
const versioned = ofProject.extend({
  version: z.coerce.number().int().min(1).optional().describe('default: the newest'),
})

export const featuresApi = {
  applyFeatures: route({
    method: 'POST',
    path: '/v1/features/apply',
    summary:
      'Apply a features section: what means something else becomes a new version, and nothing is removed; `dry_run` only tells',
    access: write,
    limit: 4 * 1024 * 1024,
    body: z.object({
      project: name.optional(),
      features: FeaturesSection,
      /** The section `sources` of the project file; those that views read are kept with them. */
      sources: z.record(z.string(), z.unknown()).default({}),
      dry_run: z.boolean().default(false),
    }),
    reply: z.object({ changes: z.array(DefinitionChange) }),
    errors: ['invalid_field', 'unprocessable', 'conflict'],
  }),
  listFeatures: route({
    method: 'GET',
    path: '/v1/features',
    summary: 'Read all definitions of a project, each in its newest version',
    access: read,
    query: ofProject,
    reply: z.object({
      entities: z.array(FeatureEntity),
      views: z.array(FeatureView),
      on_demand: z.array(OnDemandFeature),
      services: z.array(FeatureService),
    }),
  }),
  listFeatureProjects: route({
    method: 'GET',
    path: '/v1/features/projects',
    summary: 'List the projects that have features, of those that the caller sees',
    access: read,
    reply: allOf(
      z.object({ project: z.string(), views: z.number().int(), services: z.number().int() }).describe('by name'),
    ),
  }),
  getFeatureView: route({
    method: 'GET',
    path: '/v1/features/views/:name',
    summary:
      'Read a version of a feature view, with the services that take it and the statistics of its newest materialisation',
    access: read,
    params: z.object({ name }),
    query: versioned,
    reply: FeatureView.extend({
      versions: z.array(z.object({ version: z.number().int(), created_at: time, created_by: z.string() })),
      services: z.array(z.object({ name: z.string(), version: z.number().int(), view_version: z.number().int() })),
      /** Null where no materialisation of the last 90 days has left any. */
      statistics: ViewStatistics.nullable(),
    }),
    errors: ['not_found', 'invalid_field'],
  }),
  getFeatureService: route({
    method: 'GET',
    path: '/v1/features/services/:name',
    summary: 'Read a version of a feature service',
    access: read,
    params: z.object({ name }),
    query: versioned,
    reply: FeatureService.extend({
      versions: z.array(z.object({ version: z.number().int(), created_at: time, created_by: z.string() })),
    }),
    errors: ['not_found', 'invalid_field'],
  }),
  compareFeatures: route({
    method: 'GET',
    path: '/v1/features/:kind/:name/diff',
    summary: 'What differs between two versions of a definition',
    access: read,
    params: z.object({ kind: z.enum(['entities', 'views', 'on-demand', 'services']), name }),
    query: ofProject.extend({ from: z.coerce.number().int().min(1), to: z.coerce.number().int().min(1).optional() }),
    reply: allOf(Difference),
    errors: ['not_found', 'invalid_field'],
  }),
}
