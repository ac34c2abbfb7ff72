/** The section `triggers` of a pipeline: what it may say. */
import { z } from 'zod'
import { INCIDENT_KINDS } from '../monitors/incident-kinds.ts'

export const TRIGGER_KINDS = ['source', 'data_set', 'alias', 'incident', 'pipeline', 'merge', 'webhook'] as const
/**
 * `source`: a declared source has other content; `data_set`: a data set has a new version; `alias`: an alias names another version;
 * `incident`: a monitor opens one; `pipeline`: a run of another pipeline ends; `merge`: GitHub or GitLab says so; `webhook`: a signed call.
 */
export type TriggerKind = (typeof TRIGGER_KINDS)[number]

export const MERGE_HOSTS = ['github', 'gitlab'] as const
export const OUTCOMES = ['succeeded', 'failed', 'any'] as const

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
    'letters, digits, "_", "." and "-", at most 128, beginning with a letter or digit',
  )
const branch = z.string().regex(/^[^\s~^:?*[\\]{1,255}$/, 'the name of a branch, for example main')
const span = z.union([z.string(), z.number()], { error: 'a duration, for example 90s, 10m, 2h or 1d' })

/** Most triggers of a pipeline. */
export const MOST_TRIGGERS = 50

/** Which keys belong to each kind: those that it needs, and those that it may have. */
export const KEYS_OF: Readonly<
  Record<TriggerKind, { readonly needs: readonly string[]; readonly may: readonly string[] }>
> = {
  source: { needs: ['source'], may: ['every'] },
  data_set: { needs: ['data_set'], may: [] },
  alias: { needs: ['model', 'alias'], may: [] },
  incident: { needs: ['endpoint'], may: ['kinds'] },
  pipeline: { needs: ['pipeline'], may: ['outcome'] },
  merge: { needs: ['host'], may: ['branch'] },
  webhook: { needs: [], may: [] },
}

/** One trigger; which keys go with its kind is checked with the rest of the file. */
export const Trigger = z.strictObject({
  on: z.enum(TRIGGER_KINDS).describe('source, data_set, alias, incident, pipeline, merge or webhook'),
  source: z.string().optional().describe('source: a declared source that a step takes'),
  every: span.optional().describe('source: how often it is looked at; default 1m'),
  data_set: name.optional().describe('data_set: a data set of the project'),
  model: name.optional().describe('alias: a model of the project'),
  alias: name.optional().describe('alias: the alias, for example production'),
  endpoint: name.optional().describe('incident: an endpoint of the project'),
  kinds: z.array(z.enum(INCIDENT_KINDS)).min(1).optional().describe('incident: of which kinds; default drift alone'),
  pipeline: name.optional().describe('pipeline: the project whose runs end'),
  outcome: z.enum(OUTCOMES).optional().describe('pipeline: how they end; default succeeded'),
  host: z.enum(MERGE_HOSTS).optional().describe('merge: github or gitlab, which calls the address of the trigger'),
  branch: branch.optional().describe('merge: the branch that is pushed to; default main'),
  debounce: span.optional().describe('wait until nothing has happened for so long, and run once for all of it'),
  at_most: z
    .number()
    .int()
    .min(1)
    .max(3600)
    .default(12)
    .describe('runs that it starts within an hour at most; others wait'),
  set: z.record(z.string(), z.unknown()).default({}).describe('params of pipeline.params for its runs'),
})
export type Trigger = z.output<typeof Trigger>

export const Triggers = z
  .record(
    z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'small letters, digits, "_" and "-", at most 64, beginning with a letter'),
    Trigger,
  )
  .refine((triggers) => Object.keys(triggers).length <= MOST_TRIGGERS, `at most ${MOST_TRIGGERS} triggers`)
