/** Lists what lies in a bucket below the prefix, and sweeps away what broken uploads have left. */
import type { S3Client } from './client.ts'
import { abortParts } from './parts.ts'
import { elements, textOf } from './xml.ts'

export interface Listed {
  /** Below the prefix of the client. */
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Time of the last change, ms. */
  readonly at: number
  /** What the server calls these bytes. */
  readonly etag: string
}

/** Every object whose key begins with `below`, page by page. */
export async function* listObjects(client: S3Client, below: string): AsyncGenerator<Listed> {
  const { prefix } = client.settings
  let token: string | undefined
  do {
    const from: Record<string, string> = token === undefined ? {} : { 'continuation-token': token }
    const { text } = await client.call({ method: 'GET', query: { 'list-type': '2', prefix: prefix + below, ...from } })
    for (const item of elements(text, 'Contents')) {
      const key = (textOf(item, 'Key') ?? '').slice(prefix.length)
      const etag = textOf(item, 'ETag') ?? ''
      yield { key, size: Number(textOf(item, 'Size')), at: Date.parse(textOf(item, 'LastModified') ?? ''), etag }
    }
    token = textOf(text, 'IsTruncated') === 'true' ? textOf(text, 'NextContinuationToken') : undefined
  } while (token !== undefined)
}

/** Deletes temporary objects and gives up uploads in parts that are older than `before`, ms. */
export async function sweep(client: S3Client, before: number): Promise<void> {
  for (const below of ['tmp/', 'leaving/']) {
    for await (const { key, at } of listObjects(client, below)) {
      if (at < before) await client.call({ method: 'DELETE', key, accept: [404] })
    }
  }
  const { prefix } = client.settings
  const { text } = await client.call({ method: 'GET', query: { uploads: '', ...(prefix !== '' && { prefix }) } })
  for (const upload of elements(text, 'Upload')) {
    const key = textOf(upload, 'Key') ?? ''
    const id = textOf(upload, 'UploadId')
    const old = Date.parse(textOf(upload, 'Initiated') ?? '') < before
    if (old && id !== undefined && key.startsWith(prefix)) await abortParts(client, key.slice(prefix.length), id)
  }
}
