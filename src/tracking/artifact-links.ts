/** Presigned downloads: a link with a secret of its own reads the bytes of one artifact for a while, without a credential. */
import { createHash } from 'node:crypto'
import type { Principal } from '../contract/access.ts'
import { findArtifact } from './artifacts.ts'
import type { ArtifactFile } from './artifacts.ts'
import type { Tracking } from './room.ts'
import { invalid, missing } from './wire.ts'

/** How long a link works where nobody says, and at most, seconds; MLflow's own numbers. */
export const STANDARD_S = 300
const LONGEST_S = 604_800

/** A link as it is given out; only its hash is kept. */
export interface ArtifactLink {
  readonly secret: string
  readonly file: ArtifactFile
}

/** Makes a link to an artifact that the principal may read. RESOURCE_DOES_NOT_EXIST; INVALID_PARAMETER_VALUE for its time. */
export async function makeLink(
  room: Tracking,
  who: Principal,
  fullPath: string,
  seconds = STANDARD_S,
): Promise<ArtifactLink> {
  if (!(seconds >= 1 && seconds <= LONGEST_S)) {
    throw invalid(`expiration must be between 1 and ${LONGEST_S} seconds (got ${seconds}).`)
  }
  const file = await findArtifact(room, who, fullPath)
  const secret = Buffer.from(room.random(32)).toString('base64url')
  const now = room.clock()
  await room.db.tx(async (t) => {
    await t.run('DELETE FROM artifact_links WHERE expires_at <= ?', [now])
    await t.run('INSERT INTO artifact_links (hash, path, digest, size, expires_at) VALUES (?, ?, ?, ?, ?)', [
      hashOf(secret),
      file.path,
      file.digest,
      file.size,
      now + seconds * 1000,
    ])
  })
  return { secret, file }
}

/** What a link was made for, whatever has become of the artifact since. RESOURCE_DOES_NOT_EXIST when it works no more. */
export async function findLink(room: Tracking, secret: string): Promise<ArtifactFile> {
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
