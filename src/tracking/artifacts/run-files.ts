/** Files of a run or a logged model by their ids, as MLflow's web UI and its users ask for them. */
import { buffer } from 'node:stream/consumers'
import type { Principal } from '../../contract/access.ts'
import { Raw } from '../../http/mount.ts'
import type { Call, Mounted } from '../../http/mount.ts'
import { presigned } from './links.ts'
import type { Presigned } from './links.ts'
import { placeOfUri, safePath } from '../context/paths.ts'
import { on, download } from './artifact-routes.ts'
import { findArtifact, putArtifact } from './artifacts.ts'
import { fileReply } from './file-reply.ts'
import { requireLoggedModel } from '../models/logged-models.ts'
import { requireRun } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'
import { putSuiteFile, suiteFile } from '../context/suite-place.ts'
import { invalid, missing } from '../../mlflow/wire.ts'

/** Largest file that is taken in one call with a run's id, bytes; larger ones go through the proxy. */
const LARGEST_UPLOAD = 10 * 1024 * 1024

export function runFileRoutes(room: Tracking): Mounted[] {
  const modelFile = (call: Call): Promise<Raw> => ofModel(room, call)
  return [
    on('GET', '/get-artifact', "Download a run's artifact", (call) => ofRun(room, call)),
    ...['/api', '/ajax-api'].flatMap((prefix) => [
      on('POST', `${prefix}/2.0/mlflow/upload-artifact`, "Upload a run's artifact of at most 10 MB", (call) =>
        uploadToRun(room, call),
      ),
      on(
        'GET',
        `${prefix}/2.0/mlflow/logged-models/:model_id/artifacts/files`,
        'Download an artifact of a logged model',
        modelFile,
      ),
    ]),
  ]
}

/** The proxy's path of a file of a run. RESOURCE_DOES_NOT_EXIST where the client keeps the run's files elsewhere. */
export async function fullPathOfRun(room: Tracking, who: Principal, runId: string, path: string): Promise<string> {
  const run = await requireRun(room.db, who, runId)
  return fullPath(run.artifact_uri, path, `run ${runId}`)
}

function fullPath(artifactUri: string, path: string, what: string): string {
  const place = placeOfUri(artifactUri)
  if (place === undefined) throw missing(`The artifacts of ${what} are kept at ${artifactUri}`, 'artifact', path)
  return `${place.owner}/artifacts/${path}`
}

function runIdOf(call: Call): string {
  return call.search.get('run_id') ?? call.search.get('run_uuid') ?? ''
}

async function ofRun(room: Tracking, call: Call): Promise<Raw> {
  const path = safePath(call.search.get('path') ?? '')
  const run = await requireRun(room.db, call.who, runIdOf(call))
  return ofTree(room, call, { artifactUri: run.artifact_uri, path, what: `run ${run.run_id}` })
}

async function ofModel(room: Tracking, call: Call): Promise<Raw> {
  const { model_id } = call.params as { model_id: string }
  const asked = call.search.get('artifact_file_path') ?? ''
  if (asked === '') throw invalid("Missing value for required parameter 'artifact_file_path'.")
  const path = safePath(asked)
  const model = await requireLoggedModel(room.db, call.who, model_id)
  if (call.search.get('presigned') === 'true') {
    const file = await findArtifact(room, call.who, fullPath(model.artifact_uri, path, `logged model ${model_id}`))
    return linkReply(await presigned(room, call, file))
  }
  return ofTree(room, call, { artifactUri: model.artifact_uri, path, what: `logged model ${model_id}` })
}

/** A link in place of the file: an answer of the same route. */
export function linkReply(link: Presigned): Raw {
  return new Raw(200, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(link))
}

interface InTree {
  readonly artifactUri: string
  readonly path: string
  readonly what: string
}

async function ofTree(room: Tracking, call: Call, { artifactUri, path, what }: InTree): Promise<Raw> {
  const plain = await suiteFile(room, artifactUri, path)
  if (plain !== undefined) return fileReply({ path, length: plain.size, stream: plain.stream })
  return download(room, call, fullPath(artifactUri, path, what))
}

async function uploadToRun(room: Tracking, call: Call): Promise<object> {
  if (runIdOf(call) === '') throw invalid('Request must specify run_uuid. Its newer name run_id is taken as well.')
  const asked = call.search.get('path') ?? ''
  if (asked === '') throw invalid('Request must specify path.')
  const path = safePath(asked)
  const run = await requireRun(room.db, call.who, runIdOf(call))
  const bytes = await buffer(bounded(call.body as AsyncIterable<Uint8Array>))
  if (bytes.length === 0) throw invalid('Request must specify data.')
  if (run.artifact_uri.startsWith('file:')) {
    const { digest } = await room.blobs.put(bytes)
    if (await putSuiteFile(room, run.artifact_uri, path, digest)) return {}
  }
  await putArtifact(room, call.who, fullPath(run.artifact_uri, path, `run ${run.run_id}`), bytes)
  return {}
}

async function* bounded(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let left = LARGEST_UPLOAD
  for await (const chunk of chunks) {
    left -= chunk.length
    if (left < 0) throw invalid('Artifact size is too large. Max size is 10MB.')
    yield chunk
  }
}
