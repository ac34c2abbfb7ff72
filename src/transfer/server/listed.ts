/** Experiments and runs as an MLflow server lists them, with what the parts of an import need of each. */
import { objectOf, textOf, wholeOf } from './calls.ts'
import type { Json } from './calls.ts'

export interface ServerRun {
  readonly id: string
  readonly uri: string
  /** When it ended, else began; ms since 1970. */
  readonly time: number
  readonly wire: Json
}

export interface ServerExperiment {
  readonly id: string
  readonly project: string
  readonly wire: Json
}

export function experimentOf(wire: Json): ServerExperiment {
  return { id: textOf(wire['experiment_id']) ?? '', project: textOf(wire['workspace']) ?? 'default', wire }
}

export function runOf(wire: Json): ServerRun {
  const info = objectOf(wire['info'])
  return {
    id: textOf(info['run_id']) ?? textOf(info['run_uuid']) ?? '',
    uri: textOf(info['artifact_uri']) ?? '',
    time: wholeOf(info['end_time'], wholeOf(info['start_time'], 0)),
    wire,
  }
}
