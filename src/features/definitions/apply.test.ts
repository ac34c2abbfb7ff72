import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { FeaturesSection } from '../../contract/features/section.ts'
import type { SourceSpec } from '../../pipelines/spec/external/source.ts'
import { migratedSqlite, type TestDatabase } from '../../../test/databases.ts'
import { planApply, writePlan, type Planned } from './apply.ts'
import { findVersion, newest, versionsOf } from './catalogue.ts'

let database: TestDatabase

beforeEach(async () => {
  database = await migratedSqlite()
})
afterEach(() => database.close())

const SOURCE: SourceSpec = {
  place: { kind: 'file', path: '/srv/stats.parquet' },
  table: 'parquet',
  fresh_ms: null,
  stale: 'fail',
  limit_bytes: 1e9,
  timeout_ms: 60_000,
}

const BASE = {
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: {
    stats: {
      entities: ['driver'],
      source: 'stats',
      event_time: 'at',
      ttl: '2d',
      features: { trips: 'int', rate: 'float' },
      owner: 'ana',
    },
  },
  on_demand: { half: { inputs: { trips: 'stats:trips' }, sql: 'trips / 2', type: 'float' } },
  services: { eta: { features: ['stats', 'on_demand:half'] } },
}

type Written = Record<string, unknown>

/** The base with another view. */
function withView(view: Written): Written {
  return { ...BASE, views: { stats: { ...BASE.views.stats, ...view } } }
}

async function apply(section: Written, sources: Record<string, SourceSpec> = { stats: SOURCE }): Promise<Planned> {
  return database.db.tx(async (t) => {
    const planned = await planApply(t, 'p', { section: FeaturesSection.parse(section), sources })
    if (planned.faults.length === 0) await writePlan(t, 'p', { planned, at: 1000, by: 'ana' })
    return planned
  })
}

function told({ changes }: Planned): string[] {
  return changes.map(({ kind, name, change, version }) => `${kind} ${name} ${change} ${version}`)
}

test('what is new is added, and the same once more changes nothing', async () => {
  assert.deepEqual(told(await apply(BASE)), [
    'entity driver added 1',
    'view stats added 1',
    'on_demand half added 1',
    'service eta added 1',
  ])
  assert.deepEqual(told(await apply(BASE)), [
    'entity driver unchanged 1',
    'view stats unchanged 1',
    'on_demand half unchanged 1',
    'service eta unchanged 1',
  ])
  assert.equal((await newest(database.db, 'p')).length, 4)
  assert.deepEqual(await newest(database.db, 'other'), [])
})

test('a view whose meaning changes gets a version, and so does the service that takes its newest; the old ones stay', async () => {
  await apply(BASE)
  const planned = await apply(withView({ ttl: '3d' }))
  assert.deepEqual(told(planned), [
    'entity driver unchanged 1',
    'view stats changed 2',
    'on_demand half unchanged 1',
    'service eta changed 2',
  ])
  assert.deepEqual(planned.changes[1]?.differences, [{ path: 'ttl_ms', before: 172_800_000, after: 259_200_000 }])
  assert.deepEqual(planned.changes[3]?.differences, [{ path: 'views.stats.version', before: 1, after: 2 }])
  const old = await findVersion(database.db, { project: 'p', kind: 'view', name: 'stats', version: 1 })
  assert.equal(old?.definition.ttl_ms, 172_800_000)
  assert.deepEqual(
    (await versionsOf(database.db, { project: 'p', kind: 'service', name: 'eta' })).map(({ version }) => version),
    [2, 1],
  )
})

test('a service that names a version keeps it', async () => {
  const pinned = { ...BASE, services: { eta: { features: ['stats@1:trips'] } } }
  await apply(pinned)
  const planned = await apply({ ...pinned, views: withView({ ttl: '3d' })['views'] })
  assert.deepEqual(told(planned).slice(-1), ['service eta unchanged 1'])
})

test('an on-demand feature reads a view in the version that the service takes, and has to fit it', async () => {
  const pinned = (features: string[]) => ({ ...BASE, services: { eta: { features } } })
  await apply(pinned(['stats@1:rate', 'on_demand:half']))
  const next = (trips: Written) => ({ ...pinned(['stats@1:rate', 'on_demand:half']), ...withView({ features: trips }) })
  const planned = await apply({
    ...next({ trips: 'text', rate: 'float' }),
    on_demand: { half: { inputs: { trips: 'stats:trips' }, sql: 'length(trips)', type: 'int' } },
    services: { eta: { features: ['stats@1:rate', 'on_demand:half'] } },
  })
  assert.deepEqual(
    planned.faults.map(({ path, message }) => `${path.join('.')}: ${message}`),
    [
      'services.eta.features: on-demand feature "half" reads "stats:trips" as text, and version 1 of the view, which is taken here, has it as int',
    ],
  )
})

test('another owner, description or tag makes no version', async () => {
  await apply(BASE)
  const planned = await apply(withView({ owner: 'ben', tags: { team: 'fleet' } }))
  assert.equal(told(planned)[1], 'view stats described 1')
  assert.deepEqual(planned.changes[1]?.differences, [
    { path: 'owner', before: 'ana', after: 'ben' },
    { path: 'tags.team', before: undefined, after: 'fleet' },
  ])
  const [view] = (await newest(database.db, 'p')).filter(({ latest }) => latest.kind === 'view')
  assert.deepEqual(view?.about, { description: '', owner: 'ben', tags: { team: 'fleet' } })
})

test('another place of a source makes a version of the views that read it', async () => {
  await apply(BASE)
  const planned = await apply(BASE, { stats: { ...SOURCE, place: { kind: 'file', path: '/srv/other.parquet' } } })
  assert.deepEqual(planned.changes[1]?.differences, [
    { path: 'sources.stats.place.path', before: '/srv/stats.parquet', after: '/srv/other.parquet' },
  ])
})

test('a section may use what the project has from another one', async () => {
  await apply(BASE)
  const planned = await apply({ services: { other: { features: ['stats:rate'] } } }, {})
  assert.deepEqual(told(planned), ['service other added 1'])
})

const FAULTS: readonly (readonly [string, Written, string])[] = [
  [
    'an unknown entity',
    withView({ entities: ['car'] }),
    'views.stats.entities.0: there is no entity "car"; there are "driver"',
  ],
  [
    'an unknown source',
    withView({ source: 'stat' }),
    'views.stats.source: there is no source "stat" in `sources`; there are "stats"',
  ],
  [
    'no way to get rows',
    withView({ source: undefined }),
    'views.stats: "source", "query" or "push: true" was expected: nothing would ever give it a row',
  ],
  [
    'pushed rows beside windows',
    withView({ push: true, windows: { w: { take: 'count', over: '1h' } } }),
    'views.stats.push: got true beside `windows`, which are computed of the rows of a source; expected false, and what is pushed in a view of its own',
  ],
  [
    'windows over pushed rows alone',
    withView({ source: undefined, push: true, windows: { w: { take: 'count', over: '1h' } } }),
    'views.stats.windows: windows need "source" or "query": they are computed of its rows',
  ],
  [
    'windows over nothing',
    withView({ source: undefined, windows: { w: { take: 'count', over: '1h' } } }),
    'views.stats.windows: windows need "source" or "query": they are computed of its rows',
  ],
  [
    'a feature with the name of a key',
    withView({ features: { driver_id: 'int' } }),
    'views.stats.features.driver_id: this name is that of a key; the feature needs another, with "column"',
  ],
  [
    'a time to live that is none',
    withView({ ttl: 'soon' }),
    'views.stats.ttl: a duration, for example 90s, 10m, 2h or 30d, was expected, got soon',
  ],
  [
    'a window of too many steps',
    withView({ windows: { w: { take: 'count', over: '90d', step: '1m' } } }),
    'views.stats.windows.w.step: a step of which "over" has at most 5000 was expected, got 1m',
  ],
  [
    'a window without a column',
    withView({ windows: { w: { take: 'sum', over: '1h' } } }),
    'views.stats.windows.w: "of", the column, was expected beside "take: sum"',
  ],
  [
    'a window that is too long',
    withView({ windows: { w: { take: 'count', over: '91d' } } }),
    'views.stats.windows.w.over: 1m to 90d was expected, got 91d',
  ],
  [
    'a quantile without its place',
    withView({ windows: { w: { take: 'quantile', of: 'trips', over: '1h' } } }),
    'views.stats.windows.w: "q", 0 to 1, was expected beside "take: quantile"',
  ],
  [
    'a sum of texts',
    withView({ windows: { w: { take: 'sum', of: 'x', over: '1h', type: 'text' } } }),
    'views.stats.windows.w.type: int, float or bool was expected for sum, got text',
  ],
  [
    'an unknown feature',
    { ...BASE, services: { eta: { features: ['stats:speed'] } } },
    'services.eta.features.0: view "stats" has no feature "speed"; it has "trips", "rate"',
  ],
  [
    'an unknown version',
    { ...BASE, services: { eta: { features: ['stats@7:trips'] } } },
    'services.eta.features.0: there is no feature view "stats@7"; there are "stats"',
  ],
  [
    'a column twice',
    { ...BASE, services: { eta: { features: ['stats', 'stats:trips'] } } },
    'services.eta.features: two of them give the column "trips"; "full_names: true" or "names" tells them apart',
  ],
  [
    'an expression with a fault',
    { ...BASE, on_demand: { half: { inputs: { t: 'stats:trips' }, sql: 'trips', type: 'float' } } },
    'on_demand.half.sql: column 1: "trips" is no input; there are "t"',
  ],
  [
    'features that depend on themselves',
    {
      ...BASE,
      on_demand: {
        a: { inputs: { b: 'on_demand:b' }, sql: 'b', type: 'float' },
        b: { inputs: { a: 'on_demand:a' }, sql: 'a', type: 'float' },
      },
      services: {},
    },
    'on_demand.b.inputs.a: it depends on itself by way of "a"',
  ],
  [
    'an on-demand feature by a name that every object has',
    { ...BASE, on_demand: { a: { inputs: { b: 'on_demand:constructor' }, sql: 'b', type: 'float' } }, services: {} },
    'on_demand.a.inputs.b: there is no on-demand feature "constructor"; there are "a"',
  ],
  [
    'a feature by the name of a column that every view has',
    {
      ...BASE,
      views: { stats: { ...BASE.views.stats, features: { Arrival: 'int' } } },
      on_demand: {},
      services: {},
    },
    'views.stats.features.Arrival: its name is that of a column that every view has, small and capital letters being the same',
  ],
]
for (const [name, section, expected] of FAULTS)
  test(`is refused: ${name}`, async () => {
    const { faults } = await apply(section)
    const texts = faults.map(({ path, message }) => `${path.join('.')}: ${message}`)
    assert.ok(texts.includes(expected), texts.join('\n'))
    assert.deepEqual(await newest(database.db, 'p'), [], 'and nothing is written')
  })

test('names that every object has are refused, and faults of many are told once each', async () => {
  const key = (name: string) => ({ ...BASE, entities: { driver: { keys: { [name]: 'int' } } } })
  for (const name of ['constructor', 'valueOf', '__proto__'])
    assert.equal(
      FeaturesSection.safeParse(JSON.parse(JSON.stringify(key('k')).replace('"k"', `"${name}"`))).success,
      false,
      name,
    )
  const on_demand = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `x${i}`,
      {
        inputs: i === 0 ? {} : { a: `on_demand:x${i - 1}`, b: `on_demand:x${i - 1}` },
        sql: i === 0 ? '?' : 'a + b',
        type: 'float',
      },
    ]),
  )
  const { faults } = await apply({ ...BASE, on_demand, services: {} })
  assert.deepEqual(
    faults.map(({ path }) => path.join('.')),
    ['on_demand.x0.sql'],
  )
})
