/** Files that rows need and that are gone: found each night, told everywhere, named by backup and restore, mended by the same bytes. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '../fixtures/folder.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { storageApi, systemApi } from '../../src/contract/system.ts'
import { slipway } from '../../src/cli/program.fixture.ts'
import { startPostgres } from '../postgres.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const s3 = await startS3()
const root = temporaryFolder('missing')
after(() => s3?.stop())

type Env = Readonly<Record<string, string>>

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

async function artifact(server: TestServer, name: string, method: 'GET' | 'PUT' | 'DELETE', body?: Uint8Array) {
  const path = `/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/${name}`
  const headers = { authorization: `Bearer ${server.token}` }
  return fetch(server.url + path, { method, headers, ...(body !== undefined && { body }) })
}

async function stored(server: TestServer, name: string): Promise<string> {
  const bytes = randomBytes(2000)
  assert.equal((await artifact(server, name, 'PUT', bytes)).status, 200)
  return digestOf(bytes)
}

/** A pipeline version, whose code is a tree of two files. Returns the digest of one of them. */
async function pipeline(server: TestServer): Promise<string> {
  const text = 'project: gone\npipeline:\n  steps:\n    train: {run: train:train, outputs: [out]}\n'
  const code = 'def train(out):\n    pass\n'
  const folder = mkdtempSync(join(root, 'code-'))
  writeFileSync(join(folder, 'slipway.yaml'), text)
  writeFileSync(join(folder, 'train.py'), code)
  await promisify(execFile)('tar', ['cf', join(folder, 'code.tar'), '-C', folder, 'slipway.yaml', 'train.py'])
  const headers = { authorization: `Bearer ${server.token}` }
  const body = readFileSync(join(folder, 'code.tar'))
  const reply = await fetch(`${server.url}/v1/trees`, { method: 'POST', headers, body })
  const { digest: tree } = (await reply.json()) as { digest: string }
  await server.client.call(pipelinesApi.createPipelineVersion, { body: { text, tree, file: 'slipway.yaml' } })
  return digestOf(Buffer.from(code))
}

type Kind = 'SQLite and disk' | 'PostgreSQL and S3'

interface House {
  readonly env: Env
  /** The file in which the bytes of a blob lie. */
  readonly file: (data: string, digest: string) => string
}

const onDisk = (data: string, digest: string): string => join(data, 'blobs', digest.slice(7, 9), digest.slice(9))
const houses: Record<Kind, { skip: string | false; open: () => Promise<House> }> = {
  'SQLite and disk': { skip: false, open: async () => ({ env: {}, file: onDisk }) },
  'PostgreSQL and S3': {
    skip: s3 === undefined ? NO_S3 : false,
    open: async () => ({
      env: { ...s3?.env, SLIPWAY_DATABASE_URL: (await startPostgres()).url },
      file: (_, digest) => s3?.file(`${digest.slice(7, 9)}/${digest.slice(9)}`) ?? '',
    }),
  },
}

const missingOf = async (server: TestServer): Promise<string[]> => {
  const { blobs } = await server.client.call(storageApi.state)
  const missing = blobs.corrupt.filter(({ fault }) => fault === 'missing').map(({ digest }) => digest)
  assert.equal(blobs.missing_count, missing.length)
  return missing.sort()
}

/** The cases on one kind of database, with where its blobs lie. */
export function missingBlobCases(name: Kind): void {
  const { skip, open } = houses[name]
  test(
    `files that are gone are named by the look, by health, doctor, backup and restore (${name})`,
    { skip },
    async (t) => {
      const { env, file } = await open()
      const data = join(root, `data-${name.slice(0, 4)}`)
      const server = await startTestServer({ data, env: { SLIPWAY_LOG_LEVEL: 'error', ...env } })
      t.after(() => server.stop())
      const kept = await stored(server, 'kept')
      const [first, second, deleted] = [await pipeline(server), await stored(server, 'b'), await stored(server, 'c')]
      assert.equal((await server.client.call(storageApi.look)).blobs.corrupt_count, 0)
      assert.deepEqual(await missingOf(server), [])

      for (const digest of [first, second, deleted]) rmSync(file(data, digest))
      assert.equal((await artifact(server, 'c', 'DELETE')).status, 200)
      const looked = await server.client.call(storageApi.look)
      const gone = [first, second].sort()
      assert.deepEqual(await missingOf(server), gone, 'what no row needs any more is not missed')
      assert.ok(looked.blobs.compared_at !== null)
      assert.deepEqual((await server.client.call(systemApi.live)).corrupt, { database: false, blobs: 2 })
      const metrics = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })
      assert.match(await metrics.text(), /^slipway_storage_missing_blobs 2$/m)
      const doctor = await slipway({ SLIPWAY_DATA: data, ...env }, 'doctor')
      assert.match(doctor.text, /FAIL Storage: 2 files are missing: sha256:/)
      for (const digest of gone) assert.ok(doctor.text.includes(digest), doctor.text)

      const to = join(root, `${name.slice(0, 4)}.tar`)
      const refused = await slipway(env, 'backup', to, '--data', data)
      assert.notEqual(refused.code, 0, refused.text)
      const named = [...refused.text.matchAll(/^missing: (\S+)$/gm)].map(([, digest = '']) => digest)
      assert.deepEqual(named.toSorted(), gone)
      assert.match(refused.text, /--skip-corrupt/)
      const made = await slipway(env, 'backup', to, '--data', data, '--skip-corrupt')
      assert.equal(made.code, 0, made.text)
      const empty = name.startsWith('SQLite') ? {} : { SLIPWAY_DATABASE_URL: (await startPostgres()).url }
      const target = join(root, `restored-${name.slice(0, 4)}`)
      const restored = await slipway(empty, 'restore', to, '--data', target)
      assert.equal(restored.code, 0, restored.text)
      for (const digest of gone) for (const { text } of [made, restored]) assert.ok(text.includes(digest), text)
      assert.ok(!made.text.includes(kept))
      const other = await startTestServer({ data: target, env: { SLIPWAY_LOG_LEVEL: 'error', ...empty } })
      t.after(() => other.stop())
      await other.client.call(storageApi.look)
      assert.deepEqual(await missingOf(other), gone, 'the restored server misses them too')

      assert.equal((await artifact(server, 'b', 'DELETE')).status, 200)
      await server.client.call(storageApi.look)
      assert.deepEqual(await missingOf(server), [first], 'needed no more')
      const back = randomBytes(2000)
      assert.equal((await artifact(server, 'd', 'PUT', back)).status, 200)
      rmSync(file(data, digestOf(back)))
      await server.client.call(storageApi.look)
      assert.deepEqual(await missingOf(server), [first, digestOf(back)].sort())
      assert.equal((await artifact(server, 'e', 'PUT', back)).status, 200)
      await until('the same bytes, stored again, to mend it', async () => (await missingOf(server)).length <= 1)
      assert.deepEqual(await missingOf(server), [first])
      await server.stop()
      const next = await startTestServer({ data, env: { SLIPWAY_LOG_LEVEL: 'error', ...env } })
      t.after(() => next.stop())
      assert.deepEqual(await missingOf(next), [first], 'it is known after a start')
    },
  )
}
