/** The section `features` of a project file: entities, feature views, on-demand features and services, as they are written. */
import { z } from 'zod'

export const VALUE_TYPES = ['int', 'float', 'bool', 'text', 'time'] as const
/** `int`: 64 bits; `float`: a double; `time`: nanoseconds since 1970, said as RFC 3339. */
export type ValueType = (typeof VALUE_TYPES)[number]

export const KEY_TYPES = ['int', 'text'] as const
export type KeyType = (typeof KEY_TYPES)[number]

export const AGGREGATES = ['count', 'sum', 'mean', 'min', 'max', 'last', 'distinct', 'std', 'quantile'] as const
/** `std`: of the sample, by n − 1; `distinct`: how many different values; `quantile`: between neighbours as NumPy's default does. */
export type Aggregate = (typeof AGGREGATES)[number]

export const ON_EXPIRED = ['null', 'value', 'refuse'] as const
/** What comes of a value that is older than its time to live: null, the value all the same, or no answer at all. */
export type OnExpired = (typeof ON_EXPIRED)[number]

const COLUMN = 'letters, digits and "_", not beginning with a digit, at most 64'
/** What every object of JavaScript has is no name: it would be found where nothing is. */
const isFree = (name: string): boolean => !(name in {})
const TAKEN = 'another name: this one is taken by the language of the server'
export const columnName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, COLUMN)
  .refine(isFree, TAKEN)
const span = z.union([z.string(), z.number()], { error: 'a duration, for example 90s, 10m, 2h or 30d' })
const text = z.string().max(2000)
const tags = z
  .record(z.string().min(1).max(128), z.string().max(1000))
  .refine((given) => Object.keys(given).length <= 50, '50 tags at most')

/** Who answers for it, what it is, and what it is found by; a change of these makes no version. */
const about = {
  description: text.default('').describe('what it is, in a sentence'),
  owner: z.string().max(200).default('').describe('who answers for it'),
  tags: tags.default({}).describe('words by which it is found'),
}

const REFERENCE = 'VIEW:FEATURE, VIEW for all of them, or VIEW@VERSION:FEATURE'
/** A feature of a view, all features of it, or either of a version of it. */
export const featureReference = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}(@[1-9]\d{0,8})?(:[A-Za-z_][A-Za-z0-9_]{0,63})?$/, REFERENCE)

export const EntitySection = z.strictObject({
  keys: z
    .record(columnName, z.enum(KEY_TYPES))
    .refine((keys) => Object.keys(keys).length > 0 && Object.keys(keys).length <= 10, 'one key to ten')
    .describe('join key → int or text; several make one composite key'),
  description: about.description,
})
export type EntitySection = z.output<typeof EntitySection>

const Feature = z.union(
  [
    z.enum(VALUE_TYPES),
    z.strictObject({
      type: z.enum(VALUE_TYPES),
      column: z.string().min(1).max(200).optional().describe('its column in the source, where that has another name'),
      description: text.default(''),
    }),
  ],
  { error: `one of ${VALUE_TYPES.join(', ')}, or type with column and description` },
)

const Window = z.strictObject({
  of: z.string().min(1).max(200).optional().describe('the column; a count of rows needs none'),
  take: z.enum(AGGREGATES).describe(AGGREGATES.join(', ')),
  over: span.describe('how far it looks back, 1m to 90d'),
  step: span
    .optional()
    .describe(
      'its beginning lies on a multiple of this; default 1m below 1h, 5m below 12h, 1h below 12d, 1d from there on',
    ),
  q: z.number().min(0).max(1).optional().describe('with quantile: which one, 0 to 1'),
  type: z.enum(VALUE_TYPES).optional().describe('with min, max, last: the type of the column; default float'),
  description: text.default(''),
})
export type WindowSection = z.output<typeof Window>

export const ViewSection = z.strictObject({
  entities: z.array(columnName).max(5).default([]).describe('whose keys a row has; none: one row for everything'),
  source: columnName.optional().describe('a declared source of tables, of `sources`'),
  query: z
    .string()
    .min(1)
    .max(100_000)
    .optional()
    .describe('SQL of DuckDB over declared sources, each a table of its name; what it gives are the rows'),
  push: z.boolean().default(false).describe('rows are pushed too, or alone where there is no source'),
  event_time: z.string().min(1).max(200).describe('the column of when it happened'),
  created_time: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('the column of when it became known; without one a row is known when it happens'),
  ttl: span.optional().describe('how long a row counts after it happened; absent: for ever'),
  features: z.record(columnName, Feature).default({}).describe('feature → type'),
  windows: z
    .record(columnName, Window)
    .default({})
    .describe('feature → what is taken of the rows of a stretch of time'),
  ...about,
})
export type ViewSection = z.output<typeof ViewSection>

export const OnDemandSection = z.strictObject({
  inputs: z
    .record(columnName, z.string().min(1).max(200))
    .describe('name in the expression → VIEW:FEATURE, request:FIELD, or on_demand:FEATURE'),
  sql: z.string().min(1).max(10_000).describe('a scalar expression of SQL over the inputs'),
  type: z.enum(VALUE_TYPES),
  ...about,
})
export type OnDemandSection = z.output<typeof OnDemandSection>

const Taken = z.union(
  [
    featureReference,
    z.string().regex(/^on_demand:[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'on_demand:FEATURE'),
    z.strictObject({
      take: featureReference,
      as: columnName.optional().describe('the name of the view in this service, before "__" in long names'),
      keys: z
        .record(columnName, columnName)
        .default({})
        .describe('join key → the column of the request that gives it, for example airport: origin'),
      names: z.record(columnName, columnName).default({}).describe('feature → the column of the model that it fills'),
    }),
  ],
  { error: `${REFERENCE}, on_demand:FEATURE, or take with as, keys and names` },
)

export const ServiceSection = z.strictObject({
  features: z.array(Taken).min(1).max(2000).describe('what a model reads'),
  on_expired: z
    .enum(ON_EXPIRED)
    .default('null')
    .describe('what is served of a value older than its time to live: null, the value, or no answer'),
  full_names: z.boolean().default(false).describe('columns are VIEW__FEATURE instead of FEATURE'),
  ...about,
})
export type ServiceSection = z.output<typeof ServiceSection>

const definitionName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'letters, digits and "_", beginning with a letter, at most 64')
  .refine(isFree, TAKEN)

const most = <S extends z.ZodType>(schema: S, count: number, what: string) =>
  z
    .record(definitionName, schema)
    .refine((given) => Object.keys(given).length <= count, `at most ${count} ${what}`)
    .default({})

export const FeaturesSection = z.strictObject({
  entities: most(EntitySection, 200, 'entities').describe('what features are of: a customer, an airport, a route'),
  views: most(ViewSection, 1000, 'feature views').describe('tables of features with their time'),
  on_demand: most(OnDemandSection, 1000, 'on-demand features').describe('computed when they are asked for'),
  services: most(ServiceSection, 500, 'feature services').describe('the features of a model, under one name'),
})
export type FeaturesSection = z.output<typeof FeaturesSection>
