/** Sources that are queries, on a real PostgreSQL in whole runs: one snapshot, an order that says nothing, and what may not be asked. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { queriedPostgres } from '../../../../test/fixtures/queried-postgres.ts'
import { startPostgres } from '../../../../test/postgres.ts'
import { until } from '../../../../test/until.ts'
import {
  failure,
  pinned,
  serving,
  settle,
  sourced,
  triedAgain,
  untilSettled,
  type Sourced,
} from '../sources.fixture.ts'

const database = queriedPostgres(async (admin) => {
  await admin.query(`CREATE TABLE flights (id int, name text, at timestamptz, price float8, raw bytea, doc json)`)
  await admin.query(
    `INSERT INTO flights VALUES (2, 'b, "x"', '2026-02-03 11:00+01', 0.1, '\\x00ff', '{"a": 1}'), (1, '', '2026-02-01 00:00Z', 1e300, NULL, NULL), (3, NULL, NULL, 'NaN', NULL, NULL)`,
  )
})

const host = (): string => new URL(database.url).host
const sql = (query: string, more: object = {}): object => ({ sql: { database: 'DB', query, ...more } })

async function open(t: Parameters<typeof sourced>[0], secrets: Record<string, string> = {}): Promise<Sourced> {
  return sourced(t, { allow: [host(), new URL(database.url).hostname], secrets: { DB: database.url, ...secrets } })
}

test('a room whose tables lie in PostgreSQL keeps what sources gave, and proves by it', async (t) => {
  const own = await startPostgres()
  const { folder, run, proof, bench } = await sourced(t, { tables: own.url })
  t.after(() => own.stop())
  const path = join(folder, 'a.txt')
  writeFileSync(path, 'then')
  settle(path)
  await untilSettled(path)
  const first = await run({ file: path })
  assert.equal(pinned(await run({ file: path })).unchanged, true)
  writeFileSync(path, 'now, and longer')
  const proved = await proof(first)
  assert.deepEqual([proved.reproduction?.grade, pinned(proved).size], ['A', 4])
  const kept: string[] = []
  for await (const one of bench.room.needed()) if (typeof one !== 'string') kept.push(one.tree)
  assert.ok(kept.filter((tree) => tree === pinned(first).digest).length >= 3, 'each run and the last reading')
})

describe('queries', () => {
  test('rows become a CSV of texts, an absent value apart from an empty one, whatever the session is set to', async (t) => {
    const { run, got } = await open(t)
    const ended = await run(sql('SELECT * FROM flights ORDER BY id', { ordered: true }))
    assert.deepEqual(await got(ended), {
      '': 'id,name,at,price,raw,doc\n1,"",2026-02-01 00:00:00+00,1e+300,,\n2,"b, ""x""",2026-02-03 10:00:00+00,0.1,\\x00ff,"{""a"": 1}"\n3,,,NaN,,\n',
    })
    const { kind, rows, version, place } = pinned(ended)
    assert.deepEqual([kind, rows, place], ['sql', 3, 'SELECT * FROM flights ORDER BY id'])
    assert.match(version ?? '', /^snapshot \d+:\d+:/)
  })

  test('equal rows in another order have the same digest and hit the cache; where the order is declared to count, they do not', async (t) => {
    const { run } = await open(t)
    const by = (order: string, ordered: boolean) =>
      run(sql(`SELECT id, name FROM flights ORDER BY id ${order} -- said`, { ordered }))
    const [up, down] = [await by('ASC', false), await by('DESC', false)]
    assert.equal(pinned(up).digest, pinned(down).digest)
    assert.equal(down.steps[0]?.state, 'cached')
    assert.equal(pinned(down).unchanged, false)
    assert.notEqual(pinned(await by('ASC', true)).digest, pinned(await by('DESC', true)).digest)
  })

  test('thousands of rows are one snapshot, while others are written', async (t) => {
    await database.admin.query('CREATE TABLE numbers AS SELECT i FROM generate_series(1, 5000) i')
    const { run, got } = await open(t)
    // the query waits in its middle until rows have come
    await database.admin.query('SELECT pg_advisory_lock(2500)')
    const asked = run(
      sql('SELECT i, CASE WHEN i = 2500 THEN pg_advisory_xact_lock(2500)::text END AS waited FROM numbers', {
        ordered: true,
      }),
    )
    const waiting = `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE 'FETCH%' AND wait_event_type = 'Lock'`
    await until('the query waits', async () => (await database.admin.query(waiting)).rowCount === 1)
    await database.admin.query('INSERT INTO numbers SELECT 0 FROM generate_series(1, 100)')
    await database.admin.query('SELECT pg_advisory_unlock(2500)')
    const ended = await asked
    assert.equal(pinned(ended).rows, 5000)
    const lines = (await got(ended))['']?.split('\n') ?? []
    assert.equal(lines.filter((line) => line.startsWith('0,')).length, 0)
    const { rows } = await database.admin.query<{ n: string }>('SELECT count(*) AS n FROM numbers')
    assert.equal(rows[0]?.n, '5100')
  })

  test('the age is that of the newest row', async (t) => {
    const { run } = await open(t)
    const source = (fresh: string, stale = 'fail') => ({
      ...sql('SELECT * FROM flights', { time: 'at' }),
      fresh,
      stale,
    })
    assert.match(failure(await run(source('1 hour'))), /the data is \d+ days.* old, of 2026-02-03T10:00:00\.000Z/)
    assert.equal(pinned(await run(source('10000d'))).data_at, '2026-02-03T10:00:00.000Z')
  })

  test('it only reads, one statement, within its time and size', async (t) => {
    const { run } = await open(t)
    const cases: [object, RegExp][] = [
      [
        sql('WITH w AS (INSERT INTO flights VALUES (9) RETURNING id) SELECT * FROM w', { ordered: true }),
        /refused it: .*(INSERT|DECLARE CURSOR|read-only)/,
      ],
      [sql('SELECT 1) q; COMMIT; DELETE FROM flights; SELECT (1'), /refused it: .*(multiple commands|syntax error)/],
      [sql('SELECT 1; DELETE FROM flights', { ordered: true }), /refused it: .*multiple commands/],
      [sql('SELECT nothing FROM nowhere'), /refused it: relation "nowhere" does not exist/],
      [{ ...sql('SELECT pg_sleep(20)'), timeout: '400ms' }, /did not end in the time|not read within 400 ms/],
      [
        { ...sql("SELECT repeat('x', 1000) FROM generate_series(1, 1000)"), limit: '10kB' },
        /more than 10000 bytes, its limit/,
      ],
    ]
    for (const [source, expected] of cases) assert.match(failure(await run(source)), expected)
    const { rows } = await database.admin.query<{ n: string }>('SELECT count(*) AS n FROM flights')
    assert.equal(rows[0]?.n, '3')
  })

  test('a row of one column without a value is a row', async (t) => {
    const { run, got } = await open(t)
    const ended = await run(sql("SELECT x FROM (VALUES ('a'), (NULL), ('')) v(x)"))
    assert.deepEqual(await got(ended), { '': 'x\n""\n""\na\n' })
    assert.equal(pinned(ended).rows, 3)
    assert.match(failure(await run(sql('SELECT FROM flights'))), /the query gives no columns/)
  })

  test('an address that would have the server read its own files or go elsewhere is refused, and never shown', async (t) => {
    const url = new URL(database.url)
    const wrong: Record<string, string> = {
      SOCKET: 'postgresql:///db?host=/tmp',
      ELSEWHERE: `${database.url}?host=10.0.0.1`,
      FILES: `${database.url}?sslrootcert=/etc/passwd`,
      NAMELESS: `postgresql://${url.host}/db`,
      ENCODED: 'postgresql://u:hidden-password@%2Ftmp/db',
      MYSQL: 'mysql://u:hidden-password@h/db',
    }
    const { run } = await open(t, wrong)
    for (const name of Object.keys(wrong)) {
      const said = failure(await run({ sql: { database: name, query: 'SELECT 1' } }))
      assert.match(said, new RegExp(`the secret ${name} is no address of a database; expected postgresql://`))
      assert.doesNotMatch(said, /hidden-password/)
    }
    const closed = await sourced(t, { secrets: { DB: database.url } })
    assert.match(failure(await closed.run(sql('SELECT 1'))), /127\.0\.0\.1 is private|is private/)
  })

  test('a database that is away is tried again', async (t) => {
    const { host: free } = await serving(t, (_request, reply) => reply.destroy())
    const away = `postgresql://user:hidden-password@${free}/db`
    const now = Date.now()
    const { begin, bench } = await sourced(t, { allow: [free], secrets: { DB: away } }, { clock: () => now })
    const id = await begin(sql('SELECT 1'))
    const message = await triedAgain(bench, id)
    assert.match(message, /tried again \(try \d of 6\): source "given": the database of DB/)
    assert.doesNotMatch(message, /hidden-password/)
    await bench.store.db.tx((tx) => tx.run("UPDATE pipeline_runs SET desired_state = 'cancel' WHERE id = ?", [id]))
    bench.room.wake(id)
    assert.equal((await bench.end(id)).state, 'cancelled')
  })
})
