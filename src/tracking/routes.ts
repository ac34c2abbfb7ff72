/** The routes of the tracking room: MLflow's protocol and the native API. */
import { route } from '../contract/route.ts'
import { mount, Raw } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { linksAreDirect } from './artifacts/links.ts'
import { artifactRoutes } from './artifacts/artifact-routes.ts'
import { experimentCalls } from './calls/experiments.ts'
import { historyCalls } from './calls/metrics.ts'
import { modelCalls } from './calls/models.ts'
import { nativeRoutes } from './native.ts'
import type { Tracking } from './context/context.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import { runCalls } from './calls/runs.ts'
import { runFileRoutes } from './artifacts/run-files.ts'
import { runRoutes } from './run-routes.ts'
import { savedSearchRoutes } from './saved-searches-routes.ts'
import { tableRoutes } from './searches/table.ts'
import { mlflowFailure } from '../mlflow/wire.ts'
import { workspaceCalls } from './calls/workspaces.ts'

/** The MLflow release whose protocol is spoken; clients choose what they send by it. */
export const MLFLOW_VERSION = '3.18.0'

export function trackingRoutes(room: Tracking): Mounted[] {
  const calls = [
    ...experimentCalls(room),
    ...runCalls(room),
    ...historyCalls(room),
    ...modelCalls(room),
    ...workspaceCalls(room),
  ]
  return [
    ...handshake(room),
    ...rpcRoutes(calls),
    ...artifactRoutes(room),
    ...runFileRoutes(room),
    ...nativeRoutes(room),
    ...runRoutes(room),
    ...tableRoutes(room),
    ...savedSearchRoutes(room),
  ]
}

function handshake(room: Tracking): Mounted[] {
  const info = {
    store_type: 'SqlStore',
    workspaces_enabled: true,
    trace_archival_enabled: false,
    artifact_serving_enabled: true,
    multipart_uploads_enabled: true,
    // elsewhere a plain download costs one call less and is no slower
    multipart_downloads_enabled: linksAreDirect(room),
    artifacts_presigned_only: false,
    presigned_upload_run_id_supported: false,
    presigned_upload_model_id_supported: false,
    model_artifact_presigned_downloads_supported: true,
    features_enabled: { gateway: false, scheduled_issue_detection: false },
    tracking_auth: '',
  }
  return [
    plain('/version', 'The MLflow release whose protocol is spoken', MLFLOW_VERSION),
    plain('/health', 'Says that the server answers', 'OK'),
    ...(['/api', '/ajax-api'] as const).map((prefix) =>
      mount(
        route({
          method: 'GET',
          path: `${prefix}/3.0/mlflow/server-info`,
          summary: 'What this MLflow server can do',
          access: { verb: 'read', resource: 'server' },
          reply: 'json',
          dialect: 'mlflow',
        }),
        () => info,
        mlflowFailure,
      ),
    ),
  ]
}

function plain(path: string, summary: string, body: string): Mounted {
  return mount(
    route({ method: 'GET', path, summary, access: 'public', reply: 'text', dialect: 'mlflow' }),
    () => new Raw(200, { 'content-type': 'text/plain; charset=utf-8' }, body),
    mlflowFailure,
  )
}
