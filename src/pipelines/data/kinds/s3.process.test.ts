/** Sources in a real S3 server in whole runs: prefixes, objects, what changed, refused keys. */
import assert from 'node:assert/strict'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { after, describe, test } from 'node:test'
import { NO_S3, startS3 } from '../../../../test/s3.ts'
import { s3Client } from '../../../store/blobs/s3/client.ts'
import { s3Settings } from '../../../store/blobs/s3/settings.ts'
import { treeFiles } from '../../../store/blobs/trees.ts'
import { failure, pinned, serving, sourced, triedAgain } from '../sources.fixture.ts'

const s3 = await startS3()

describe('S3', { skip: s3 === undefined ? NO_S3 : false }, () => {
  if (s3 === undefined) return
  after(() => s3.stop())
  const { bucket, credentials, origin } = s3.settings
  const client = s3Client(s3Settings(`s3://${bucket}`, s3.env))
  after(() => client.close())
  const put = (key: string, text: string) => client.call({ method: 'PUT', key, body: Buffer.from(text) })
  const secrets = { KEY_ID: credentials.accessKeyId, KEY: credentials.secretAccessKey, WRONG: 'no-such-key-of-anyone' }
  const host = new URL(origin).host
  const at = (key: string, more: object = {}) => ({
    s3: { url: `s3://${bucket}/${key}`, endpoint: origin, access_key: 'KEY_ID', secret_key: 'KEY', ...more },
  })

  test('a prefix is a folder; what did not change is taken, one changed object is read anew', async (t) => {
    const from = Math.floor(Date.now() / 1000) * 1000
    for (const [key, text] of [
      ['raw/a.csv', 'a'],
      ['raw/deep/b.csv', 'b'],
      ['raw-beside', 'no'],
    ])
      await put(key ?? '', text ?? '')
    const { run, got } = await sourced(t, { allow: [host], secrets })
    const first = await run(at('raw/'))
    assert.deepEqual(await got(first), { 'a.csv': 'a', 'deep/b.csv': 'b' })
    assert.match(pinned(first).version ?? '', /^2 objects, sha256:/)
    const [when, to] = [Date.parse(pinned(first).data_at ?? ''), Date.now()]
    assert.ok(from <= when && when <= to, `${from} ${when} ${to}`)
    assert.equal(pinned(await run(at('raw/'))).unchanged, true)
    await put('raw/a.csv', 'A')
    const changed = await run(at('raw/'))
    assert.deepEqual([pinned(changed).unchanged, (await got(changed))['a.csv']], [false, 'A'])
  })

  test('a step that runs for the objects of a prefix gets each alone, and a changed one runs', async (t) => {
    await put('each/März 2024/a b+c.csv', 'a')
    await put('each/b.csv', 'b')
    const { bench } = await sourced(t, { allow: [host], secrets })
    const copy = {
      run: 'steps:copy',
      inputs: { given: 'sources.raw[item]' },
      params: { path: '{item.path}' },
      outputs: ['out'],
      for_each: { files: 'sources.raw' },
    }
    const files = {
      'slipway.yaml': JSON.stringify({ project: 'each', sources: { raw: at('each/') }, pipeline: { steps: { copy } } }),
      'steps.py': 'def copy(given, path, out): out.write_text(f"{path}: {given.read_text()}")\n',
    }
    const ended = async (): Promise<[object | undefined, string[]]> => {
      const [step] = (await bench.end(await bench.begin(files))).steps
      assert.equal(step?.failure ?? null, null)
      const made = await treeFiles(bench.store.blobs, step?.outputs['out']?.digest ?? '')
      const outs = made.filter(({ path }) => path.endsWith('/out'))
      const texts = await Promise.all(outs.map(async ({ digest }) => String(await bench.store.blobs.bytes(digest))))
      return [step?.items?.states, texts.toSorted()]
    }
    assert.deepEqual(await ended(), [{ succeeded: 2 }, ['März 2024/a b+c.csv: a', 'b.csv: b']])
    await put('each/b.csv', 'B')
    assert.deepEqual(await ended(), [{ cached: 1, succeeded: 1 }, ['März 2024/a b+c.csv: a', 'b.csv: B']])
  })

  test('an object is a file with its etag; what is not there, and keys that are refused, are told with the place', async (t) => {
    await put('one.csv', 'x\n1\n')
    const { run, got } = await sourced(t, { allow: [host], secrets })
    const first = await run({ ...at('one.csv'), table: 'csv' })
    assert.deepEqual(await got(first), { '': 'x\n1\n' })
    assert.match(pinned(first).version ?? '', /^"[0-9a-f]{32}"$/)
    assert.equal(pinned(first).rows, 1)
    assert.match(failure(await run(at('gone.csv'))), /source "given": s3:.*gone\.csv: nothing lies there/)
    assert.match(failure(await run(at('raw/', { url: 's3://no-such-bucket/raw/' }))), /no-such-bucket.*NoSuchBucket/)
    const stopped = await sourced(t, { secrets })
    assert.match(failure(await stopped.run(at('one.csv'))), /127\.0\.0\.1 is private/)
  })

  test('keys that are refused name the secrets, and are tried again no longer than other faults', async (t) => {
    const now = Date.now()
    const { begin, bench } = await sourced(t, { allow: [host], secrets }, { clock: () => now })
    const id = await begin(at('one.csv', { secret_key: 'WRONG' }))
    assert.match(
      await triedAgain(bench, id),
      /source "given": s3:.*SignatureDoesNotMatch.*check the secrets KEY_ID and WRONG/,
    )
    await bench.store.db.tx((tx) => tx.run("UPDATE pipeline_runs SET desired_state = 'cancel' WHERE id = ?", [id]))
    bench.room.wake(id)
    assert.equal((await bench.end(id)).state, 'cancelled')
  })

  test('an object that changes while others are read is read again whole', async (t) => {
    for (const key of ['moving/a', 'moving/b']) await put(key, 'old')
    let changed = 0
    // the first answer for `a` comes after the change
    const pass = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
      const { method, url: path = '', headers } = request
      if (method === 'GET' && path.includes('moving/a') && changed++ === 0) await put('moving/b', 'newer')
      const onwards = http.request(origin, { method, path, headers, setHost: false }, (answer) => {
        reply.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        answer.pipe(reply)
      })
      request.pipe(onwards)
    }
    const proxy = await serving(t, (request, reply) => void pass(request, reply))
    const { run, got } = await sourced(t, { allow: [proxy.host], secrets })
    const ended = await run(at('moving/', { endpoint: proxy.url }))
    assert.deepEqual(await got(ended), { a: 'old', b: 'newer' })
    assert.ok(changed > 1, 'it was read again')
  })
})

test('where the bucket has versions, the run says which version it read', async (t) => {
  const object = (key: string): string =>
    `<Contents><Key>${key}</Key><LastModified>2026-02-03T10:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>1</Size></Contents>`
  const { url, host } = await serving(t, (request, reply) => {
    if (request.url?.includes('list-type') === true) reply.end(`<ListBucketResult>${object('one')}</ListBucketResult>`)
    else reply.writeHead(request.headers['if-match'] === '"e"' ? 200 : 412, { 'x-amz-version-id': 'v-7' }).end('1')
  })
  const { run } = await sourced(t, { allow: [host], secrets: { KEY: 'only-for-tests' } })
  const ended = await run({ s3: { url: 's3://versioned/one', endpoint: url, access_key: 'KEY', secret_key: 'KEY' } })
  assert.deepEqual([pinned(ended).version, pinned(ended).data_at], ['v-7', '2026-02-03T10:00:00.000Z'])
})
