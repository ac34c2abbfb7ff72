/** A caller of one project who knows the digest of another's files: it is given neither them nor the word that they are there. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { createClient, type Client } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { dataSetsApi } from '../../src/contract/data/sets.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { planApi } from '../../src/contract/pipelines/plan.ts'
import type { App } from '../../src/options.ts'
import { writeArchive } from '../../src/store/blobs/archive.ts'
import { startTestApp } from '../app.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'slipway-trees-'))
let app: App
let admin: Client
const clients: Record<string, Client> = {}

before(async () => {
  app = await startTestApp({ dataDir })
  admin = createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
  for (const project of ['alpha', 'beta']) {
    const { token } = await admin.call(authApi.createToken, { body: { name: project, role: 'contributor', project } })
    clients[project] = createClient({ url: app.url, token })
  }
})
after(async () => {
  await app.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

function tarOf(files: Readonly<Record<string, string>>): ReadableStream {
  const packed = Object.entries(files).map(([path, text]) => ({
    path,
    size: Buffer.byteLength(text),
    executable: false,
    source: () => Readable.from([Buffer.from(text)]),
  }))
  return Readable.toWeb(Readable.from(writeArchive(packed))) as ReadableStream
}

const codeOf = async (client: Client | undefined, files: Readonly<Record<string, string>>): Promise<string> =>
  ((await client?.call(pipelinesApi.uploadTree, { body: tarOf(files) })) ?? assert.fail()).digest

const yaml = (project: string): string =>
  `project: ${project}\npipeline: {steps: {one: {run: 'steps:one', outputs: [o]}}}\n`
const CODE = { 'steps.py': 'def one(o):\n    o.write_text("the secret of alpha")\n' }

/** Every way to take a tree up, in the name of beta. */
const ways = (tree: string): Record<string, () => Promise<unknown> | undefined> => ({
  'a version': () => clients['beta']?.call(pipelinesApi.createPipelineVersion, { body: { text: yaml('beta'), tree } }),
  'a plan': () => clients['beta']?.call(planApi.planPipelineRun, { body: { text: yaml('beta'), tree } }),
  'a data set': () => clients['beta']?.call(dataSetsApi.addDataVersion, { body: { name: 'taken', tree } }),
})

/** Each way is refused in the words for a tree that nobody has. */
async function assertRefused(tree: string): Promise<void> {
  for (const [way, ask] of Object.entries(ways(tree)))
    await assert.rejects(ask() ?? assert.fail(), { code: 'not_found', message: `tree "${tree}" does not exist` }, way)
}

test('another project takes up neither code nor data by their digests', async () => {
  const code = await codeOf(clients['alpha'], CODE)
  await clients['alpha']?.call(pipelinesApi.createPipelineVersion, { body: { text: yaml('alpha'), tree: code } })
  const body = tarOf({ 'rows.csv': 'a\n1\n' })
  const data = (await clients['alpha']?.call(dataSetsApi.uploadData, { body }))?.digest ?? ''
  await clients['alpha']?.call(dataSetsApi.addDataVersion, { body: { name: 'rows', tree: data } })
  for (const tree of [code, data, `sha256:${'0'.repeat(64)}`]) await assertRefused(tree)
  assert.deepEqual((await clients['beta']?.call(dataSetsApi.listDataSets, {}))?.items, [])
})

test('a file that reads like the list of a tree makes no tree of what it names', async () => {
  const secret = createHash('sha256').update(CODE['steps.py']).digest('hex')
  const list = JSON.stringify({
    slipway_tree: 1,
    files: [['steps.py', CODE['steps.py'].length, `sha256:${secret}`, 0]],
  })
  await codeOf(clients['alpha'], CODE)
  await codeOf(clients['beta'], { 'list.json': list })
  await assertRefused(`sha256:${createHash('sha256').update(list).digest('hex')}`)
})

test('who has the files stores them, and takes them up; callers of all projects take up what is there', async () => {
  const code = await codeOf(clients['beta'], CODE)
  assert.equal(code, await codeOf(clients['alpha'], CODE), 'the same files are the same tree')
  for (const ask of Object.values(ways(code))) await ask()
  const made = await admin.call(pipelinesApi.createPipelineVersion, { body: { text: yaml('gamma'), tree: code } })
  assert.equal(made.project, 'gamma')
})
