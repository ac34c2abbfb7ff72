/** The artifact proxy over HTTP: files by path, and uploads in parts. */
import { route } from '../../contract/route.ts'
import type { Method, Route } from '../../contract/route.ts'
import { mount, Raw } from '../../http/mount.ts'
import type { Call, Mounted } from '../../http/mount.ts'
import type { ByteRange } from '../../store/blobs/blobs.ts'
import { baseName } from '../context/paths.ts'
import { findLink, presigned } from './links.ts'
import { deleteArtifacts, findArtifact, listFolder, putArtifact } from './artifacts.ts'
import type { ArtifactFile } from './artifacts.ts'
import { fileReply } from './file-reply.ts'
import { int, list, need, object, readFields, text } from '../../mlflow/input.ts'
import type { Tracking } from '../context/context.ts'
import { abortUpload, completeUpload, createUpload, putPart } from './uploads.ts'
import { mlflowFailure } from '../../mlflow/wire.ts'
import { callInWorkspace } from '../../mlflow/workspace.ts'

const PREFIXES = ['/api/2.0', '/ajax-api/2.0'] as const
const READ = { verb: 'read', resource: 'artifacts' } as const
const WRITE = { verb: 'write', resource: 'artifacts' } as const

/** All routes of the artifact proxy. */
export function artifactRoutes(room: Tracking): Mounted[] {
  return PREFIXES.flatMap((prefix) => [
    on('GET', `${prefix}/mlflow-artifacts/artifacts`, 'List the artifacts of a folder', (call) => listing(room, call)),
    on('GET', `${prefix}/mlflow-artifacts/artifacts/*`, 'Download an artifact', (call) =>
      download(room, call, rest(call)),
    ),
    on('PUT', `${prefix}/mlflow-artifacts/artifacts/*`, 'Upload an artifact', (call) => upload(room, call)),
    on('DELETE', `${prefix}/mlflow-artifacts/artifacts/*`, 'Delete an artifact or a folder', async (call) => {
      await deleteArtifacts(room, call.who, rest(call))
      return {}
    }),
    on('POST', `${prefix}/mlflow-artifacts/mpu/create/*`, 'Begin an upload in parts', (call) =>
      begin(room, call, prefix),
    ),
    on('POST', `${prefix}/mlflow-artifacts/mpu/complete/*`, 'Join the parts of an upload', (call) =>
      complete(room, call),
    ),
    on('POST', `${prefix}/mlflow-artifacts/mpu/abort/*`, 'End an upload without result', (call) => abort(room, call)),
    on('PUT', `${prefix}/mlflow-artifacts/mpu/parts/:id/:part`, 'Upload one part', (call) => part(room, call)),
    on(
      'GET',
      `${prefix}/mlflow-artifacts/presigned/*`,
      'A link by which an artifact is read without a credential',
      async (call) => presigned(room, call, await findArtifact(room, call.who, rest(call))),
    ),
    linked(room, prefix),
  ])
}

/** A download of a checked full path: attachment, no sniffing, sandboxed; one byte range is honoured. */
export async function download(room: Tracking, call: Pick<Call, 'who' | 'headers'>, path: string): Promise<Raw> {
  return ranged(room, call, await findArtifact(room, call.who, path))
}

/** The reply with a file, or with the one range of it that is asked for; 416 for a range beyond its end. */
async function ranged(room: Tracking, call: Pick<Call, 'headers'>, file: ArtifactFile): Promise<Raw> {
  const { path, size, digest } = file
  const asked = String(call.headers['range'] ?? '')
  const range = byteRange(asked, size)
  if (range === 'outside') {
    const message = `Range '${asked}' is outside the file of ${size} bytes`
    const headers = { 'content-type': 'application/json; charset=utf-8', 'content-range': `bytes */${size}` }
    return new Raw(416, headers, JSON.stringify({ error_code: 'INVALID_PARAMETER_VALUE', message }))
  }
  const { stream } = await room.blobs.read(digest, range)
  const length = range === undefined ? size : range.end - range.start + 1
  const more = {
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
    ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${size}` }),
  }
  return fileReply({ path, length, stream }, range === undefined ? 200 : 206, more)
}

/** A single range of a Range header; undefined for one that is to be ignored. */
export function byteRange(header: string, size: number): ByteRange | 'outside' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim())
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const suffix = match[1] === ''
  const start = suffix ? Math.max(0, size - Number(match[2])) : Number(match[1])
  const end = suffix || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1)
  return start > end ? 'outside' : { start, end }
}

/** A route of files, in MLflow's dialect; GETs of paths that name a file answer with a stream. */
export function on(method: Method, path: string, summary: string, handle: (call: Call) => Promise<unknown>): Mounted {
  const streamed = method === 'PUT' || path.endsWith('/upload-artifact')
  const description: Route = {
    method,
    path,
    summary,
    access: method === 'GET' ? READ : WRITE,
    reply:
      method === 'GET' && (path.endsWith('artifacts/*') || path === '/get-artifact' || path.endsWith('/files'))
        ? 'stream'
        : 'json',
    dialect: 'mlflow',
    ...(method !== 'GET' && { body: streamed ? ('stream' as const) : ('json' as const) }),
  }
  const within = (call: Call) => handle(callInWorkspace(call))
  return mount(route(description), within as Parameters<typeof mount>[1], mlflowFailure)
}

/** The secret in the path is the credential; a missing one is told like one that has expired. */
function linked(room: Tracking, prefix: string): Mounted {
  const description = route({
    method: 'GET',
    path: `${prefix}/mlflow-artifacts/links/:secret/:name`,
    summary: 'Download what a link was made for',
    access: 'public',
    reply: 'stream',
    dialect: 'mlflow',
  })
  const handle = async (call: Call) =>
    ranged(room, call, await findLink(room, (call.params as { secret: string }).secret))
  return mount(description, handle as Parameters<typeof mount>[1], mlflowFailure)
}

function rest(call: Call): string {
  return (call.params as Record<string, string>)['*'] ?? ''
}

async function listing(room: Tracking, call: Call): Promise<object> {
  const entries = await listFolder(room, call.who, call.search.get('path') ?? '')
  return { files: entries.map((entry) => ({ ...entry, path: baseName(entry.path) })) }
}

async function upload(room: Tracking, call: Call): Promise<object> {
  await putArtifact(room, call.who, rest(call), call.body as AsyncIterable<Uint8Array>)
  return {}
}

/** The caller's own credential goes back with each part's address, for the client sends parts without any. */
async function begin(room: Tracking, call: Call, prefix: string): Promise<object> {
  const given = readFields({ path: need(text()), num_parts: int() }, call.body as Record<string, unknown>)
  const parts = given.num_parts ?? 1
  const id = await createUpload(room, call.who, { folder: rest(call), file: given.path, parts })
  const authorization = call.headers['authorization']
  return {
    upload_id: id,
    credentials: Array.from({ length: parts }, (_, index) => ({
      url: `${call.origin}${prefix}/mlflow-artifacts/mpu/parts/${id}/${index + 1}`,
      part_number: index + 1,
      headers: typeof authorization === 'string' ? { Authorization: authorization } : {},
    })),
  }
}

async function part(room: Tracking, call: Call): Promise<Raw> {
  const { id, part } = call.params as { id: string; part: string }
  const etag = await putPart(room, { id, part: Number(part) }, call.body as AsyncIterable<Uint8Array>)
  return new Raw(200, { 'content-type': 'application/json', etag: `"${etag}"` }, '{}')
}

async function complete(room: Tracking, call: Call): Promise<object> {
  const fields = {
    path: need(text()),
    upload_id: need(text()),
    parts: list(need(object({ part_number: need(int()), etag: need(text()) }))),
  }
  const given = readFields(fields, call.body as Record<string, unknown>)
  await completeUpload(room, call.who, {
    folder: rest(call),
    file: given.path,
    id: given.upload_id,
    parts: given.parts,
  })
  return {}
}

async function abort(room: Tracking, call: Call): Promise<object> {
  const given = readFields({ upload_id: need(text()) }, call.body as Record<string, unknown>)
  await abortUpload(room, call.who, rest(call), given.upload_id)
  return {}
}
