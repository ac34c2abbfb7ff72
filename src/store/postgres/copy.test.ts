/** COPY in both directions on a real PostgreSQL: whole, no faster than who takes it, and a connection that is fit afterwards. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres, type TestPostgres } from '../../../test/postgres.ts'
import { until } from '../../../test/until.ts'
import { copyIn, copyOut } from './copy.ts'

describe('COPY', () => {
  let server: TestPostgres
  let client: pg.Client
  let beside: pg.Client
  before(async () => {
    server = await startPostgres()
    ;[client, beside] = [1, 2].map(() => new pg.Client({ connectionString: server.url })) as [pg.Client, pg.Client]
    await Promise.all([client.connect(), beside.connect()])
    await client.query('CREATE TABLE numbers (n BIGINT PRIMARY KEY)')
  })
  after(async () => {
    await Promise.all([client.end(), beside.end()])
    await server.stop()
  })

  /** Looks until the backend of the copying connection has waited for the same event in several looks. */
  async function untilWaiting(event: string): Promise<void> {
    const sql = `SELECT wait_event FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'COPY%'`
    await until(`the server to wait for ${event}`, async () => {
      for (let same = 0; same < 50; same++) {
        const found = await beside.query<{ wait_event: string | null }>(sql)
        if (found.rows[0]?.wait_event !== event) return false
        await turn()
      }
      return true
    })
  }

  const count = async (): Promise<unknown> =>
    (await client.query<{ c: string }>('SELECT count(*) AS c FROM numbers')).rows[0]?.c

  it('a slow reader is waited for by the server, and gets every row in the end', async () => {
    const stream = copyOut(client, "COPY (SELECT n, repeat('x', 990) FROM generate_series(1, 40000) AS n) TO STDOUT")
    stream.once('readable', () => undefined)
    await untilWaiting('ClientWrite')
    assert.ok(stream.readableLength < 4 * 2 ** 20, `${stream.readableLength} bytes of 40 MB are held`)
    let rows = 0
    let last = ''
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      rows += chunk.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0)
      last = chunk.subarray(-1001).toString()
    }
    assert.equal(rows, 40_000)
    assert.ok(last.endsWith(`\n40000\t${'x'.repeat(990)}\n`))
  })

  it('nothing is an empty stream, and what fails on the way is its error', async () => {
    assert.deepEqual(await copyOut(client, 'COPY numbers TO STDOUT').toArray(), [])
    const failing = copyOut(client, 'COPY (SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n) TO STDOUT')
    await assert.rejects(failing.toArray(), { code: '22012' })
    assert.equal(await count(), '0')
  })

  it('a slow server is waited for', async () => {
    await client.query(`CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$`)
    await client.query('CREATE TRIGGER held BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION held()')
    await beside.query('SELECT pg_advisory_lock(1)')
    let taken = 0
    async function* rows(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('1\n')
      // zeros in front make a row of 64 KiB of one number
      for (; taken < 500; taken++) yield Buffer.from(`${String(taken + 2).padStart(65_535, '0')}\n`)
    }
    const done = copyIn(client, 'COPY numbers FROM STDIN', rows())
    await untilWaiting('advisory')
    for (let before = -1; before !== taken; await beside.query('SELECT 1')) before = taken
    const held = taken
    await beside.query('SELECT pg_advisory_unlock(1)')
    assert.equal(await done, 501)
    assert.ok(held < 400, `${held} of 500 pieces of 64 KiB were taken while the server waited`)
    await client.query('DROP TRIGGER held ON numbers')
    assert.equal(await count(), '501')
  })

  it('rows that are refused end a source that has no end, and none of them is there', async () => {
    const ended = Promise.withResolvers<string>()
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (let n = 1000; ; n++) {
          yield Buffer.from(n === 1500 ? 'no number\n' : `${n}\n`)
          await turn()
        }
      } finally {
        ended.resolve('ended')
      }
    }
    await assert.rejects(copyIn(client, 'COPY numbers FROM STDIN', endless()), { code: '22P02' })
    assert.deepEqual([await ended.promise, await count()], ['ended', '501'])
  })

  it('a source that fails is told by its own error, and a statement that is none by the server’s', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('7000\n')
      throw new Error('the file is cut')
    }
    await assert.rejects(copyIn(client, 'COPY numbers FROM STDIN', broken()), /^Error: the file is cut$/)
    await assert.rejects(copyIn(client, 'COPY nowhere FROM STDIN', broken()), { code: '42P01' })
    await assert.rejects(copyOut(client, 'COPY nowhere TO STDOUT').toArray(), { code: '42P01' })
    assert.equal(await count(), '501')
  })
})
