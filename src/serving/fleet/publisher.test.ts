/** The publisher over a real database and gateways that are sockets: who gets which table when, and what is tried again. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { RoutingTable } from '../../gateway/table/table.ts'
import { never, until } from '../../../test/until.ts'
import type { WantedVariant } from '../context/rows.ts'
import { writeVariants } from '../endpoints/variants.ts'
import { flushGateway, gatewayStats, pushTable, warmTable } from './admin-client.ts'
import type { Place } from './places.ts'
import { gateway, open, TOKEN } from './publisher.fixture.ts'

const CAUSE = { by: 'ada', way: 'deployed', reason: '' } as const

test('a table goes to every gateway, and to the file from which one starts alone', async (t) => {
  const { folder, file, state, publisher, raise } = await open(t)
  const [a, b] = [await gateway(t, folder), await gateway(t, folder)]
  state.gateways = [a.file, b.file]
  await raise()
  const pushed = await publisher.publish()
  assert.deepEqual([pushed.reached, pushed.failed], [[a.file, b.file], []])
  assert.deepEqual([a.epochs, b.epochs], [[1], [1]])
  const table = { format: 'slipway.routing/1', epoch: 1, open: false, endpoints: [], tokens: [TOKEN] }
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), table)
})

test('a gateway that is down, refuses or holds an older table is not reached; the others are', async (t) => {
  const { folder, state, publisher, raise } = await open(t)
  const [up, down] = [await gateway(t, folder), await gateway(t, folder)]
  const refuses = await gateway(t, folder, () => ({ status: 500, body: 'no' }))
  const older = await gateway(t, folder, ({ epoch }) => ({ body: { epoch: epoch - 1, failed: [] } }))
  const newer = await gateway(t, folder, ({ epoch }) => ({ body: { epoch: epoch + 1, failed: [] } }))
  await down.close()
  state.gateways = [up, down, refuses, older, newer].map((one) => one.file)
  await raise()
  assert.deepEqual((await publisher.publish()).reached, [up.file, newer.file])
})

test('changes that come while a table is under way share the next one', async (t) => {
  const { folder, state, publisher, raise } = await open(t)
  let release: () => void = () => undefined
  const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)))
  const slow = await gateway(t, folder, () => held)
  state.gateways = [slow.file]
  await raise()
  const first = publisher.publish()
  await until('the first table', () => slow.epochs.length > 0)
  await raise()
  const second = publisher.publish()
  await raise()
  assert.equal(publisher.publish(), second)
  release()
  await Promise.all([first, second])
  assert.deepEqual(slow.epochs, [1, 3])
})

test('a table after one that could not be built is built again', async (t) => {
  const { state, publisher } = await open(t)
  let faults = 1
  Object.defineProperty(state, 'gateways', {
    get: () => {
      if (faults-- > 0) throw new Error('no list')
      return []
    },
  })
  const [first, second] = [publisher.publish(), publisher.publish()]
  await assert.rejects(first, /no list/)
  assert.deepEqual((await second).reached, [], 'the one that waited behind it is built all the same')
})

test('a model that does not load is told by its endpoint and version, and the table goes on', async (t) => {
  const { folder, state, faults, publisher } = await open(t)
  const failed = [{ endpoint: 'e', version: '2', reason: 'no such file' }]
  const one = await gateway(t, folder, ({ epoch }) => ({ body: { epoch, failed } }))
  state.gateways = [one.file]
  const pushed = await publisher.publish()
  assert.deepEqual([pushed.reached, pushed.failed], [[one.file], failed])
  assert.deepEqual(faults, ['e version 2 did not load: no such file'])
})

test('a file that can be neither read nor written is told each time, and the gateways get the table all the same', async (t) => {
  const { folder, file, state, faults, publisher } = await open(t)
  mkdirSync(file)
  const one = await gateway(t, folder)
  state.gateways = [one.file]
  assert.deepEqual((await publisher.publish()).reached, [one.file])
  assert.deepEqual(
    faults.map((fault) => /^E[A-Z]+/.exec(fault)?.[0]),
    ['EISDIR', 'EISDIR'],
  )
})

test('a gateway that comes up gets the newest table, which is built when there is none yet', async (t) => {
  const { folder, state, publisher, raise } = await open(t)
  const [first, late] = [await gateway(t, folder), await gateway(t, folder)]
  state.gateways = [first.file]
  await raise()
  await publisher.greet(first.file)
  assert.deepEqual(first.epochs, [1])
  await publisher.greet(late.file)
  assert.deepEqual([first.epochs, late.epochs], [[1], [1]])
})

test('each second it is looked at who missed what: tokens, epochs of others, gateways that were down', async (t) => {
  const { folder, state, publisher, raise } = await open(t)
  const answers = { status: 200 }
  const one = await gateway(t, folder, ({ epoch }) => ({ ...answers, body: { epoch, failed: [] } }))
  state.gateways = [one.file]
  t.mock.timers.enable({ apis: ['setInterval'] })
  publisher.start()
  /** Lets a second pass and waits until so many tables have come in all. */
  const look = async (tables: number): Promise<void> => {
    t.mock.timers.tick(1000)
    await until(`${tables} tables`, () => one.epochs.length >= tables)
    await publisher.publish()
  }
  await look(1)
  assert.deepEqual(one.epochs, [0, 0], 'the first look, and the publish of this test')
  state.tokens = []
  await look(3)
  await raise()
  await look(5)
  answers.status = 500
  await publisher.publish()
  answers.status = 200
  await look(8)
  assert.deepEqual(one.epochs, [0, 0, 0, 0, 1, 1, 1, 1, 1])
  publisher.stop()
})

test('looks do not overlap: while one takes long, all that are due are one more behind it', async (t) => {
  const { state, publisher } = await open(t)
  await publisher.publish()
  const waiting: (() => void)[] = []
  let running = 0
  let most = 0
  state.askLlm = async () => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => waiting.push(resolve))
    running--
    return state.llm
  }
  t.mock.timers.enable({ apis: ['setInterval'] })
  publisher.start()
  t.mock.timers.tick(1000)
  await until('the first look', () => waiting.length === 1)
  t.mock.timers.tick(3000)
  await never(
    'a second look beside it',
    () => waiting.length > 1,
    5,
    () => setImmediate(),
  )
  waiting[0]?.()
  await until('the one behind it', () => waiting.length === 2)
  waiting[1]?.()
  await never(
    'one more',
    () => waiting.length > 2,
    5,
    () => setImmediate(),
  )
  assert.equal(most, 1)
  t.mock.timers.tick(1000)
  await until('the next one in its time', () => waiting.length === 3)
  publisher.stop()
  waiting[2]?.()
})

test('calls of the admin socket: what a gateway refuses, cuts off or answers with no JSON is an error that says so', async (t) => {
  const { folder } = await open(t)
  const table: RoutingTable = { format: 'slipway.routing/1', epoch: 1, open: true, endpoints: [], tokens: [] }
  const refuses = await gateway(t, folder, () => ({ status: 400, body: 'x'.repeat(600) }))
  await assert.rejects(pushTable(refuses.file, table), (error: Error) => {
    assert.match(error.message, /^the gateway refused PUT \/table: "x+$/)
    return error.message.length < 600
  })
  await assert.rejects(warmTable(refuses.file, table), /refused PUT \/warm/)
  const gone = await gateway(t, folder)
  await gone.close()
  for (const call of [gatewayStats, flushGateway]) await assert.rejects(call(gone.file), /ENOENT|ECONNREFUSED/)
})

test('an endpoint keeps the variants that it had while one that it wants is not laid out here, and has its new settings', async (t) => {
  const { folder, state, db, publisher, laidOut, forgotten } = await open(t)
  t.mock.timers.enable({ apis: ['setInterval'] })
  const tables: RoutingTable[] = []
  const g = await gateway(t, folder, (table) => {
    tables.push(table)
    const failed = [{ endpoint: 'e', version: '2', reason: 'no such file' }]
    return { body: { epoch: table.epoch, failed: tables.length === 3 ? failed : [] } }
  })
  state.gateways = [g.file]
  const endpoint = `INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at)
    VALUES ('e', 'p', 'm', 's', 0.5, '{}', NULL, 0, 0)`
  await db.tx((tx) => tx.run(endpoint))
  const serve = (version: string): Promise<number> =>
    db.tx((tx) => writeVariants(tx, 'e', [{ role: 'stable', version, weight: 0 }], { now: 1, cause: CAUSE }))
  const place = (dir: string): Place => ({
    inputs: [],
    backend: { kind: 'native', dir },
    reason: null,
    provisional: false,
  })
  const answered = () => tables.at(-1)?.endpoints.map((one) => [one.threshold, ...one.variants.map((v) => v.version)])

  laidOut.set('1', place('/one'))
  await serve('1')
  await publisher.publish()
  assert.deepEqual(answered(), [[0.5, '1']])
  await serve('2')
  await db.tx((tx) => tx.run('UPDATE endpoints SET threshold = 0.7'))
  await publisher.publish()
  assert.deepEqual(answered(), [[0.7, '1']], 'version 2 is not here yet')
  publisher.start()
  t.mock.timers.tick(1000)
  await never('a table without news is pushed again', () => tables.length > 2, 500)
  laidOut.set('2', place('/two'))
  t.mock.timers.tick(1000)
  // nobody has to publish it
  await until('the table with news', () => tables.length === 3)
  await publisher.publish()
  assert.deepEqual(answered(), [[0.7, '2']])
  assert.deepEqual(
    tables.at(-1)?.endpoints[0]?.standby.map(({ version }) => version),
    ['1'],
  )
  assert.deepEqual(forgotten, ['m/2'], 'what a gateway could not load is laid out anew')
})

test('a version whose native form was proved while Python answered is answered natively, and not while it is compared', async (t) => {
  const { folder, state, db, publisher, laidOut, settled, renewed, told } = await open(t)
  t.mock.timers.enable({ apis: ['setInterval'] })
  const tables: RoutingTable[] = []
  const g = await gateway(t, folder, (table) => {
    tables.push(table)
    return { body: { epoch: table.epoch, failed: [] } }
  })
  state.gateways = [g.file]
  await db.tx((tx) =>
    tx.run(`INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at)
    VALUES ('e', 'p', 'm', 's', 0.5, '{}', NULL, 0, 0)`),
  )
  const serve = async (...variants: WantedVariant[]): Promise<void> => {
    await db.tx((tx) => writeVariants(tx, 'e', variants, { now: 1, cause: CAUSE }))
    await publisher.publish()
  }
  const native: Place = { inputs: [], backend: { kind: 'native', dir: '/one' }, reason: null, provisional: false }
  const backend = { kind: 'python', dir: '/one', python: '/py', tensor: null, workers: 1, memory_mb: 1 } as const
  laidOut.set('1', { inputs: [], backend, reason: 'being proved', provisional: true })
  laidOut.set('2', native)
  const kinds = () => tables.at(-1)?.endpoints[0]?.variants.map((one) => one.backend.kind)
  const stable: WantedVariant = { role: 'stable', version: '1', weight: 0 }
  await serve(stable, { role: 'canary', version: '2', weight: 500 })
  settled.push({ model: 'm', version: '1' })
  renewed.set('1', native)
  publisher.start()
  t.mock.timers.tick(1000)
  await never('it changes beside a canary', () => told.length > 0, 500)
  assert.deepEqual(kinds(), ['python', 'native'])
  await serve(stable)
  t.mock.timers.tick(1000)
  await until('its native form', () => kinds()?.[0] === 'native')
  assert.deepEqual(told, ['m/1 native'])
})
