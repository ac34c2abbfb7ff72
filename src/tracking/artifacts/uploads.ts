/** Uploads of large artifacts in parts, as MLflow's client does them: create, put each part, complete or abort. */
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { baseName } from '../context/paths.ts'
import { allowedPlace, UPLOAD_MS, writeArtifact } from './artifacts.ts'
import { hexId } from '../context/ids.ts'
import type { Tracking } from '../context/context.ts'
import { invalid, missing } from '../../mlflow/wire.ts'
import { insertRow } from '../../store/sql/rows.ts'

/** Parts of one upload at most; the client's are 10 MB. */
const MOST_PARTS = 10_000

interface UploadRow {
  readonly upload_id: string
  readonly owner: string
  readonly path: string
}

interface PartRow {
  readonly part_number: number
  readonly digest: string
  readonly size: number
}

/** Begins an upload of `file` (only its last part counts) into a folder; returns its id. */
export async function createUpload(
  room: Tracking,
  who: Principal,
  given: { folder: string; file: string; parts: number },
): Promise<string> {
  if (given.parts < 1 || given.parts > MOST_PARTS) {
    throw invalid(`Invalid value ${given.parts} for parameter 'num_parts' supplied: expected 1 to ${MOST_PARTS}.`)
  }
  const place = await allowedPlace(room, who, `${given.folder}/${fileName(given.file)}`)
  const id = hexId(room)
  await room.db.tx(async (t) => {
    await forgetOld(t, room)
    const { owner, path } = place
    await insertRow(t, 'artifact_uploads', { upload_id: id, owner, path, created_at: room.clock() })
  })
  return id
}

/** Stores one part, streamed; sent again, it replaces the earlier one. Returns its ETag. */
export async function putPart(
  room: Tracking,
  upload: { id: string; part: number },
  bytes: AsyncIterable<Uint8Array>,
): Promise<string> {
  if (!Number.isInteger(upload.part) || upload.part < 1 || upload.part > MOST_PARTS) {
    throw invalid(`Invalid value ${upload.part} for parameter 'part_number' supplied: expected 1 to ${MOST_PARTS}.`)
  }
  await requireUpload(room.db, upload.id)
  const { digest, size } = await room.blobs.put(bytes)
  await room.db.tx(async (t) => {
    await requireUpload(t, upload.id)
    const over = 'ON CONFLICT (upload_id, part_number) DO UPDATE SET digest = excluded.digest, size = excluded.size'
    await insertRow(t, 'artifact_upload_parts', { upload_id: upload.id, part_number: upload.part, digest, size }, over)
  })
  return digest
}

/** Joins the named parts in their order into the artifact. Each must have been stored with the ETag that is given. */
export async function completeUpload(
  room: Tracking,
  who: Principal,
  given: { folder: string; file: string; id: string; parts: readonly { part_number: number; etag: string }[] },
): Promise<void> {
  const place = await allowedPlace(room, who, `${given.folder}/${fileName(given.file)}`)
  const upload = await requireUpload(room.db, given.id)
  if (upload.owner !== place.owner || upload.path !== place.path) {
    throw invalid(`Upload ${given.id} is of another path than '${given.folder}/${baseName(given.file)}'.`)
  }
  const stored = await room.db.all<PartRow>(
    'SELECT part_number, digest, size FROM artifact_upload_parts WHERE upload_id = ? ORDER BY part_number',
    [given.id],
  )
  const byNumber = new Map(stored.map((part) => [part.part_number, part]))
  const chosen = given.parts
    .toSorted((left, right) => left.part_number - right.part_number)
    .map(({ part_number, etag }) => {
      const part = byNumber.get(part_number)
      if (part === undefined || part.digest !== etag.replaceAll('"', '')) {
        throw invalid(`Part ${part_number} of upload ${given.id} was not stored with ETag ${etag}.`)
      }
      return part
    })
  const { digest, size } = await room.blobs.put(concatenated(room, chosen))
  await room.db.tx(async (t) => {
    await writeArtifact(t, room, place, { path: place.path, digest, size })
    await forget(t, given.id)
  })
}

/** Clients before 3.18 send the whole path of their own file, on Windows with drive and backslashes. */
function fileName(given: string): string {
  const name = baseName(given).replace(/^[A-Za-z]:/, '')
  if (['', '.', '..'].includes(name)) throw invalid('Invalid path')
  return name
}

/** Ends an upload without result. */
export async function abortUpload(room: Tracking, who: Principal, folder: string, id: string): Promise<void> {
  await allowedPlace(room, who, folder)
  await room.db.tx(async (t) => {
    await requireUpload(t, id)
    await forget(t, id)
  })
}

async function requireUpload(reader: Pick<Tx, 'get'>, id: string): Promise<UploadRow> {
  const row = await reader.get<UploadRow>('SELECT upload_id, owner, path FROM artifact_uploads WHERE upload_id = ?', [
    id,
  ])
  if (row === undefined) throw missing(`No upload with id=${id}`, 'upload', id)
  return row
}

async function forgetOld(t: Tx, room: Tracking): Promise<void> {
  const before = room.clock() - UPLOAD_MS
  const old = 'SELECT upload_id FROM artifact_uploads WHERE created_at <= ?'
  await t.run(`DELETE FROM artifact_upload_parts WHERE upload_id IN (${old})`, [before])
  await t.run('DELETE FROM artifact_uploads WHERE created_at <= ?', [before])
}

async function forget(t: Tx, id: string): Promise<void> {
  await t.run('DELETE FROM artifact_upload_parts WHERE upload_id = ?', [id])
  await t.run('DELETE FROM artifact_uploads WHERE upload_id = ?', [id])
}

async function* concatenated(room: Tracking, parts: readonly PartRow[]): AsyncIterable<Uint8Array> {
  for (const part of parts) {
    const { stream } = await room.blobs.read(part.digest)
    for await (const chunk of stream) yield chunk as Uint8Array
  }
}
