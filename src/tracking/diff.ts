/** What changed between two runs: code, patch, environment package by package, data, params, seed, machine, metrics. */
import type { Principal } from '../contract/access.ts'
import { artifactFiles } from './artifacts/artifacts.ts'
import { getRun } from './searches/read.ts'
import { requireRun } from './runs/runs.ts'
import type { Tracking } from './context/context.ts'

/** A value on both sides; null where it is absent. */
export interface Change {
  readonly key: string
  readonly left: string | null
  readonly right: string | null
}

export const PARTS = [
  'code',
  'patch',
  'environment',
  'data',
  'params',
  'seed',
  'arguments',
  'hardware',
  'metrics',
] as const
export type Part = (typeof PARTS)[number]

/** A part: `unknown` when neither run says anything of it, else whether it changed and how. */
export interface PartDiff {
  readonly part: Part
  readonly state: 'same' | 'changed' | 'unknown'
  readonly changes: readonly Change[]
}

type Facts = Readonly<Record<Part, Readonly<Record<string, string>>>>

const STEP_PARAM = 'slipway.param.'

/** Largest record that is read, bytes. */
const RECORD_LIMIT = 4 * 1024 * 1024

/** Compares two runs that the principal sees, by what was recorded and logged. RESOURCE_DOES_NOT_EXIST. */
export async function diffRuns(room: Tracking, who: Principal, left: string, right: string): Promise<PartDiff[]> {
  const [one, two] = [await factsOf(room, who, left), await factsOf(room, who, right)]
  return PARTS.map((part) => compare(part, one[part], two[part]))
}

function compare(part: Part, left: Facts[Part], right: Facts[Part]): PartDiff {
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])].sort()
  const changes = keys
    .map((key) => ({ key, left: ownText(left, key), right: ownText(right, key) }))
    .filter((change) => change.left !== change.right)
  const state = keys.length === 0 ? 'unknown' : changes.length === 0 ? 'same' : 'changed'
  return { part, state, changes }
}

/** A param may be called `constructor`, which every object has. */
function ownText(of: Facts[Part], key: string): string | null {
  return Object.hasOwn(of, key) ? (of[key] ?? null) : null
}

async function factsOf(room: Tracking, who: Principal, id: string): Promise<Facts> {
  const row = await requireRun(room.db, who, id)
  const run = await getRun(room, who, id)
  const tags = Object.fromEntries(run.data.tags.map((tag) => [tag.key, tag.value]))
  const params = Object.fromEntries(run.data.params.map((param) => [param.key, param.value]))
  const record = await recordOf(room, row.artifact_uri)
  const datasets = (run.inputs.dataset_inputs ?? []).map(({ dataset }) => [dataset.name, dataset.digest] as const)
  return {
    code: {
      ...texts(record['code']),
      ...present({ commit: tags['slipway.record.commit'] ?? tags['mlflow.source.git.commit'] }),
    },
    patch: present({ patch: tags['slipway.record.patch'] ?? (tags['slipway.record.commit'] && 'none') }),
    environment: {
      ...texts(record['packages']),
      ...present({ python: tags['slipway.record.python'], lock: textIn(record, 'lock') }),
    },
    data: { ...Object.fromEntries(datasets), ...texts(record['data']) },
    params: { ...ofStep(tags), ...params },
    seed: present({ seed: tags['slipway.record.seed'] ?? params['seed'] ?? params['random_state'] }),
    arguments: present({ argv: tags['slipway.record.argv'] }),
    hardware: texts(record['hardware']),
    metrics: Object.fromEntries(run.data.metrics.map((metric) => [metric.key, String(metric.value)])),
  }
}

/** The params of a pipeline's step, which are tags of its run. */
function ofStep(tags: Readonly<Record<string, string>>): Record<string, string> {
  const given = Object.entries(tags).filter(([key]) => key.startsWith(STEP_PARAM))
  return Object.fromEntries(given.map(([key, value]) => [key.slice(STEP_PARAM.length), value]))
}

function textIn(record: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = record[name]
  return typeof value === 'string' ? value : undefined
}

/** The record that the Python helper, or a pipeline's step, left with the run; nothing where there is none or it cannot be read. */
async function recordOf(room: Tracking, artifactUri: string): Promise<Record<string, unknown>> {
  const file = (await artifactFiles(room.db, artifactUri)).find((one) => one.path === 'slipway/record.json')
  if (file === undefined || file.size > RECORD_LIMIT) return {}
  try {
    const record: unknown = JSON.parse((await room.blobs.bytes(file.digest)).toString('utf8'))
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : {}
  } catch (error) {
    // anyone may store a file of that name
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function texts(given: unknown): Record<string, string> {
  if (typeof given !== 'object' || given === null) return {}
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]))
}

function present(given: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => !!entry[1]))
}
