/**
 * The places of steps: cores and memory. They are taken by attempts that have not ended, as their rows say, and free by the write
 * that ends an attempt.
 */
import { availableParallelism, totalmem } from 'node:os'
import type { DriverName } from '../../contract/values/drivers.ts'
import type { Reader } from '../../store/db.ts'
import type { PipelinesDeps, Resources } from '../context/deps.ts'
import type { AttemptRow } from '../context/rows.ts'
import type { Machine } from '../machine/identity.ts'
import { fits, less } from './judge.ts'
import type { StepSpec } from '../spec/spec.ts'

/** The lock of transactions that take a place. */
export const PLACES = 'pipelines.places'

/** Share of the machine's memory that steps may take. */
const MEMORY_SHARE = 0.8
/** Memory limit of a retry after running out of it, as a multiple of the one before. */
const MORE_MEMORY = 1.5
/** What a step takes of this machine that runs on another. */
const NOTHING: Resources = { cpus: 0, memory_bytes: 0 }

/** What steps may take of this machine: as the configuration says, else all cores, of one core two steps, and most of its memory. */
export function machineCapacity(cpus?: number, bytes?: number): Resources {
  const limit = process.constrainedMemory()
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return {
    cpus: cpus ?? Math.max(2, availableParallelism()),
    memory_bytes: bytes ?? Math.floor(memory * MEMORY_SHARE),
  }
}

/** A step as a run has it run: where the run says, else where the project file does. */
export function placed({ on }: { readonly on?: DriverName | undefined }, step: StepSpec): StepSpec {
  return on === undefined ? step : { ...step, on }
}

/** The driver of a step that runs on another machine. */
export function elsewhere({ on }: Pick<StepSpec, 'on'>): DriverName | undefined {
  return on === 'local' ? undefined : on
}

/** What the next attempt of a step or item takes of this machine, nothing where it runs elsewhere. `earlier` being those before: what it names, else one core and a core's share of the memory; never more than there is. */
export function demandOf(deps: PipelinesDeps, step: StepSpec, earlier: readonly AttemptRow[]): Resources {
  if (elsewhere(step) !== undefined) return NOTHING
  const { capacity, stepMemory } = deps
  const memory = memoryFor(step.memory_bytes ?? stepMemory ?? null, earlier)
  return {
    cpus: Math.min(step.cpus ?? 1, capacity.cpus),
    memory_bytes: Math.min(memory ?? Math.floor(capacity.memory_bytes / capacity.cpus), capacity.memory_bytes),
  }
}

/** What attempts that have not ended take of this machine. */
export async function takenPlaces(reader: Reader, machine?: Machine): Promise<Resources> {
  const taken = await reader.get<Resources>(
    `SELECT CAST(coalesce(sum(a.cpus), 0) AS BIGINT) AS cpus,
       CAST(coalesce(sum(a.memory_bytes), 0) AS BIGINT) AS memory_bytes
     FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
     WHERE a.state IN ('submitting', 'running') AND r.state IN ('waiting', 'preparing', 'running')
       AND (a.machine IS NULL OR a.machine = ?)`,
    [machine?.id ?? null],
  )
  return taken ?? { cpus: 0, memory_bytes: 0 }
}

/** True while there is room for `demand` on this machine. */
export async function hasPlace(
  reader: Reader,
  { capacity, machine }: Pick<PipelinesDeps, 'capacity' | 'machine'>,
  demand: Resources,
): Promise<boolean> {
  return fits(demand, less(capacity, await takenPlaces(reader, machine)))
}

/** The memory limit of the next attempt, bytes. */
export function memoryFor(limit: number | null, attempts: readonly AttemptRow[]): number | null {
  const short = attempts.filter((attempt) => attempt.failure?.class === 'out_of_memory').length
  return limit === null ? null : Math.floor(limit * MORE_MEMORY ** short)
}
