/** The traces room: spans, OTLP, assessments and issues. */
import type { Mounted } from '../http/mount.ts'
import type { Purge, Tracking } from '../tracking/context/context.ts'
import { purgeTraces } from './delete.ts'
import { traceRoutes } from './routes.ts'

export interface TracesRoom {
  readonly routes: readonly Mounted[]
  /** Port: deletes the traces of an experiment that goes for good. */
  readonly purge: Purge
}

/** It works with what tracking works with. */
export function tracesRoom(tracking: Tracking): TracesRoom {
  return { routes: traceRoutes(tracking), purge: (who, experiment) => purgeTraces(tracking, who, experiment) }
}
