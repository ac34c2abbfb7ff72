/** The project file slipway.yaml: every key, its meaning, its default and what it accepts. */
import { z } from 'zod'
import { Numeral } from '../../contract/values/numerals.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import { MonitorSettings } from '../../contract/monitoring.ts'
import { Partitions } from '../../contract/pipelines/partitions-section.ts'
import { Triggers } from '../../contract/pipelines/triggers-section.ts'
import { Search } from '../../contract/pipelines/search-section.ts'
import { STEP_DRIVERS } from '../../contract/values/drivers.ts'
import { GivenGates } from '../../contract/registry.ts'
import { Priority } from '../../contract/values/priority.ts'
import { DeclaredParam } from '../../contract/values/declared.ts'
import { Plan, PlanFields } from '../../contract/rollout/plan.ts'
import { isMet } from '../../envs/versions.ts'
import { ungiven, unreadIn } from '../../contract/values/handed.ts'
import { LONGEST_CONDITION } from './conditions/grammar.ts'
import { Source } from './external/source.ts'
import { forEachSchema } from './fan-out/schema.ts'
import { parseBytes, parseDuration } from './values/units.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/

const plainName = z
  .string()
  .regex(NAME, 'letters, digits, "_", "." and "-", at most 128, beginning with a letter or digit')
export const STEP_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const stepName = z.string().regex(STEP_NAME, 'letters, digits, "_" and "-", at most 64')
/** Inputs, params and outputs become keyword arguments, so they are Python identifiers. */
const argument = z
  .string()
  .regex(IDENTIFIER, 'a Python identifier: letters, digits and "_", not beginning with a digit')
const reference = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_]*$/, 'STEP.OUTPUT, for example features.train')
/** With "[*]" where the step runs for each item, "[item]" behind a source for the file of an item, with "?" where it may be skipped. */
const inputReference = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_]*(\[(\*|item)\])?\??$/,
    'STEP.OUTPUT, for example features.train',
  )
const DURATION = 'a duration, for example 90s, 10m, 2h or 1d'
const duration = z
  .union([z.string(), z.number()], { error: DURATION })
  .refine((value) => parseDuration(value) !== undefined, DURATION)
const SIZE = 'a size, for example 512MiB, 2GiB or 2Gi'
const bytes = z
  .union([z.string(), z.number()], { error: SIZE })
  .refine((value) => parseBytes(value) !== undefined, SIZE)
const environmentName = z.string().regex(/^[A-Z_][A-Z0-9_]{0,127}$/, 'capital letters, digits and "_"')
const SHARE = 'a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent'
const percent = z
  .union([z.string().regex(/^\d+(\.\d+)?%$/, SHARE), z.number()], { error: SHARE })
  .refine((share) => isWeight(toHundredths(share)), SHARE)

function isWeight(weight: number): boolean {
  return Number.isInteger(weight) && weight >= 1 && weight <= 10_000
}

const ENTRY = 'module:function, for example flights.train:main, or a list of arguments, for example [python, train.py]'
const entry = z.union(
  [
    z.string().regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$/, ENTRY),
    z
      .array(z.union([z.string(), z.number()]))
      .min(1)
      .max(200),
  ],
  { error: ENTRY },
)

const param = z
  .unknown()
  .refine(isJson, { error: 'a text, a number, true or false, null, a list, or keys with values', abort: true })
  .superRefine(readable)

/** Tells of a value that Python does not read. */
function readable(value: unknown, ctx: z.RefinementCtx): void {
  const unread = unreadIn(value)
  if (unread !== undefined) ctx.addIssue({ code: 'custom', path: [...unread.path], message: unread.expected })
}

function isJson(value: unknown): boolean {
  if (value === null || value instanceof Numeral) return true
  if (Array.isArray(value)) return value.every(isJson)
  if (typeof value === 'object') {
    return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isJson)
  }
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

const on = z.enum(STEP_DRIVERS).optional()

export const Step = z.strictObject({
  run: entry.describe('module:function, called with inputs, params and outputs by name; or a list of arguments'),
  inputs: z
    .record(argument, inputReference)
    .default({})
    .describe(
      'argument name → STEP.OUTPUT; STEP.OUTPUT[*] is the folder of what a step with for_each made; with "?" behind it the argument is left out where that step was skipped; sources.NAME is a declared source, and sources.NAME[item] the file that an item of it is',
    ),
  for_each: forEachSchema(param)
    .optional()
    .describe('the step runs for each item, and each has its own result in the cache, retries and log'),
  when: z
    .string()
    .min(1, 'a condition, for example "steps.evaluate.metrics.auc >= 0.8"')
    .max(LONGEST_CONDITION)
    .optional()
    .describe(
      'a condition on params and on metrics and outputs of other steps; where it does not hold the step is skipped',
    ),
  params: z
    .record(argument, param)
    .default({})
    .describe(
      'argument name → value; "{params.NAME}" is the param of that name in pipeline.params, "{item}" the item of for_each, "{item.KEY}" a part of it, "{partition}" the partition of the run, "{partition.start}" and "{partition.end}" its times',
    ),
  outputs: z.array(argument).max(100).default([]).describe('names of the files or folders that the step makes'),
  after: z.array(stepName).max(100).default([]).describe('steps that must succeed first, without handing over a file'),
  env: z
    .record(
      environmentName,
      z
        .union([z.string(), z.number(), z.boolean()], { error: 'a text, a number, true or false' })
        .transform(String)
        .superRefine((value, ctx) => {
          const expected = ungiven(value)
          if (expected !== undefined) ctx.addIssue({ code: 'custom', message: expected })
        }),
    )
    .default({})
    .describe('environment variables; part of the cache key'),
  secrets: z
    .array(environmentName)
    .max(50)
    .default([])
    .describe('names of secrets given as environment variables; their values never enter the key or the log'),
  cache: z
    .enum(['auto', 'always', 'never'])
    .default('auto')
    .describe(
      'auto: take an earlier result when nothing changed; always: also when only code or environment changed; never: run',
    ),
  seed: z.number().int().min(0).max(4_294_967_295).default(0).describe('PYTHONHASHSEED and SLIPWAY_SEED'),
  on: on.describe('where it runs; default what `on` of the pipeline says, else local'),
  image: z
    .string()
    .regex(/^[\w./:@-]{1,500}$/, 'an image such as python:3.12-slim or registry.example.org/team/cuda:2')
    .optional()
    .describe('image in which it runs on Kubernetes; no part of the cache key'),
  timeout: duration.optional().describe('longest run of one attempt'),
  queued_timeout: duration
    .optional()
    .describe('longest wait for a place of the server or of a pool; then the step fails, of the class no_place'),
  starting_timeout: duration
    .optional()
    .describe('longest start of one attempt: its environment, the queue of a cluster, up to its first sign of life'),
  silent_timeout: duration
    .optional()
    .describe('longest time without output and without anything logged before the attempt is ended'),
  checkpoints: z
    .strictObject({
      keep: z.number().int().min(1).max(100).optional().describe('good ones that stay in the attempt; default 2'),
      largest: bytes.optional().describe('bytes of one at most; default 10GiB'),
      every: duration
        .optional()
        .describe('how often checkpoint.due() says so; default by the cost of one and the rate of interruptions'),
      interruptions: duration
        .optional()
        .describe('work from interruption to interruption; default what the attempts of the project had in 30 days'),
      resume: z
        .boolean()
        .optional()
        .describe('false: after a failure of its own code it begins anew; one that was interrupted always goes on'),
    })
    .optional()
    .describe('how the step keeps what it has done, with `checkpoint` and `resume` of the Python package'),
  retries: z
    .strictObject({
      user: z.number().int().min(0).max(100).optional(),
      environment: z.number().int().min(0).max(100).optional(),
      out_of_memory: z.number().int().min(0).max(100).optional(),
      timeout: z.number().int().min(0).max(100).optional(),
      infrastructure: z.number().int().min(0).max(100).optional(),
      preempted: z.number().int().min(0).max(100).optional(),
    })
    .default({})
    .describe('how often an attempt is repeated, by cause of the failure'),
  pool: plainName
    .optional()
    .describe('a pool of the server, of which the step takes a place while it runs; an admin makes it'),
  resources: z
    .strictObject({
      cpus: z.number().int().min(1).max(1024).optional().describe('threads that numeric libraries may use'),
      gpus: z.number().int().min(0).max(64).optional().describe('GPUs that a cluster is asked for'),
      memory: bytes
        .optional()
        .describe(
          'memory of the step and of all that it starts, as limits.memory of Kubernetes; more ends the attempt',
        ),
      spot: z
        .enum(['allowed', 'never'])
        .optional()
        .describe('allowed: a cluster may give it a machine that can be taken away; default never'),
      spot_losses: z
        .number()
        .int()
        .min(1)
        .max(100)
        .optional()
        .describe('machines that may be taken away before it gets one that stays; default 3'),
    })
    .default({}),
})

const Python = z.strictObject({
  requires: z
    .string()
    .regex(/^\s*(~=|==|!=|<=|>=|<|>)\s*\d+(\.\d+)*(\.\*)?(\s*,\s*(~=|==|!=|<=|>=|<|>)\s*\d+(\.\d+)*(\.\*)?)*\s*$/, {
      error: 'a version range, for example ">=3.10" or ">=3.10,<3.13"',
      abort: true,
    })
    .refine(isMet, 'a range with a Python 3 in it, for example ">=3.10,<3.13"')
    .default('>=3.10'),
  packages: z.array(z.string().min(1).max(500)).max(500).optional().describe('what to install, as in requirements.txt'),
  requirements: z.string().max(1024).optional().describe('a requirements file of the project'),
  pyproject: z.string().max(1024).optional().describe('a pyproject.toml whose [project] dependencies are installed'),
  lock: z.string().max(1024).optional().describe('a uv.lock beside its pyproject.toml, taken as it is'),
})

const MOST_ROWS = 1_000_000
const ROWS = `a number of rows up to ${MOST_ROWS}, for example "1000 requests"`
const Shadow = z.union([
  z
    .string({ error: ROWS })
    .regex(/^\d+ requests?$/, ROWS)
    .refine((text) => Number.parseInt(text, 10) <= MOST_ROWS, ROWS),
  z.strictObject({ requests: z.number().int().min(0).max(MOST_ROWS), labels: z.number().int().min(0).optional() }),
])

const RolloutFields = PlanFields.omit({ shadow: true, canary: true, ab: true, approvals: true }).extend({
  shadow: Shadow.optional().describe('rows that both variants answer before the canary starts'),
  canary: z.array(percent).max(20).optional().describe('rising shares of the traffic, for example [5%, 25%, 50%]'),
  ab: PlanFields.shape.ab
    .unwrap()
    .extend({ share: percent.default('50%').describe('of the users that get the new version') })
    .optional(),
  approvals: z
    .array(
      PlanFields.shape.approvals.unwrap().element.extend({
        before: z
          .union([z.literal('promote'), percent], { error: 'promote, or a share of canary, for example 5%' })
          .describe('a share of canary, or promote'),
      }),
    )
    .max(21)
    .optional(),
})

const Rollout = RolloutFields.superRefine((given, ctx) => {
  const read = Plan.safeParse(asPlan(given))
  for (const issue of read.error?.issues ?? []) ctx.addIssue({ ...issue, path: [...issue.path], input: given } as never)
  const shares = (given.canary ?? []).map(toHundredths)
  if (shares.some((share, i) => share <= (shares[i - 1] ?? 0)))
    ctx.addIssue({ code: 'custom', path: ['canary'], message: 'shares that rise, for example [5%, 25%, 50%]' })
})

/** Each is looked at before a run begins. */
const MOST_SOURCES = 100

export const Project = z.strictObject({
  project: plainName,
  python: Python.optional(),
  sources: z
    .record(argument, Source)
    .refine((sources) => Object.keys(sources).length <= MOST_SOURCES, `at most ${MOST_SOURCES} sources`)
    .optional()
    .describe('data from outside: read once when a run begins, and kept by content; a step takes one as sources.NAME'),
  pipeline: z.strictObject({
    params: z
      .record(argument, DeclaredParam.superRefine(readable))
      .refine((params) => Object.keys(params).length > 0, 'at least one param')
      .optional()
      .describe('params that a run sets for the whole pipeline; a step takes one as "{params.NAME}"'),
    on: on.describe('where its steps run: local, or ray, kubernetes or slurm for a cluster that the server knows'),
    steps: z.record(stepName, Step).refine((steps) => Object.keys(steps).length > 0, 'at least one step'),
    schedule: z
      .strictObject({
        cron: z.string().min(9, 'five fields such as "0 4 * * *"').max(200),
        timezone: z.string().max(100).default('UTC'),
        missed: z.enum(['skip', 'last', 'all']).default('last'),
        overlap: z.enum(['allow', 'skip', 'queue']).default('skip'),
      })
      .optional(),
    partitions: Partitions.optional().describe(
      'stretches of time, or parts of a list, of which each run is for one; a step takes its own as "{partition}"',
    ),
    triggers: Triggers.optional().describe('what starts it by itself besides the schedule, each under a name'),
    timeout: duration
      .optional()
      .describe('longest time of a whole run from its beginning, waiting included; then all that runs is ended'),
    priority: Priority.optional().describe(
      'where its steps stand in line: a point is worth ten minutes of waiting; above 0 a maintainer has to start the run',
    ),
    reads: z
      .enum(['warn', 'strict'])
      .default('warn')
      .describe('what comes of a read that the key of a step does not hold: a warning, or a failure of the step'),
    salt: z
      .string()
      .max(200)
      .refine((text) => !text.includes('\0'), 'a text without a zero byte')
      .default('')
      .describe('change it to forget every cached result'),
  }),
  model: z
    .strictObject({
      name: plainName,
      from: reference.describe('the output that is the model, for example train.model'),
      gates: GivenGates.default([]),
    })
    .optional(),
  data_sets: z
    .record(plainName, reference)
    .refine((sets) => Object.keys(sets).length <= MOST_SOURCES, `at most ${MOST_SOURCES} data sets`)
    .optional()
    .describe('data set → the output of which it gets a version when a run succeeds, for example features.train'),
  endpoint: z
    .strictObject({
      name: plainName,
      rollout: Rollout.prefault({}),
      features: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}(@[1-9]\d{0,8})?$/, 'SERVICE or SERVICE@VERSION, for example late@2')
        .optional()
        .describe(
          'the feature service from which inputs are filled that a request leaves out; without a version the newest when the model version comes',
        ),
    })
    .optional(),
  monitor: MonitorSettings.optional(),
  search: Search.optional().describe('a search over pipeline.params, started by slipway search'),
  features: FeaturesSection.optional().describe(
    'entities, feature views and services, which slipway features apply brings to the server; no part of a cache key',
  ),
})
export type Project = z.output<typeof Project>

/** A project file of which the features alone are asked: it may have no pipeline. */
export const FeaturesFile = Project.partial({ pipeline: true })
export type FeaturesFile = z.output<typeof FeaturesFile>
export type ProjectStep = z.output<typeof Step>

/** The published schema for editors, JSON Schema 2020-12. */
export function projectJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(Project, { io: 'input', unrepresentable: 'any' })
  return { ...schema, title: 'slipway.yaml', description: 'A project that Slipway trains, ships and watches.' }
}

/** The rollout as its own room reads it: shadow rows as numbers, shares in hundredths of a per cent. */
export function rolloutPlan(project: Project): Plan | undefined {
  const given = project.endpoint?.rollout
  if (given === undefined) return undefined
  return Plan.parse(asPlan(given))
}

function asPlan({ shadow, canary, ab, approvals, ...rest }: z.output<typeof RolloutFields>): unknown {
  return {
    ...rest,
    ...(shadow !== undefined && {
      shadow: typeof shadow === 'string' ? { requests: Number.parseInt(shadow, 10) } : shadow,
    }),
    ...(canary !== undefined && { canary: canary.map(toHundredths) }),
    ...(ab !== undefined && { ab: { ...ab, share: toHundredths(ab.share) } }),
    ...(approvals !== undefined && {
      approvals: approvals.map(({ before, role }) => ({
        role,
        before: before === 'promote' ? before : toHundredths(before),
      })),
    }),
  }
}

function toHundredths(share: string | number): number {
  return typeof share === 'number' ? share : Math.round(Number.parseFloat(share) * 100)
}
