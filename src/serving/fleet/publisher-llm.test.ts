/** The publisher and what is said of language models: what changed is brought, what cannot be read stays, and both are told. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { LlmRoute } from '../../gateway/table/llm.ts'
import type { RoutingTable } from '../../gateway/table/table.ts'
import { never, until } from '../../../test/until.ts'
import type { Published } from './publisher.ts'
import { buildTable } from './routing.ts'
import { gateway, open, TOKEN } from './publisher.fixture.ts'

test('a change of what is said of language models is brought to gateways within a second, and no change is not', async (t) => {
  const { folder, state, publisher } = await open(t)
  const tables: RoutingTable[] = []
  const one = await gateway(t, folder, (table) => void tables.push(table))
  state.gateways = [one.file]
  state.llm = { providers: [], endpoints: [], keys: [], budgets: [], allow: [] }
  await publisher.publish()
  t.mock.timers.enable({ apis: ['setInterval'] })
  publisher.start()
  await never(
    'a table without news',
    () => tables.length > 1,
    5,
    async () => {
      t.mock.timers.tick(1000)
      await setImmediate()
    },
  )
  state.llm = { ...state.llm, allow: ['10.0.0.7:9000'] }
  t.mock.timers.tick(1000)
  await until('the table with news', () => tables.length > 1)
  assert.deepEqual(
    tables.map(({ llm }) => llm?.allow),
    [[], ['10.0.0.7:9000']],
  )
  publisher.stop()
})

test('what is said of language models and cannot be read stays as it was; tables go on, and the fault is told once', async (t) => {
  const { folder, file, state, faults, publisher, raise } = await open(t)
  const tables: RoutingTable[] = []
  const one = await gateway(t, folder, (table) => void tables.push(table))
  state.gateways = [one.file]
  const good: LlmRoute = { providers: [], endpoints: [], keys: [], budgets: [], allow: ['10.0.0.7:9000'] }
  state.llm = good
  const { askLlm } = state
  let asked = 0
  const fail = (message: string) => async () => {
    asked++
    throw new Error(message)
  }
  await publisher.publish()
  state.askLlm = fail('a damaged row')
  state.tokens = []
  t.mock.timers.enable({ apis: ['setInterval'] })
  publisher.start()
  t.mock.timers.tick(1000)
  await until('the table with other tokens', () => tables.length > 1)
  assert.deepEqual([tables[1]?.tokens, tables[1]?.llm], [[], good])
  assert.deepEqual((JSON.parse(readFileSync(file, 'utf8')) as RoutingTable).llm, good)
  await never(
    'a table without news',
    () => tables.length > 2,
    5,
    async () => {
      const before = asked
      t.mock.timers.tick(1000)
      await until('the next look', () => asked > before)
    },
  )
  const told = 'gateways go on with the settings of language models that they have: '
  assert.deepEqual(faults, [`${told}a damaged row`])
  state.askLlm = fail('no more room')
  await raise()
  await publisher.publish()
  assert.deepEqual(faults, [`${told}a damaged row`, `${told}no more room`])
  assert.deepEqual(tables.at(-1)?.llm, good)

  const next = { ...good, allow: [] }
  state.llm = next
  state.askLlm = askLlm
  t.mock.timers.tick(1000)
  await until('what is said now', () => tables.at(-1)?.llm?.allow.length === 0)
  // a fault that comes back is told again
  state.askLlm = fail('no more room')
  await publisher.publish()
  assert.equal(faults.length, 3)
  publisher.stop()
})

test('it is told of when the settings of gateways are, and since when and why they are no newer', async (t) => {
  const { folder, file, state, publisher } = await open(t)
  let isTaken = true
  const one = await gateway(t, folder, () => (isTaken ? undefined : { status: 500, body: 'no' }))
  state.gateways = [one.file]
  const { askLlm } = state
  const told = (): Published => publisher.state
  assert.deepEqual(told(), { at: null, looks: { begun: 1000, done: null, fault: null }, gateways: 1 })
  await publisher.publish()
  assert.equal(told().at, 1000)
  t.mock.timers.enable({ apis: ['setInterval'] })
  publisher.start()
  const looked = async (now: number, words: string | undefined) => {
    state.now = now
    await until(`a look at ${now}: ${words ?? 'all well'}`, async () => {
      t.mock.timers.tick(1000)
      await setImmediate()
      const { done, fault } = told().looks
      return words === undefined ? done === now && fault === null : fault?.at === now && fault.words === words
    })
  }
  await looked(2000, undefined)
  state.askLlm = () => Promise.reject(new Error('a damaged row'))
  await looked(3000, 'a damaged row')
  await looked(4000, 'a damaged row')
  await publisher.publish()
  const { at, looks } = told()
  assert.deepEqual([at, looks.done, looks.fault?.since], [1000, 2000, 3000], 'old settings are not published anew')
  state.askLlm = askLlm
  await looked(5000, undefined)
  isTaken = false
  state.tokens = []
  await looked(6000, 'a gateway did not take the newest table')
  isTaken = true
  await looked(7000, undefined)
  assert.equal(told().at, 7000)
  const { askTokens } = state
  state.askTokens = () => Promise.reject(new Error('no connection'))
  await looked(8000, 'no connection')
  state.askTokens = askTokens
  await looked(9000, undefined)
  rmSync(file)
  mkdirSync(join(file, 'in the way'), { recursive: true })
  await publisher.publish()
  state.now = 10_000
  await until('a file that was not written to be told', async () => {
    t.mock.timers.tick(1000)
    await setImmediate()
    return told().looks.fault !== null
  })
  publisher.stop()
})

test('a publisher that begins while language models cannot be read goes on with what its file says of them', async (t) => {
  const { folder, file, state, faults, publisher } = await open(t)
  const tables: RoutingTable[] = []
  const one = await gateway(t, folder, (table) => void tables.push(table))
  state.gateways = [one.file]
  const llm: LlmRoute = { providers: [], endpoints: [], keys: [], budgets: [], allow: ['kept'] }
  const held: RoutingTable = { format: 'slipway.routing/1', epoch: 0, open: false, endpoints: [], tokens: [], llm }
  writeFileSync(file, JSON.stringify(held))
  state.askLlm = () => Promise.reject(new Error('a damaged row'))
  await publisher.publish()
  assert.deepEqual([tables[0]?.llm, tables[0]?.tokens], [llm, [TOKEN]])
  assert.equal(faults.length, 1)
})

test('a change of an endpoint is tried although language models cannot be read', async (t) => {
  const { db } = await open(t)
  const places = { here: () => undefined, bring: async () => undefined }
  const deps = {
    db,
    places,
    open: false,
    tokens: async () => [],
    llm: () => Promise.reject(new Error('a damaged row')),
  }
  const { table } = await buildTable(deps, { instead: { endpoint: 'e', variants: [] } })
  assert.equal(table.llm, undefined)
})
