/** Steps that run for the rows of a query, on a real PostgreSQL: the query's, and in one of the suites also the server's own. */
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { itemText } from '../../contract/values/item-text.ts'
import { queriedPostgres } from '../../../test/fixtures/queried-postgres.ts'
import { startPostgres, type TestPostgres } from '../../../test/postgres.ts'
import { ANA } from '../bench.fixture.ts'
import { cancelRun } from '../run/runs.ts'
import type { RunView } from '../run/view.ts'
import { openFanned, sorted, type Fanned } from './fan.fixture.ts'

const database = queriedPostgres()

const USER = { class: 'user', message: 'it broke', code: 1 } as const

interface Asked {
  readonly query: string
  readonly columns?: string
  readonly params?: string
  readonly run?: string
  readonly each?: string
  readonly more?: string
}

function project({
  query,
  columns = '{day: string, n: int}',
  params = '{x: "{item.day}", n: "{item.n}"}',
  run = '"a:fit"',
  each = '',
  more = '',
}: Asked): Record<string, string> {
  return {
    'slipway.yaml': `project: fan
sources: {orders: {sql: {database: DB, query: ${JSON.stringify(query)}, ordered: true}}}
pipeline: {steps: {fit: {run: ${run}, params: ${params}, outputs: [part], for_each: {rows: sources.orders, columns: ${columns}${each}}${more}}}}
`,
    'a.py': 'def fit(x, n, part): ...\n',
  }
}

async function open(t: TestContext, tables?: string): Promise<Fanned> {
  const { host, hostname } = new URL(database.url)
  const access = { folders: [], hidden: [], allow: [host, hostname], index: 'http://127.0.0.1:9' }
  return openFanned(t, tables, {
    sources: access,
    secret: (_project, name) => Promise.resolve(name === 'DB' ? database.url : undefined),
  })
}

function fit({ steps }: RunView): RunView['steps'][number] {
  return steps.find(({ name }) => name === 'fit') ?? assert.fail('no step fit')
}

const VALUES = "VALUES ('2024-01', 1, 'a'), ('2024-02', 2, 'b'), (NULL, NULL, 'c'), ('2024-01', 1, 'd')"
const ROWS = `SELECT day, n, other FROM (${VALUES}) v(day, n, other) ORDER BY other`

for (const [what, ownTables] of [
  ['SQLite', false],
  ['PostgreSQL', true],
] as const) {
  describe(`rows of a query, tables in ${what}`, () => {
    let own: TestPostgres | undefined
    before(async () => {
      own = ownTables ? await startPostgres() : undefined
    })
    after(() => own?.stop())

    test('each row is an item, equal ones run once, and only the columns that are taken count', async (t) => {
      const fan = await open(t, own?.url)
      const run = await fan.end(await fan.begin(project({ query: ROWS })))
      assert.equal(run.outcome, 'succeeded', run.message)
      assert.deepEqual(sorted(fan.ran), ['2024-01', '2024-02', null])
      assert.deepEqual(fit(run).items?.states, { cached: 1, succeeded: 3 })
      assert.deepEqual(
        (await fan.items(run.id)).map(({ item }) => itemText(item)),
        ['day=2024-01 n=1', 'day=2024-02 n=2', 'day=null n=null', 'day=2024-01 n=1'],
      )
      const grown = ROWS.replace(VALUES, `${VALUES}, ('2024-03', 3, 'e')`).replace("'a')", "'changed')")
      const again = await fan.end(await fan.begin(project({ query: grown })))
      assert.deepEqual(fit(again).items?.states, { cached: 4, succeeded: 1 })
      assert.deepEqual(fan.ran.slice(3), ['2024-03'])
    })

    test('a retry has the rows of its run, whatever the table holds by then, and runs only what failed', async (t) => {
      const table = `orders_${what.toLowerCase()}`
      await database.admin.query(`CREATE TABLE ${table} AS SELECT 'd' || i AS day, i AS n FROM generate_series(1, 4) i`)
      const fan = await open(t, own?.url)
      fan.answer = ({ params }) => (params['x'] === 'd2' ? USER : {})
      const asked = { query: `SELECT day, n FROM ${table} ORDER BY n`, each: ', failures: {at_least: 4}, at_once: 1' }
      const failed = await fan.end(await fan.begin(project(asked)))
      assert.equal(failed.outcome, 'failed')
      assert.match(failed.message, /step "fit" failed: item 1 \(day=d2 n=2\) failed: it broke/)
      await database.admin.query(`UPDATE ${table} SET day = 'other'`)
      fan.answer = () => ({})
      const retried = await fan.end(await fan.retry(failed.id))
      assert.equal(retried.outcome, 'succeeded', retried.message)
      assert.deepEqual(fit(retried).items?.states, { cached: 1, succeeded: 3 })
      assert.deepEqual(fan.ran, ['d1', 'd2', 'd2', 'd3', 'd4'])
    })

    test('a cancel ends it, and no further row begins', async (t) => {
      const fan = await open(t, own?.url)
      fan.answer = () => undefined
      const query = 'SELECT i::text AS day, i AS n FROM generate_series(1, 50) i'
      const id = await fan.begin(project({ query, each: ', at_once: 2' }))
      await fan.until(() => fan.ran.length === 2, 'two run')
      await cancelRun(fan.room.context, ANA, id)
      fan.room.wake(id)
      fan.release()
      const run = await fan.end(id)
      assert.equal(run.outcome, 'cancelled')
      assert.equal(fan.ran.length, 2)
    })
  })
}

test('no rows are a success over nothing', async (t) => {
  const fan = await open(t)
  const run = await fan.end(await fan.begin(project({ query: ROWS.replace('ORDER', 'WHERE false ORDER') })))
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(fit(run).items, { count: 0, states: {}, needed: 0 })
})

const REFUSED: readonly (readonly [what: string, Asked, RegExp])[] = [
  ['a query that fails', { query: 'SELECT nothing FROM nowhere' }, /source "orders": .*"nowhere" does not exist/],
  [
    'a column that the query does not give',
    { query: 'SELECT 1 AS n' },
    /source "orders": the query gives no column "day"; it gives n/,
  ],
  [
    'a value of another type',
    { query: "SELECT 'd' AS day, x AS n FROM (VALUES ('1'), ('two')) v(x)" },
    /source "orders": item 1 has "two" as "n", expected a whole number/,
  ],
  [
    'a row that is too large',
    { query: "SELECT repeat('x', 70000) AS day, 1 AS n" },
    /source "orders": item 0 has 70016 characters, expected at most 65536/,
  ],
  [
    'rows that are too large together',
    { query: "SELECT repeat('x', 60000) AS day, i AS n FROM generate_series(1, 600) i" },
    /source "orders": got 3\d{7} bytes, expected at most 33554432/,
  ],
  [
    'a value that no command can be given',
    {
      query: "SELECT repeat('ü', 32000) AS day, 1 AS n",
      run: `[echo, ${'"{params.x}", '.repeat(20)}"{params.n}"]`,
    },
    /item 0: expected at most 1048576 bytes of arguments and env together/,
  ],
  [
    'more rows than a step may have',
    { query: "SELECT 'd' || i AS day, i AS n FROM generate_series(1, 100001) i" },
    /source "orders": got 100001 items, expected at most 100000/,
  ],
  [
    'fewer rows than have to succeed',
    { query: ROWS, each: ', failures: {at_least: 5}' },
    /5 items have to succeed, and there are 4/,
  ],
]
test('what cannot be items ends the step, by name, and nothing runs', async (t) => {
  const fan = await open(t)
  for (const [what, asked, expected] of REFUSED) {
    const run = await fan.end(await fan.begin(project(asked)))
    assert.equal(run.outcome, 'failed', what)
    assert.match(fit(run).failure?.message ?? '', expected)
    assert.equal(fit(run).failure?.class, 'user')
    assert.doesNotMatch(fit(run).cache?.reason ?? '', /nothing changed/, what)
  }
  assert.deepEqual(fan.ran, [])
  assert.deepEqual(fan.errors, [])
})

test('a plan asks the database, says how many rows would run, and why the step would fail', async (t) => {
  const fan = await open(t)
  const said = async (asked: Asked): Promise<string> => {
    const [step] = await fan.plan(project(asked))
    return `${step?.decision}: ${step?.reason.replaceAll(/\(\w{12}\)/g, '(HASH)')}`
  }
  const query = "SELECT 'd' || i AS day, i AS n FROM generate_series(1, 3) i"
  assert.equal(
    await said({ query }),
    'run: results of 0 of 3 items are taken; the others run: the step has not run before',
  )
  await fan.end(await fan.begin(project({ query })))
  assert.equal(await said({ query }), 'cached: nothing changed: results of all 3 items are taken')
  assert.match(await said({ query: query.replace('1, 3', '1, 5') }), /^run: results of 3 of 5 items are taken/)
  assert.equal(
    await said({ query: query.replace('1, 3', '1, 100000') }),
    'run: results of 3 of 100000 items are taken; the others run: items 3 (HASH) → 100000 (HASH)',
  )
  assert.equal(
    await said({ query: 'SELECT 1 AS n' }),
    'run: it would fail: source "orders": the query gives no column "day"; it gives n',
  )
  assert.match(
    await said({ query: 'SELECT nothing FROM nowhere' }),
    /^unknown: the run would not begin: source "orders": .*"nowhere" does not exist/,
  )
})
