/** The files of a trace: its spans as traces.json, made here or uploaded by an older client, and attachments. */
import type { Principal } from '../contract/access.ts'
import { route } from '../contract/route.ts'
import { attachmentHeaders } from '../http/attachment.ts'
import { mount, Raw } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { placeOfUri, safePath } from '../tracking/context/paths.ts'
import { openArtifact } from '../tracking/artifacts/artifacts.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { missing, mlflowFailure, mlflowProblem } from '../mlflow/wire.ts'
import { requireTrace } from './context/rows.ts'
import type { TraceRow } from './context/rows.ts'
import { readSpans, spansFile } from './spans/documents.ts'

const FILE = 'traces.json'
const PREFIXES = ['/api', '/ajax-api'] as const

/** `GET …/get-trace-artifact?request_id=…`, with `path` for an attachment. */
export function traceFileRoutes(room: Tracking): Mounted[] {
  return PREFIXES.flatMap((prefix) =>
    (['2.0', '3.0'] as const).map((version) =>
      mount(
        route({
          method: 'GET',
          path: `${prefix}/${version}/mlflow/get-trace-artifact`,
          summary: 'Download the spans of a trace, or an attachment',
          access: { verb: 'read', resource: 'artifacts' },
          reply: 'stream',
          dialect: 'mlflow',
        }),
        (call) => traceFile(room, call.who, call.search),
        mlflowFailure,
      ),
    ),
  )
}

async function traceFile(room: Tracking, who: Principal, search: URLSearchParams): Promise<Raw> {
  const id = search.get('request_id') ?? search.get('trace_id') ?? ''
  if (id === '') throw mlflowProblem('BAD_REQUEST', 'Request must include the "request_id" query parameter.')
  const path = search.get('path')
  const row = await requireTrace(room.db, who, id)
  if (path !== null && path !== '') return uploaded(room, who, row, `attachments/${safePath(path)}`)
  if (row.spans_stored === 0) return uploaded(room, who, row, FILE)
  const spans = (await readSpans(room.db, [id])).get(id) ?? []
  return new Raw(200, attachmentHeaders(FILE), spansFile(spans))
}

// oxlint-disable-next-line max-params -- a private helper
async function uploaded(room: Tracking, who: Principal, row: TraceRow, path: string): Promise<Raw> {
  const place = placeOfUri(row.artifact_uri)
  if (place === undefined) throw missing(`The files of trace ${row.trace_id} lie at ${row.artifact_uri}`, 'file', path)
  const { stream } = await openArtifact(room, who, `${place.owner}/artifacts/${path}`)
  return new Raw(200, attachmentHeaders(path), stream)
}
