/**
 * The record of where an attempt comes from, kept with its tracking run in the form of `python -m slipway.record`: code, patch,
 * environment, data, seed, arguments and machine.
 */
import { cpus, machine, totalmem, type } from 'node:os'
import { elsewhere, placed } from '../line/places.ts'
import { inputDigests } from '../keys/judge.ts'
import type { Context } from '../context/context.ts'
import type { RunTree } from '../context/rows.ts'
import { sourceOf } from '../spec/sources.ts'
import type { StepSpec } from '../spec/spec.ts'

/** Characters of a tag. */
const TAG = 5000
const PREFIX = 'slipway.record.'

export interface StepRecord {
  readonly tags: Readonly<Record<string, string>>
  /** By path in the run's artifacts. */
  readonly files: Readonly<Record<string, Uint8Array>>
}

/** What is known of an attempt before it begins. */
export async function recordOf({ deps }: Context, { run, steps }: RunTree, step: StepSpec): Promise<StepRecord> {
  const source = await sourceOf(deps.db, run.id)
  const lock = await deps.envs.lock(run.environment ?? '')
  const data = inputDigests(step, { run, steps })
  const isHere = deps.driver.name === 'local' && elsewhere(placed(run.options, step)) === undefined
  const here = isHere ? (known ??= hardware()) : undefined
  const argv = typeof step.entry === 'string' ? [step.entry] : step.entry
  const { patch, ...git } = source ?? { patch: undefined }
  const whole = {
    git,
    code: step.code.files,
    packages: Object.fromEntries(lock.packages.map(({ name, version }) => [normal(name), version])),
    environment_digest: lock.digest,
    lock: lock.digest,
    data,
    seed: step.seed,
    argv,
    python: lock.python_version,
    ...(here !== undefined && { hardware: here }),
  }
  const tags: Record<string, string | undefined> = {
    commit: source?.commit,
    branch: source?.branch,
    patch: source?.patch_digest,
    environment: lock.digest,
    data: JSON.stringify(data),
    seed: String(step.seed),
    argv: JSON.stringify(argv),
    python: lock.python_version,
    hardware: here === undefined ? undefined : JSON.stringify(here),
  }
  return {
    tags: Object.fromEntries(
      Object.entries(tags).flatMap(([name, value]) =>
        value === undefined ? [] : [[`${PREFIX}${name}`, value.slice(0, TAG)]],
      ),
    ),
    files: {
      'slipway/record.json': Buffer.from(JSON.stringify(whole, undefined, 1)),
      ...(patch !== undefined && { 'slipway/patch.diff': Buffer.from(patch, 'base64') }),
    },
  }
}

/** A package's name as Python's index compares it. */
function normal(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-')
}

type Hardware = Readonly<Record<string, string | number>>
let known: Hardware | undefined

/** This machine, where local attempts run; asked for once. */
function hardware(): Hardware {
  const all = cpus()
  const [first] = all
  return {
    machine: machine(),
    system: type(),
    cores: all.length,
    memory_bytes: totalmem(),
    ...(first !== undefined && { processor: first.model }),
  }
}
