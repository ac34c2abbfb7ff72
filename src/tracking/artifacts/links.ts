/** Presigned downloads: a link with a secret of its own reads the bytes of one artifact for a while, without a credential. */
import { createHash } from 'node:crypto'
import type { Call } from '../../http/mount.ts'
import { baseName } from '../context/paths.ts'
import type { ArtifactFile } from './artifacts.ts'
import type { Tracking } from '../context/context.ts'
import { invalid, missing } from '../../mlflow/wire.ts'
import { insertRow } from '../../store/sql/rows.ts'

/** How long a link works where nobody says, and at most, seconds; MLflow's own numbers. */
export const STANDARD_S = 300
const LONGEST_S = 604_800

/** A link in the form that MLflow's clients ask for. */
export interface Presigned {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly file_size: number
}

/** What a link needs; every room that has files has it. */
type LinkRoom = Pick<Tracking, 'db' | 'blobs' | 'clock' | 'random'>

/**
 * A link to a file that the caller was found to be allowed to read: to where the bytes lie, if callers reach that, else to this
 * server. MLflow's client reads it in ranges, several at once.
 */
export async function presigned(room: LinkRoom, call: Pick<Call, 'origin'>, file: ArtifactFile): Promise<Presigned> {
  const { path, digest, size } = file
  const direct = room.blobs.link?.(digest, { seconds: STANDARD_S, name: baseName(path) })
  if (direct !== undefined) return { url: direct, headers: {}, file_size: size }
  const name = encodeURIComponent(baseName(path))
  const url = `${call.origin}/api/2.0/mlflow-artifacts/links/${await makeLink(room, file)}/${name}`
  return { url, headers: {}, file_size: size }
}

/** Whether links lead to where the bytes lie, so that clients do well to read by them. */
export function linksAreDirect(room: Pick<Tracking, 'blobs'>): boolean {
  return room.blobs.link?.(`sha256:${'0'.repeat(64)}`, { seconds: STANDARD_S, name: 'x' }) !== undefined
}

/** Makes a link to a file that the caller may read, and gives its secret; only its hash is kept. INVALID_PARAMETER_VALUE for its time. */
export async function makeLink(room: LinkRoom, file: ArtifactFile, seconds = STANDARD_S): Promise<string> {
  if (!(seconds >= 1 && seconds <= LONGEST_S)) {
    throw invalid(`expiration must be between 1 and ${LONGEST_S} seconds (got ${seconds}).`)
  }
  const secret = Buffer.from(room.random(32)).toString('base64url')
  const now = room.clock()
  await room.db.tx(async (t) => {
    await t.run('DELETE FROM artifact_links WHERE expires_at <= ?', [now])
    const { path, digest, size } = file
    await insertRow(t, 'artifact_links', { hash: hashOf(secret), path, digest, size, expires_at: now + seconds * 1000 })
  })
  return secret
}

/** What a link was made for, whatever has become of the artifact since. RESOURCE_DOES_NOT_EXIST when it works no more. */
export async function findLink(room: Pick<LinkRoom, 'db' | 'clock'>, secret: string): Promise<ArtifactFile> {
  const file = await room.db.get<ArtifactFile>(
    'SELECT path, digest, size FROM artifact_links WHERE hash = ? AND expires_at > ?',
    [hashOf(secret), room.clock()],
  )
  if (file === undefined) throw missing('No such link, or it has expired', 'link', '')
  return file
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
