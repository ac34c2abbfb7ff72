/** Copies inside a bucket: in one call up to 5 GiB, in pieces of 1 GiB beyond, whole or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { S3Client, S3Request } from './client.ts'
import { copyObject } from './copy.ts'

const GIB = 1024 ** 3

/** A client that notes what it is asked; `failing` is the part that S3 refuses. */
function recorded(failing?: number) {
  const asked: string[] = []
  const call = async ({ method, key, query, headers, body }: S3Request) => {
    const range = headers?.['x-amz-copy-source-range']
    const part = query?.['partNumber']
    asked.push([method, key, part, range, body?.toString().replaceAll(/<\/?ETag>/g, '')].filter(Boolean).join(' '))
    if (part !== undefined && Number(part) === failing) throw new Error('no')
    return { status: 200, headers: {}, text: '<a><UploadId>u</UploadId><ETag>"e"</ETag></a>' }
  }
  const client = { settings: { bucket: 'b', prefix: 'p q/' }, call } as unknown as S3Client
  return { client, asked }
}

test('5 GiB go in one call, a byte more in six pieces', async () => {
  const one = recorded()
  await copyObject(one.client, { from: 'tmp/x', to: 'ab/cd', size: 5 * GIB })
  assert.deepEqual(one.asked, ['PUT ab/cd'])
  const six = recorded()
  await copyObject(six.client, { from: 'tmp/x', to: 'ab/cd', size: 5 * GIB + 1 })
  const pieces = [0, 1, 2, 3, 4].map((n) => `PUT ab/cd ${n + 1} bytes=${n * GIB}-${(n + 1) * GIB - 1}`)
  assert.deepEqual(six.asked.slice(0, -1), ['POST ab/cd', ...pieces, `PUT ab/cd 6 bytes=${5 * GIB}-${5 * GIB}`])
  const parts = [1, 2, 3, 4, 5, 6].map((n) => `<Part><PartNumber>${n}</PartNumber>&#34;e&#34;</Part>`).join('')
  assert.equal(six.asked.at(-1), `POST ab/cd <CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`)
})

test('a piece that fails ends the copy, and what was copied is given up', async () => {
  const { client, asked } = recorded(2)
  await assert.rejects(copyObject(client, { from: 'tmp/x', to: 'ab/cd', size: 25 }, 10), /no/)
  assert.deepEqual(asked, ['POST ab/cd', 'PUT ab/cd 1 bytes=0-9', 'PUT ab/cd 2 bytes=10-19', 'DELETE ab/cd'])
})
