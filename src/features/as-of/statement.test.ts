import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import type { AsOfRules } from './as-of.ts'
import { prng } from '../../stats/prng.ts'
import { drawCase, seenByLooking, type Case } from './cases.fixture.ts'
import { asOfStatement, type AsOfPlan } from './statement.ts'

let instance: DuckDBInstance
let duck: DuckDBConnection

before(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '500MB' })
  duck = await instance.connect()
})
after(() => {
  duck.closeSync()
  instance.closeSync()
})

/** All cases of the same rules in two tables; the number of the case is a part of the key, and null where the key is. */
async function load(cases: readonly Case[]): Promise<void> {
  await duck.run(`
    CREATE OR REPLACE TABLE requests ("row" BIGINT, "at" BIGINT, world BIGINT, key BIGINT);
    CREATE OR REPLACE TABLE rows (arrival BIGINT, event BIGINT, created BIGINT, world BIGINT, key BIGINT)`)
  const requests = await duck.createAppender('requests')
  const rows = await duck.createAppender('rows')
  const number = (append: typeof rows, value: bigint | null): void =>
    value === null ? append.appendNull() : append.appendBigInt(value)
  let at = 0n
  for (const [world, one] of cases.entries()) {
    for (const request of one.requests) {
      for (const value of [at, request.at, BigInt(world)]) number(requests, value)
      number(requests, request.key === null ? null : BigInt(request.key))
      requests.endRow()
      at += 1n
    }
    for (const row of one.rows) {
      const arrival = BigInt(world) * 100n + row.arrival
      for (const value of [arrival, row.event, row.created, BigInt(world)]) number(rows, value)
      number(rows, row.key === null ? null : BigInt(row.key))
      rows.endRow()
    }
  }
  requests.closeSync()
  rows.closeSync()
}

async function seen(rules: AsOfRules, plan: AsOfPlan): Promise<string[]> {
  const sql = asOfStatement({
    requests: 'requests',
    rows: 'rows',
    keys: ['world', 'key'],
    asked: ['world', 'key'],
    rules,
    plan,
  })
  const rows = (await duck.runAndReadAll(`SELECT status, arrival, event FROM (${sql}) ORDER BY "row"`)).getRows()
  return rows.map((row) => row.join(' '))
}

const PLANS: readonly AsOfPlan[] = ['hash', 'sorted']

test('both plans see in 100,000 generated moments what looking at every row sees', async () => {
  const random = prng(30)
  const byRules = new Map<string, Case[]>()
  let looked = 0
  while (looked < 100_000) {
    const one = drawCase(random)
    const rules = `${one.rules.ttl} ${one.rules.includeLateData}`
    byRules.set(rules, [...(byRules.get(rules) ?? []), one])
    looked += one.requests.length
  }
  assert.equal(byRules.size, 8)
  for (const cases of byRules.values()) {
    const rules = cases[0]?.rules ?? { ttl: null, includeLateData: false }
    await load(cases)
    const expected = cases.flatMap((one, world) =>
      one.requests.map((request) => {
        const { status, row } = seenByLooking(one, request)
        return row === undefined ? `${status}  ` : `${status} ${BigInt(world) * 100n + row.arrival} ${row.event}`
      }),
    )
    for (const plan of PLANS) {
      const got = await seen(rules, plan)
      const wrong = expected.findIndex((text, i) => text !== got[i])
      if (wrong !== -1)
        assert.equal(got[wrong], expected[wrong], `${plan} ${rules.ttl} ${rules.includeLateData} row ${wrong}`)
      assert.equal(got.length, expected.length)
    }
  }
})

test('without keys all rows belong to every request', async () => {
  await duck.run(`
    CREATE OR REPLACE TABLE requests AS SELECT * FROM (VALUES (1, 5), (2, 15), (3, 40)) AS v("row", "at");
    CREATE OR REPLACE TABLE rows AS SELECT * FROM (VALUES (1, 10, 10), (2, 20, 20)) AS v(arrival, event, created)`)
  for (const plan of PLANS) {
    const sql = asOfStatement({
      requests: 'requests',
      rows: 'rows',
      keys: [],
      asked: [],
      rules: { ttl: 15n, includeLateData: false },
      plan,
    })
    const got = (await duck.runAndReadAll(`SELECT status, arrival FROM (${sql}) ORDER BY "row"`)).getRows()
    assert.deepEqual(
      got,
      [
        ['future_only', null],
        ['live', 1],
        ['expired', 2],
      ],
      plan,
    )
  }
})
