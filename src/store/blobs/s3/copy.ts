/** Copies an object inside a bucket, by the server. */
import { problem } from '../../../contract/errors.ts'
import type { S3Client } from './client.ts'
import { abortParts } from './parts.ts'
import { encodeSegment } from './sign.ts'
import { escaped, textOf } from './xml.ts'

/** S3 copies objects up to 5 GiB in one call; larger ones go in pieces of 1 GiB. */
const ONE_CALL = 5 * 1024 ** 3
const PIECE = 1024 ** 3

export interface Copy {
  readonly from: string
  readonly to: string
  /** Bytes. */
  readonly size: number
}

/** The copy appears whole or not at all, and replaces what was there. */
export async function copyObject(client: S3Client, copy: Copy, oneCall: number = ONE_CALL): Promise<void> {
  const { bucket, prefix } = client.settings
  const source = `/${bucket}/${(prefix + copy.from).split('/').map(encodeSegment).join('/')}`
  const headers = { 'x-amz-copy-source': source }
  if (copy.size <= oneCall) await client.call({ method: 'PUT', key: copy.to, headers })
  else await copyInPieces(client, copy, headers, Math.min(PIECE, oneCall))
}

async function copyInPieces(
  client: S3Client,
  { to: key, size }: Copy,
  headers: Readonly<Record<string, string>>,
  piece: number,
): Promise<void> {
  const id = textOf((await client.call({ method: 'POST', key, query: { uploads: '' } })).text, 'UploadId') ?? ''
  try {
    const parts: string[] = []
    for (let start = 0; start < size; start += piece) {
      const end = Math.min(start + piece, size) - 1
      const query = { partNumber: String(parts.length + 1), uploadId: id }
      const range = { 'x-amz-copy-source-range': `bytes=${start}-${end}` }
      const { text } = await client.call({ method: 'PUT', key, query, headers: { ...headers, ...range } })
      const etag = textOf(text, 'ETag')
      if (etag === undefined) throw problem('upstream_failed', { what: 'the S3 server', detail: 'no ETag of a copy' })
      parts.push(`<Part><PartNumber>${parts.length + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`)
    }
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
    await client.call({ method: 'POST', key, query: { uploadId: id }, body })
  } catch (error) {
    await abortParts(client, key, id)
    throw error
  }
}
