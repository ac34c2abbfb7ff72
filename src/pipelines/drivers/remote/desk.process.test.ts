/** What nodes say is heard from the one that took the attempt up, within bounds, and once; everything else is refused. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, test } from 'node:test'
import { SYSTEM } from '../../../auth/tokens.ts'
import { treeFiles } from '../../../store/blobs/trees.ts'
import type { AttemptSpec, Driver } from '../driver.ts'
import { logOf } from '../logs.fixture.ts'
import { ask, attemptOf, treeOf, WELL, type Told } from './attempts.fixture.ts'
import type { LaunchState, Launcher, NodeJob } from './launcher.ts'
import { openRig } from './rig.fixture.ts'

const MINUTE = 60_000
const rig = await openRig({ tokenMs: 60 * MINUTE })
after(() => rig.close())

/** A cluster that starts nothing: the tests are its nodes. */
const jobs = new Map<string, NodeJob>()
const stopped: string[] = []
const launcher: Launcher = {
  name: 'nothing',
  async launch(job) {
    jobs.set(job.attempt, job)
  },
  state: (): Promise<LaunchState> => Promise.resolve({ state: 'pending' }),
  async stop(attempt) {
    stopped.push(attempt)
  },
}
const driver: Driver = rig.driver({ launcher })
const claimant = 'ab'.repeat(16)
let count = 0

interface Node {
  readonly id: string
  /** The token that the cluster was given. */
  readonly first: string
  readonly token: string
  readonly work: Record<string, unknown>
}

/** An attempt that waits for a node. */
async function waiting(more: Partial<AttemptSpec> = {}): Promise<{ id: string; first: string }> {
  const id = `att_${++count}`
  await driver.submit(await attemptOf(rig, id, 'pass', more))
  return { id, first: jobs.get(id)?.variables['SLIPWAY_NODE_TOKEN'] ?? '' }
}

/** One that was taken up. */
async function taken(more: Partial<AttemptSpec> = {}): Promise<Node> {
  const { id, first } = await waiting(more)
  const { status, body } = await claim(id, first)
  assert.equal(status, 200)
  assert.equal(body['fence'], 'f')
  return { id, first, token: String(body['token']), work: JSON.parse(String(body['work'])) as Node['work'] }
}

const claim = (id: string, token: string, by = claimant): Promise<Told> =>
  ask(rig, token, 'POST', `${id}/claim`, { claimant: by, host: 'box' })
const piece = (node: Node, from: number | string, text: string | Buffer, fence = 'f'): Promise<Told> =>
  ask(rig, node.token, 'POST', `${node.id}/log?fence=${fence}&from=${from}`, Buffer.from(text))
const beat = (node: Node, token = node.token, fence = 'f'): Promise<Told> =>
  ask(rig, token, 'POST', `${node.id}/beats`, { fence, beat: null })
const send = (node: Node, text: string, digest = digestOf(text)): Promise<Told> =>
  ask(rig, node.token, 'PUT', `${node.id}/files/${digest}?fence=f`, Buffer.from(text))
const end = (node: Node, more: Record<string, unknown> = {}, outputs: unknown = {}): Promise<Told> =>
  ask(rig, node.token, 'POST', `${node.id}/end`, { fence: 'f', at: 1002.5, exit: { ...WELL, ...more }, outputs })
const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
const code = (told: Told): string => `${told.status} ${told.body.error?.code ?? 'ok'}`

test('an attempt is taken up by one process, which may ask again; another is refused', async () => {
  const { id, first } = await waiting()
  const [mine, again] = [await claim(id, first), await claim(id, first)]
  assert.deepEqual([mine.status, again.status], [200, 200])
  const other = await claim(id, first, 'cd'.repeat(16))
  assert.equal(code(other), '409 conflict')
  assert.match(other.body.error?.message ?? '', /another process/)
  const raced = await waiting()
  const both = await Promise.all(['0', '1', '2', '3'].map((by) => claim(raced.id, raced.first, by.repeat(32))))
  assert.deepEqual(
    both.map(({ status }) => status).sort((a, b) => a - b),
    [200, 409, 409, 409],
  )
})

test('only the token of the node of this attempt is heard, and each for its own use', async () => {
  const [node, other] = [await taken(), await taken()]
  const admin = (await rig.tokens.create(SYSTEM, { name: 'a', role: 'admin' })).token
  const step = (await rig.tokens.create(SYSTEM, { name: 's', role: 'contributor', attempt: node.id })).token
  assert.equal(code(await beat(node)), '200 ok')
  for (const token of [other.token, other.first, node.first, admin, step])
    assert.equal(code(await beat(node, token)), '403 forbidden', token)
  assert.equal(code(await beat(node, 'slw_x.0123456789abcdef0123')), '401 unauthenticated')
  for (const token of [other.first, node.token, admin, step]) assert.equal((await claim(node.id, token)).status, 403)
  assert.equal(code(await ask(rig, node.token, 'GET', `${node.id}/program`)), '403 forbidden')
})

test('what is said with an old fence, or before a claim, is refused for ever', async () => {
  const node = await taken()
  for (const told of [await beat(node, node.token, 'old'), await piece(node, 0, 'x', 'old')])
    assert.match(told.body.error?.message ?? '', /fence/)
  assert.equal((await driver.logs(node.id, 0, 10)).length, 0)
  const { id } = await waiting()
  const early = await rig.tokens.create(SYSTEM, { name: 'n', role: 'service', attempt: id, node: 'work' })
  assert.match((await beat({ ...node, id, token: early.token })).body.error?.message ?? '', /nobody/)
})

test('a token of a node ends a while after its last beat, and the end of the attempt ends it', async (t) => {
  const node = await taken()
  t.after(() => (rig.off = 0))
  for (const minutes of [40, 80, 120]) {
    rig.off = minutes * MINUTE
    rig.tokens.forget()
    assert.equal(code(await beat(node)), '200 ok', 'each beat renews it')
  }
  rig.off = 190 * MINUTE
  rig.tokens.forget()
  assert.equal(code(await beat(node)), '401 unauthenticated')
  rig.off = 0
  await rig.db.tx((tx) => rig.tokens.endAttempt(tx, node.id))
  rig.tokens.forget()
  assert.equal(code(await beat(node)), '401 unauthenticated')
  const told = (await rig.tokens.valid()).map(({ name }) => name)
  assert.ok(!told.includes('node'), 'no gateway takes the token of a node')
})

test('the log grows by pieces that begin where it ends: none twice, none beyond a gap, none too large', async () => {
  const node = await taken({ log_bytes: 2_000_000 })
  assert.deepEqual((await piece(node, 0, 'one ')).body, { size: 4, cancel: false })
  assert.deepEqual((await piece(node, 0, 'one ')).body, { size: 4, cancel: false }, 'a reply was lost')
  assert.deepEqual((await piece(node, 2, 'e two ')).body, { size: 4, cancel: false }, 'half of it is there')
  assert.equal(code(await piece(node, 9, 'gap')), '409 conflict')
  for (const from of ['-1', '1.5', 'x', '1e99']) assert.equal((await piece(node, from, 'x')).status, 400)
  assert.equal(code(await piece(node, 4, Buffer.alloc(1024 * 1024 + 1))), '413 payload_too_large')
  const both = await Promise.all([piece(node, 4, 'two'), piece(node, 4, 'TWO')])
  assert.deepEqual(
    both.map(({ body }) => body['size']),
    [7, 7],
  )
  assert.match(await logOf(driver, node.id), /^one (two|TWO)$/)
  assert.equal((await driver.logs(node.id, 5, 1)).length, 1)
  assert.equal((await driver.storeLog(node.id))?.size, 7)
})

test('the log of an attempt has an end', async () => {
  const node = await taken({ log_bytes: 1000 })
  assert.equal(code(await piece(node, 0, Buffer.alloc(1000 + 64 * 1024))), '200 ok')
  assert.equal(code(await piece(node, 1000 + 64 * 1024, 'x')), '413 payload_too_large')
})

test('a node reads what its attempt was given, and nothing that others have', async () => {
  const input = await treeOf(rig, { 'table.csv': 'mine' })
  const node = await taken({ inputs: { table: input } })
  const foreign = await treeOf(rig, { 'secret.csv': 'of another project' })
  const read = (digest: string): Promise<Told> => ask(rig, node.token, 'GET', `${node.id}/files/${digest}?fence=f`)
  for (const digest of [input, String(node.work['code']), digestOf('mine'), digestOf('a')])
    assert.equal((await read(digest)).status, 200)
  assert.equal((await read(digestOf('mine'))).body['text'], 'mine')
  for (const digest of [foreign, digestOf('of another project'), digestOf('nothing')])
    assert.equal(code(await read(digest)), '404 not_found')
  for (const digest of ['x', '..%2F..%2Fkey', 'sha256:']) assert.equal((await read(digest)).status, 400)
})

test('a file of an attempt that is gone from the store is told of; what no attempt was given is not', async () => {
  const node = await taken({ inputs: { table: await treeOf(rig, { 'table.csv': 'soon gone' }) } })
  const told: string[] = []
  Object.assign(rig.blobs, { missing: (blob: { digest: string }) => void told.push(blob.digest) })
  await rig.blobs.delete(digestOf('soon gone'))
  for (const text of ['soon gone', 'of nobody'])
    assert.equal(code(await ask(rig, node.token, 'GET', `${node.id}/files/${digestOf(text)}?fence=f`)), '404 not_found')
  assert.deepEqual(told, [digestOf('soon gone')])
})

test('an output is made of what the node has sent or was given, so that no digest takes what others have', async () => {
  await rig.blobs.put(Buffer.from('of another project'))
  const stolen = digestOf('of another project')
  const node = await taken({ outputs: ['out'] })
  const [sent, given] = [digestOf('sent'), digestOf('a')]
  assert.equal(code(await send(node, 'sent')), '200 ok')
  assert.equal(code(await send(node, 'sent', digestOf('other'))), '422 unprocessable')
  assert.equal(code(await end(node, {}, { out: [['x', 18, stolen, false]] })), '422 unprocessable')
  assert.equal(code(await end(node, {}, { out: [['x', 5, sent, false]] })), '422 unprocessable', 'another size')
  const pairs = ['../x', '/x', 'a/../b', 'a\\b', 'a//b', ''].map((path) => [path, 'y'])
  for (const paths of [...pairs, ['a', 'a'], ['a', 'a/b']]) {
    const out = paths.map((path) => [path, 4, sent, false])
    assert.equal((await end(node, {}, { out })).status, 400, paths.join(' and '))
  }
  assert.equal((await driver.get(node.id, 'f')).state, 'running', 'none of these ended it')
  const out = [
    ['b', 4, sent, true],
    ['a', 1, given, false],
  ]
  assert.equal(code(await end(node, {}, { out, undeclared: out })), '200 ok')
  const tree = await driver.collect(node.id, 'out')
  assert.deepEqual(
    (await treeFiles(rig.blobs, tree.digest)).map(({ path, executable }) => [path, executable]),
    [
      ['a', false],
      ['b', true],
    ],
  )
  await assert.rejects(driver.collect(node.id, 'undeclared'), { code: 'not_found' })
  await assert.rejects(driver.collect(node.id, 'constructor'), { code: 'not_found' })
})

test('an attempt ends once: the same word again is well, another is refused, and nothing is added to it', async () => {
  const node = await taken()
  const ended: string[] = []
  driver.onEnd((attempt) => ended.push(attempt))
  assert.equal(code(await end(node, { log_bytes: 3 })), '409 conflict', 'its log is not here')
  assert.equal(code(await end(node)), '200 ok')
  assert.equal(code(await end(node)), '200 ok', 'the reply was lost')
  assert.equal(code(await end(node, { class: 'user', message: 'no' })), '409 conflict')
  assert.equal(code(await piece(node, 0, 'late')), '409 conflict')
  assert.equal(code(await beat(node)), '409 conflict')
  assert.deepEqual(ended, [node.id])
  const status = await driver.get(node.id, 'f')
  assert.equal(status.state === 'finished' && status.exit.class, 'ok')
  assert.equal(status.state === 'finished' && status.exit.metrics['loss'], 0.5)
  assert.equal((await driver.get(node.id, 'another')).state, 'absent')
})

test('times are those of this server, whatever the clock of the node says', async () => {
  const node = await taken()
  const from = Date.now()
  await end(node, { started_at: 1000, finished_at: 1002.5 })
  const to = Date.now()
  const status = await driver.get(node.id, 'f')
  assert.ok(status.state === 'finished')
  const { started_at, finished_at } = status.exit
  assert.equal(Math.round(finished_at - started_at), 2500)
  assert.ok(finished_at >= from - 1 && finished_at <= to + 1, `${from} ${finished_at} ${to}`)
})

test('a cancelled attempt is not taken up; one that was is told, and heard until it has ended; a killed one is not heard', async () => {
  const early = await waiting()
  await driver.cancel(early.id)
  assert.equal(code(await claim(early.id, early.first)), '409 conflict')
  assert.equal((await driver.get(early.id, 'f')).state, 'absent')
  assert.ok(stopped.includes(early.id))
  const node = await taken()
  await driver.cancel(node.id)
  assert.deepEqual((await beat(node)).body, { cancel: true })
  assert.deepEqual((await piece(node, 0, 'bye')).body, { size: 3, cancel: true })
  assert.equal(code(await end(node, { class: 'cancelled', log_bytes: 3 })), '200 ok')
  const killed = await taken()
  await driver.kill(killed.id)
  for (const told of [await beat(killed), await piece(killed, 0, 'x'), await send(killed, 'x'), await end(killed)])
    assert.equal(code(told), '409 conflict')
  assert.equal((await driver.get(killed.id, 'f')).state, 'absent')
  await driver.delete(killed.id)
  assert.equal(code(await beat(killed)), '404 not_found')
})

test('bodies that are no word of a node are refused by field', async () => {
  const node = await taken()
  for (const wrong of [
    { class: 'well' },
    { cpu_seconds: -1 },
    { metrics: { a: 1 } },
    { log_bytes: 1.5 },
    { reads: [{}] },
  ])
    assert.match((await end(node, wrong)).body.error?.message ?? '', /^body\.exit\./)
  assert.equal((await end(node, {}, { out: [['a', 1, 'sha256:x', false]] })).status, 400)
  for (const by of ['', 'x', 'AB'.repeat(16), 'a'.repeat(65)])
    assert.equal((await claim(node.id, node.first, by)).status, 400)
})

test('what an attempt was handed is sealed at rest, and gone with it', async () => {
  const node = await taken({ secrets: { API_KEY: 'sk-not-in-the-open' } })
  const rows = async (): Promise<string> => JSON.stringify(await rig.db.all('SELECT * FROM pipeline_nodes'))
  assert.ok((await rows()).includes(node.id) && !(await rows()).includes('sk-not-in-the-open'))
  assert.deepEqual(node.work['secrets'], { API_KEY: 'sk-not-in-the-open' })
  await driver.delete(node.id)
  assert.ok(!(await rows()).includes(node.id))
})
