/** All routes about traces: MLflow's protocol, OTLP, files and the native API. */
import type { Mounted } from '../http/mount.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import { traceCalls } from './calls.ts'
import { traceFileRoutes } from './files.ts'
import { issueCalls } from './issues/calls.ts'
import { nativeTraceRoutes } from './native.ts'
import { otlpRoutes } from './otlp/otlp.ts'

export function traceRoutes(room: Tracking): Mounted[] {
  return [
    ...rpcRoutes([...issueCalls(room), ...traceCalls(room)]),
    ...traceFileRoutes(room),
    ...otlpRoutes(room),
    ...nativeTraceRoutes(room),
  ]
}
