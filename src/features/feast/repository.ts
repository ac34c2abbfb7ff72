/** What `python/slipway/features/command.py` writes of a Feast repository. */
import { z } from 'zod'

const about = {
  name: z.string(),
  description: z.string(),
  owner: z.string(),
  tags: z.record(z.string(), z.string()),
}

/** `type` is Feast's name of it, for example `Int64` or `Array(Float64)`; `tags` how many it has. */
const Field = z.object({ name: z.string(), type: z.string(), description: z.string(), tags: z.number() })
export type FeastField = z.output<typeof Field>

const Entity = z.object({ ...about, key: z.string(), type: z.string() })
export type FeastEntity = z.output<typeof Entity>

const Source = z.object({
  ...about,
  /** Its class. */
  kind: z.string(),
  /** Empty where Feast looks for it itself. */
  event_time: z.string(),
  created_time: z.string(),
  /** Column → the name that it has for views. */
  mapping: z.record(z.string(), z.string()),
  path: z.string().nullable(),
  format: z.string().nullable(),
  endpoint: z.string().nullable(),
  query: z.string().nullable(),
  /** Column → Arrow's name of its type; null where its files were not looked at. */
  columns: z.record(z.string(), z.string()).nullable(),
  batch: z.string().nullable(),
  fields: z.array(Field),
})
export type FeastSource = z.output<typeof Source>

const View = z.object({
  ...about,
  kind: z.string(),
  entities: z.array(z.string()),
  keys: z.array(Field),
  /** None where Feast infers them. */
  features: z.array(Field),
  /** Null: for ever. */
  ttl_s: z.number().nullable(),
  batch: z.string().nullable(),
  stream: z.string().nullable(),
  online: z.boolean(),
  /** Its rows are made by a function or by aggregations. */
  computed: z.boolean(),
})
export type FeastView = z.output<typeof View>

const OnDemand = z.object({
  ...about,
  features: z.array(Field),
  mode: z.string(),
  code: z.string(),
  views: z.array(z.string()),
  requests: z.array(z.string()),
})

const Service = z.object({
  ...about,
  logged: z.boolean(),
  takes: z.array(
    z.object({
      view: z.string(),
      alias: z.string().nullable(),
      /** None: all of them, which Feast infers. */
      features: z.array(z.string()),
      keys: z.record(z.string(), z.string()),
      version: z.union([z.number(), z.string()]).nullable(),
    }),
  ),
})
export type FeastService = z.output<typeof Service>

export const FeastRepository = z.object({
  /** Its version. */
  feast: z.string(),
  entities: z.array(Entity),
  sources: z.array(Source),
  views: z.array(View),
  on_demand: z.array(OnDemand),
  services: z.array(Service),
  /** Of a kind that has no counterpart. */
  others: z.array(z.object({ kind: z.string(), name: z.string() })),
})
export type FeastRepository = z.output<typeof FeastRepository>
