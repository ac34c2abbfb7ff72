/** The traces room: spans, OTLP, assessments and issues. */
import type { Mounted } from '../http/mount.ts'
import type { MovedTable } from '../store/moved/table.ts'
import type { MovedPorts } from '../tracking/moved/tables.ts'
import { holdsTraces, traceTables, traceUris } from './moved/tables.ts'
import type { ProjectPart, Purge, Tracking } from '../tracking/context/context.ts'
import { projectOfTrace } from './context/rows.ts'
import { purgeTraces, resetTraces, tracesPart } from './removal.ts'
import { traceRoutes } from './routes.ts'

export interface TracesRoom {
  readonly routes: readonly Mounted[]
  /** Port: deletes the traces and issues of an experiment that goes for good. */
  readonly purge: Purge
  /** Port: what a project has of traces. */
  readonly projectPart: ProjectPart
  /** Port: the project of a trace. */
  readonly projectOf: NonNullable<Tracking['traceProject']>
  /** Ports: the tables that move between servers, and what those of tracking ask of them. */
  readonly movedTables: readonly MovedTable[]
  readonly moved: MovedPorts
  /** Empties the room for a test suite. */
  reset(): Promise<void>
}

/** It works with what tracking works with. */
export function tracesRoom(tracking: Tracking): TracesRoom {
  return {
    routes: traceRoutes(tracking),
    purge: (who, experiment) => purgeTraces(tracking, who, experiment),
    projectPart: tracesPart,
    projectOf: projectOfTrace,
    movedTables: traceTables(),
    moved: { traceUris, holdsTraces },
    reset: () => resetTraces(tracking.db),
  }
}
