/** All routes about traces: MLflow's protocol, OTLP, files and the native API. */
import type { Mounted } from '../http/mount.ts'
import type { Tracking } from '../tracking/room.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import { traceCalls } from './calls.ts'
import { traceFileRoutes } from './files.ts'
import { nativeTraceRoutes } from './native.ts'
import { otlpRoutes } from './otlp/otlp.ts'

/** The routes, for `trackingRoutes` to mount. */
export function traceRoutes(room: Tracking): Mounted[] {
  return [...rpcRoutes(traceCalls(room)), ...traceFileRoutes(room), ...otlpRoutes(room), ...nativeTraceRoutes(room)]
}
