/** What the record files of one wandb run come to, without their points: read once, kept small. */
import type { Value } from '../../traces/spans/values.ts'
import { readLog } from './log.ts'
import { isNoRecord, readRecord } from './record.ts'
import type { ArtifactRecord, EnvironmentRecord, RunRecord, WandbRecord } from './record.ts'
import { applyUpdate, leavesOf, metricOf, treeOf } from './tree.ts'
import type { Tree } from './tree.ts'

export interface RunFacts {
  run: Partial<RunRecord>
  environment: Partial<EnvironmentRecord>
  /** The last of each name and version. */
  readonly artifacts: ArtifactRecord[]
  readonly config: Tree
  readonly summary: Tree
  exit: { readonly code: number; readonly seconds: number } | undefined
  /** ms since 1970; the first and the last time that a record names. */
  start: number | undefined
  end: number | undefined
  /** The last logged value of each metric, and the last step. */
  readonly last: Map<string, number>
  lastStep: number
  /** True when history has what no metric holds: text, media, values of far steps. */
  hasOther: boolean
  /** Steps beyond what a metric holds. */
  farSteps: number
  readonly damage: string[]
}

/** The records of files, in order; what cannot be read is handed to `damaged`. */
export async function* recordsOf(
  files: readonly string[],
  damaged: (what: string) => void = () => undefined,
): AsyncGenerator<WandbRecord> {
  for (const file of files) {
    for await (const read of readLog(file)) {
      if ('damage' in read) damaged(`${file}: ${read.damage}`)
      else {
        const record = tryRecord(read)
        if (record === undefined) damaged(`${file}: a record of ${read.length} bytes is not understood`)
        else yield record
      }
    }
  }
}

function tryRecord(bytes: Uint8Array): WandbRecord | undefined {
  try {
    return readRecord(bytes)
  } catch (error) {
    if (isNoRecord(error)) return undefined
    throw error
  }
}

/** Reads the files of one run. Throws `unprocessable` for a file that the SDK did not write. */
export async function scanRun(files: readonly string[]): Promise<RunFacts> {
  const facts: RunFacts = {
    run: {},
    environment: {},
    artifacts: [],
    config: new Map(),
    summary: new Map(),
    exit: undefined,
    start: undefined,
    end: undefined,
    last: new Map(),
    lastStep: 0,
    hasOther: false,
    farSteps: 0,
    damage: [],
  }
  for await (const record of recordsOf(files, (what) => facts.damage.push(what))) take(facts, record)
  return facts
}

function take(facts: RunFacts, record: WandbRecord): void {
  switch (record.kind) {
    case 'run':
      facts.run = { ...facts.run, ...record }
      applyUpdate(facts.config, record.config)
      applyUpdate(facts.summary, record.summary)
      seen(facts, record.start)
      break
    case 'config':
    case 'summary':
      applyUpdate(facts[record.kind], record)
      break
    case 'environment':
      facts.environment = { ...facts.environment, ...withoutEmpty(record) }
      break
    case 'artifact':
      facts.artifacts.push(record)
      break
    case 'exit':
      facts.exit = record
      break
    case 'stats':
      seen(facts, record.time)
      break
    case 'history':
      takeHistory(facts, historyOf(record))
      break
    case 'other':
  }
}

function withoutEmpty(record: EnvironmentRecord): Partial<EnvironmentRecord> {
  const { args, ...rest } = record
  return args.length === 0 ? rest : record
}

function seen(facts: RunFacts, time: number | undefined): void {
  if (time === undefined || time <= 0) return
  facts.start ??= time
  facts.end = Math.max(facts.end ?? time, time)
}

function takeHistory(facts: RunFacts, { time, far, step, metrics, other }: HistoryStep): void {
  seen(facts, time)
  if (far) facts.farSteps += 1
  else facts.lastStep = Math.max(facts.lastStep, Number(step))
  for (const [name, value] of metrics) facts.last.set(name, value)
  if (other.length > 0) facts.hasOther = true
}

/** One step of a history: its numbers as metrics, and what is none. */
export interface HistoryStep {
  readonly step: bigint
  /** A step beyond 2^53 - 1 on either side: no metric holds it, and all its values are other ones. */
  readonly far: boolean
  /** ms since 1970; 0 where the record has no time. */
  readonly time: number
  readonly metrics: readonly (readonly [name: string, value: number])[]
  readonly other: readonly (readonly [name: string, value: Value])[]
}

/** Wandb's own columns: the step and the time are said by the point, the runtime is the time less the run's start. */
const OWN = new Set(['_step', '_timestamp', '_runtime', '_wandb'])

/** A history record's step. */
export function historyOf(record: WandbRecord & { readonly kind: 'history' }): HistoryStep {
  const tree = treeOf(record.items)
  const step = integer(tree.get('_step') ?? null) ?? record.step
  const far = !Number.isSafeInteger(Number(step))
  const seconds = metricOf(tree.get('_timestamp') ?? null) ?? 0
  const metrics: [string, number][] = []
  const other: [string, Value][] = []
  for (const [name, value] of leavesOf(tree)) {
    if (OWN.has(name.split('.', 1)[0] ?? '')) continue
    const number = far ? undefined : metricOf(value)
    if (number === undefined) other.push([name, value])
    else metrics.push([name, number])
  }
  return { step, far, time: whole(Math.round(seconds * 1000)) ?? 0, metrics, other }
}

/** A whole number with all its digits. */
function integer(value: Value): bigint | undefined {
  if (typeof value === 'bigint') return value
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined
}

/** Undefined for what no table holds as a whole number. */
function whole(number: number | undefined): number | undefined {
  return Number.isSafeInteger(number) ? number : undefined
}
