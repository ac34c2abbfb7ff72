/** The project file slipway.yaml: every key, its meaning, its default and what it accepts. */
import { z } from 'zod'
import { Numeral } from '../../contract/values/numerals.ts'
import { MonitorSettings } from '../../contract/monitoring.ts'
import { GivenGates } from '../../contract/registry.ts'
import { Plan, PlanFields } from '../../contract/rollout-plan.ts'
import { isMet } from '../../envs/versions.ts'
import { parseBytes, parseDuration } from './units.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/

const plainName = z
  .string()
  .regex(NAME, 'letters, digits, "_", "." and "-", at most 128, beginning with a letter or digit')
const stepName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'letters, digits, "_" and "-", at most 64')
/** Inputs, params and outputs become keyword arguments, so they are Python identifiers. */
const argument = z
  .string()
  .regex(IDENTIFIER, 'a Python identifier: letters, digits and "_", not beginning with a digit')
const reference = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_]*$/, 'STEP.OUTPUT, for example features.train')
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

const param = z.unknown().refine(isJson, 'a text, a number, true or false, null, a list, or keys with values')

function isJson(value: unknown): boolean {
  if (value === null || value instanceof Numeral) return true
  if (Array.isArray(value)) return value.every(isJson)
  if (typeof value === 'object') {
    return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isJson)
  }
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

export const Step = z.strictObject({
  run: entry.describe('module:function, called with inputs, params and outputs by name; or a list of arguments'),
  inputs: z.record(argument, reference).default({}).describe('argument name → STEP.OUTPUT'),
  params: z.record(argument, param).default({}).describe('argument name → value'),
  outputs: z.array(argument).max(100).default([]).describe('names of the files or folders that the step makes'),
  after: z.array(stepName).max(100).default([]).describe('steps that must succeed first, without handing over a file'),
  env: z
    .record(
      environmentName,
      z.union([z.string(), z.number(), z.boolean()], { error: 'a text, a number, true or false' }).transform(String),
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
  timeout: duration.optional().describe('longest run of one attempt'),
  silent_timeout: duration
    .optional()
    .describe('longest time without output and without anything logged before the attempt is ended'),
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
  resources: z
    .strictObject({
      cpus: z.number().int().min(1).max(1024).optional().describe('threads that numeric libraries may use'),
      memory: bytes
        .optional()
        .describe(
          'memory of the step and of all that it starts, as limits.memory of Kubernetes; more ends the attempt',
        ),
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

export const Project = z.strictObject({
  project: plainName,
  python: Python.optional(),
  pipeline: z.strictObject({
    steps: z.record(stepName, Step).refine((steps) => Object.keys(steps).length > 0, 'at least one step'),
    schedule: z
      .strictObject({
        cron: z.string().min(9, 'five fields such as "0 4 * * *"').max(200),
        timezone: z.string().max(100).default('UTC'),
        missed: z.enum(['skip', 'last', 'all']).default('last'),
        overlap: z.enum(['allow', 'skip', 'queue']).default('skip'),
      })
      .optional(),
    reads: z
      .enum(['warn', 'strict'])
      .default('warn')
      .describe('what comes of a read that the key of a step does not hold: a warning, or a failure of the step'),
    salt: z.string().max(200).default('').describe('change it to forget every cached result'),
  }),
  model: z
    .strictObject({
      name: plainName,
      from: reference.describe('the output that is the model, for example train.model'),
      gates: GivenGates.default([]),
    })
    .optional(),
  endpoint: z.strictObject({ name: plainName, rollout: Rollout.prefault({}) }).optional(),
  monitor: MonitorSettings.optional(),
})
export type Project = z.output<typeof Project>
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
