/** Uploads in parts, against a server that a test holds up: sizes, order, how many are under way, and what is left when one fails. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import type { S3Client, S3Reply, S3Request } from './client.ts'
import { fresh, partSize, pieces, uploadParts, type Cut, type PartsUpload } from './parts.ts'

const MIB = 1024 * 1024

describe('the size of a part', () => {
  const cases: [number | undefined, number][] = [
    [undefined, 8 * MIB],
    [0, 8 * MIB],
    [80_000 * MIB, 8 * MIB],
    // 10,000 parts of 8 MiB do not hold it: the next whole MiB
    [80_000 * MIB + 1, 9 * MIB],
    [90_000 * MIB, 9 * MIB],
    [90_000 * MIB + 1, 10 * MIB],
  ]
  for (const [size, part] of cases) it(`of ${size} bytes is ${part}`, () => assert.equal(partSize(size), part))
})

async function cutUp(chunks: readonly string[], size: number): Promise<{ texts: string[]; cut: Cut }> {
  const cut = fresh()
  const texts: string[] = []
  for await (const piece of pieces(
    chunks.map((chunk) => Buffer.from(chunk)),
    size,
    cut,
  ))
    texts.push(piece.toString())
  return { texts, cut }
}

describe('pieces', () => {
  const cases: [string, string[], string[]][] = [
    ['nothing is one empty piece', [], ['']],
    ['empty chunks are nothing', ['', 'ab', '', ''], ['ab']],
    ['a chunk of just the size is one piece', ['abcd'], ['abcd']],
    ['one byte more begins the next', ['abcde'], ['abcd', 'e']],
    ['a long chunk is cut several times', ['abcdefghij'], ['abcd', 'efgh', 'ij']],
    ['short chunks are joined across the edges', ['abc', 'def', 'g', 'hi'], ['abcd', 'efgh', 'i']],
    ['what ends at an edge has no empty rest', ['abcd', 'efgh'], ['abcd', 'efgh']],
  ]
  for (const [name, chunks, texts] of cases) {
    it(name, async () => {
      const made = await cutUp(chunks, 4)
      assert.deepEqual(made.texts, texts)
      const whole = chunks.join('')
      assert.equal(made.cut.size, whole.length)
      assert.equal(made.cut.hash.digest('hex'), createHash('sha256').update(whole).digest('hex'))
    })
  }
})

interface Server {
  readonly client: S3Client
  /** Every request but those of parts, as METHOD with the names of its query. */
  readonly asked: string[]
  /** Parts that have arrived and wait for their answer. */
  readonly waiting: Map<number, { answer(): void; fail(error: Error): void }>
  /** The text that completed the upload. */
  completed: string
  most: number
}

/** `replies` are those to the completion and to the HEAD after it; parts wait for the test where `held`. */
function serve(held: boolean, replies: Partial<S3Reply>[] = []): Server {
  const waiting: Server['waiting'] = new Map()
  const server: Server = { client: {} as S3Client, asked: [], waiting, completed: '', most: 0 }
  const reply = (more: Partial<S3Reply> = {}): S3Reply => ({ status: 200, headers: {}, text: '', ...more })
  const part = async ({ query, headers, body }: S3Request): Promise<S3Reply> => {
    const number = Number(query?.['partNumber'])
    const sum = Buffer.from(headers?.['x-amz-checksum-crc32'] ?? '', 'base64').readUInt32BE()
    assert.equal(sum, crc32(body ?? ''), 'the server can check each part')
    if (held) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting.set(number, { answer: resolve, fail: reject })
      server.most = Math.max(server.most, waiting.size)
      await promise.finally(() => waiting.delete(number))
    }
    return reply({ headers: { etag: `"e&${number}"` } })
  }
  const call = (request: S3Request): Promise<S3Reply> => {
    const { method, query = {}, body } = request
    if (method === 'PUT') return part(request)
    server.asked.push([method, ...Object.keys(query)].join(' '))
    if (method === 'POST' && 'uploads' in query) return Promise.resolve(reply({ text: '<UploadId>u1</UploadId>' }))
    if (method === 'POST') server.completed = body?.toString() ?? ''
    const answer = reply(method === 'DELETE' ? {} : replies.shift())
    if (answer.status >= 300 && request.accept?.includes(answer.status) !== true)
      return Promise.reject(new Error(`${method} was answered by ${answer.status}`))
    return Promise.resolve(answer)
  }
  return Object.assign(server, { client: { call } as unknown as S3Client })
}

async function* texts(count: number): AsyncGenerator<Buffer> {
  for (let i = 1; i <= count; i++) yield Buffer.from(`part ${i}`)
}

function upload(server: Server, more: Partial<PartsUpload> = {}): PartsUpload {
  return { client: server.client, sending: { count: 0 }, key: 'k', cut: fresh(), agree: () => undefined, ...more }
}

/** Lets everything that can go on do so. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}

describe('an upload', () => {
  it('lists its parts in their order, whichever ended first', async () => {
    const server = serve(true)
    const cut = fresh()
    const done = uploadParts(upload(server, { cut }), texts(3))
    await settled()
    for (const number of [3, 1, 2]) {
      server.waiting.get(number)?.answer()
      await settled()
    }
    cut.size = 5
    const { digest } = await done
    assert.match(digest, /^sha256:[0-9a-f]{64}$/)
    const lines = [1, 2, 3].map((number) => {
      const sum = Buffer.alloc(4)
      sum.writeUInt32BE(crc32(`part ${number}`))
      return `<Part><PartNumber>${number}</PartNumber><ETag>&#34;e&#38;${number}&#34;</ETag><ChecksumCRC32>${sum.toString('base64')}</ChecksumCRC32></Part>`
    })
    assert.equal(server.completed, `<CompleteMultipartUpload>${lines.join('')}</CompleteMultipartUpload>`)
    assert.deepEqual(server.asked, ['POST uploads', 'POST uploadId'])
  })
  it('has four parts under way, and the next as soon as one has ended', async () => {
    const server = serve(true)
    const sending = { count: 0 }
    const done = uploadParts(upload(server, { sending }), texts(6))
    await settled()
    assert.deepEqual([[...server.waiting.keys()], sending.count], [[1, 2, 3, 4], 4])
    server.waiting.get(3)?.answer()
    await settled()
    assert.deepEqual([...server.waiting.keys()], [1, 2, 4, 5])
    while (server.waiting.size > 0) {
      server.waiting.values().next().value?.answer()
      await settled()
    }
    await done
    assert.deepEqual([server.most, sending.count], [4, 0])
  })
  it('beside others has fewer, but always one', async () => {
    const server = serve(true)
    const sending = { count: 6 }
    const done = uploadParts(upload(server, { sending }), texts(4))
    await settled()
    assert.deepEqual([...server.waiting.keys()], [1, 2])
    sending.count = 20
    for (let next = 1; next <= 4; next++) {
      server.waiting.get(next)?.answer()
      await settled()
      assert.ok(server.waiting.size <= 1)
    }
    await done
    assert.equal(sending.count, 18)
  })
  it('of which a part fails sends no more, waits for what is under way, and is forgotten by the server', async () => {
    const server = serve(true)
    const done = uploadParts(upload(server), texts(9))
    const failed = assert.rejects(done, /no room/)
    await settled()
    server.waiting.get(2)?.fail(new Error('no room'))
    await settled()
    assert.deepEqual([...server.waiting.keys()], [1, 3, 4])
    assert.deepEqual(server.asked, ['POST uploads'])
    for (const number of [1, 3, 4]) server.waiting.get(number)?.answer()
    await failed
    assert.deepEqual(server.asked, ['POST uploads', 'DELETE uploadId'])
  })
  it('whose source breaks is not forgotten before the parts that are under way have ended', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield* texts(2)
      throw new Error('the client went away')
    }
    const server = serve(true)
    const failed = assert.rejects(uploadParts(upload(server), broken()), /went away/)
    await settled()
    assert.deepEqual([[...server.waiting.keys()], server.asked], [[1, 2], ['POST uploads']])
    server.waiting.get(1)?.answer()
    server.waiting.get(2)?.fail(new Error('another'))
    await failed
    assert.deepEqual(server.asked, ['POST uploads', 'DELETE uploadId'])
  })
  it('whose source breaks, or whose bytes are not the wanted ones, is forgotten too', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('a')
      throw new Error('the client went away')
    }
    const server = serve(false)
    await assert.rejects(uploadParts(upload(server), broken()), /went away/)
    const agree = (): never => {
      throw new Error('another digest')
    }
    await assert.rejects(uploadParts(upload(server, { agree }), texts(1)), /another digest/)
    assert.deepEqual(server.asked, ['POST uploads', 'DELETE uploadId', 'POST uploads', 'DELETE uploadId'])
  })
  const lost: [string, Partial<S3Reply>[], boolean][] = [
    [
      'is there with its size, was completed by a try whose answer was lost',
      [{ headers: { 'content-length': '3' } }],
      true,
    ],
    ['is there with another size, is lost', [{ headers: { 'content-length': '4' } }], false],
    ['is not there, is lost', [{ status: 404, headers: { 'content-length': '3' } }], false],
  ]
  for (const [name, replies, isKept] of lost) {
    it(`that the server no longer knows, and that ${name}`, async () => {
      const server = serve(false, [{ status: 404 }, ...replies])
      const cut = Object.assign(fresh(), { size: 3 })
      const done = uploadParts(upload(server, { cut }), texts(1))
      if (isKept) assert.equal((await done).size, 3)
      else await assert.rejects(done, /it lost an upload/)
      assert.equal(server.asked.includes('DELETE uploadId'), !isKept)
    })
  }
})
