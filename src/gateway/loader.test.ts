/** Loading of models: once for all tables that name them, beside others that fail, and freed when no table needs them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend } from '../scoring/rows/backend.ts'
import { endpointRoute, openTable } from './gateway.fixture.ts'
import { Loader } from './loader.ts'
import type { RoutingTable, VariantRoute } from './table/table.ts'

const variant = (dir: string, role: VariantRoute['role'] = 'stable'): VariantRoute => ({
  role,
  version: dir,
  weight: 0,
  since: 1,
  inputs: [],
  backend: { kind: 'native', dir },
})

/** One endpoint for each list; the first model of it is stable, the others stand by. */
function table(...endpoints: readonly (readonly string[])[]): RoutingTable {
  return openTable(
    endpoints.map(([first = '', ...others], i) => ({
      ...endpointRoute(`e${i}`, [], { kind: 'native', dir: '-' }),
      variants: [variant(first)],
      standby: others.map((dir) => variant(dir)),
    })),
  )
}

/** A loader whose models are opened by hand; `events` has what was opened and closed. */
function bench(fails: (dir: string) => string | undefined = () => undefined) {
  const events: string[] = []
  const waits: (readonly [string, boolean])[] = []
  const loader = new Loader(async ({ version }, wait): Promise<Backend> => {
    waits.push([version, wait])
    events.push(`open ${version}`)
    await Promise.resolve()
    const reason = fails(version)
    if (reason !== undefined) throw new Error(reason)
    const close = async (): Promise<void> => void events.push(`close ${version}`)
    return { ready: () => true, score: () => [], close, describe: () => ({}) }
  })
  return { loader, events, waits }
}

test('a model that several endpoints, roles and tables name is opened once', async () => {
  const { loader, events } = bench()
  assert.deepEqual(await loader.load(table(['a', 'b'], ['a'], ['b', 'a']), true), [])
  assert.deepEqual(await loader.load(table(['a'], ['b']), true), [])
  assert.deepEqual(events, ['open a', 'open b'])
  assert.deepEqual([...loader.backends.keys()], ['native a', 'native b'])
})

test('two loads at once open a model once, and both wait for it', async () => {
  const { loader, events } = bench()
  const both = [loader.load(table(['a']), true), loader.load(table(['a']), true)]
  await Promise.all(both)
  assert.deepEqual(events, ['open a'])
})

test('a model that fails is told for each endpoint that names it; the others are loaded', async () => {
  const { loader } = bench((dir) => (dir === 'bad' ? 'no such file' : undefined))
  assert.deepEqual(await loader.load(table(['a', 'bad'], ['bad']), true), [
    { endpoint: 'e0', version: 'bad', reason: 'no such file' },
    { endpoint: 'e1', version: 'bad', reason: 'no such file' },
  ])
  assert.deepEqual([...loader.backends.keys()], ['native a'])
})

test('a model that failed is tried again by the next load', async () => {
  let broken = true
  const { loader, events } = bench(() => (broken ? 'not yet' : undefined))
  assert.equal((await loader.load(table(['a']), true)).length, 1)
  broken = false
  assert.deepEqual(await loader.load(table(['a']), true), [])
  assert.deepEqual(events, ['open a', 'open a'])
})

test('what the table no longer names is closed, what it names goes on', async () => {
  const { loader, events } = bench()
  await loader.load(table(['a', 'b'], ['c']), true)
  await loader.retire(table(['c', 'a']))
  assert.deepEqual(events.slice(3), ['close b'])
  assert.deepEqual([...loader.backends.keys()], ['native a', 'native c'])
  await loader.load(table(['b']), true)
  assert.equal(events.at(-1), 'open b', 'what was closed is opened again')
})

test('a model that was loaded ahead outlives tables without it until one has named it', async () => {
  const { loader, events, waits } = bench()
  await loader.loadAhead(table(['a', 'b']))
  assert.deepEqual(
    waits,
    ['a', 'b'].map((dir) => [dir, true]),
  )
  await loader.retire(table(['c']))
  assert.deepEqual(events, ['open a', 'open b'], 'both are kept')
  await loader.retire(table(['a']))
  assert.deepEqual(events, ['open a', 'open b'])
  await loader.retire(table(['c']))
  assert.deepEqual(events.slice(2), ['close a'], 'a table had named it, so this one drops it')
})

test('a model that was loaded ahead and is never named is closed after five minutes', async (t) => {
  const { loader, events } = bench()
  let now = 1000
  t.mock.method(performance, 'now', () => now)
  await loader.loadAhead(table(['a']))
  now += 300_000
  await loader.retire(table(['c']))
  assert.deepEqual(events, ['open a'])
  now += 1
  await loader.retire(table(['c']))
  assert.deepEqual(events, ['open a', 'close a'])
})

test('at the end all are closed, although one of them cannot be', async () => {
  const closed: string[] = []
  const loader = new Loader(async ({ version }) => ({
    ready: () => true,
    score: () => [],
    describe: () => ({}),
    close: async () => {
      closed.push(version)
      if (version === 'a') throw new Error('cannot')
    },
  }))
  await loader.load(table(['a'], ['b']), false)
  await loader.closeAll()
  assert.deepEqual([closed, loader.backends.size], [['a', 'b'], 0])
})
