import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareStamps, isLive, lookUp, statusOf, type Stamp } from './as-of.ts'
import { prng } from '../../stats/prng.ts'
import { drawCase, seenByLooking } from './cases.fixture.ts'

const row = (event: number, created = event, arrival = 0): Stamp => ({
  event: BigInt(event),
  created: BigInt(created),
  arrival: BigInt(arrival),
})
const AS_KNOWN = { ttl: null, includeLateData: false }

test('120,000 moments of generated histories see what looking at every row sees', () => {
  const random = prng(29)
  const statuses = new Map<string, number>()
  let looked = 0
  while (looked < 120_000) {
    const one = drawCase(random)
    for (const request of one.requests) {
      const history = one.rows.filter(({ key }) => key !== null && key === request.key).toSorted(compareStamps)
      const seen = lookUp(history, request.at, one.rules)
      const expected = seenByLooking(one, request)
      if (seen.status !== expected.status || seen.row !== expected.row)
        assert.deepEqual(
          seen,
          expected,
          JSON.stringify({ request, one }, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v)),
        )
      statuses.set(seen.status, (statuses.get(seen.status) ?? 0) + 1)
      looked += 1
    }
  }
  // no status is so rare that nothing was shown of it
  for (const status of ['live', 'expired', 'not_found', 'future_only', 'late_suppressed'])
    assert.ok((statuses.get(status) ?? 0) > 1000, `${status}: ${statuses.get(status)}`)
})

test('both edges belong to what is seen, and the last instant of a time to live to it', () => {
  const history = [row(100)]
  assert.equal(lookUp(history, 99n, AS_KNOWN).status, 'future_only')
  assert.equal(lookUp(history, 100n, AS_KNOWN).status, 'live')
  assert.equal(lookUp(history, 110n, { ttl: 10n, includeLateData: false }).status, 'live')
  assert.equal(lookUp(history, 111n, { ttl: 10n, includeLateData: false }).status, 'expired')
  assert.equal(isLive(100n, 100n, 0n), true)
})

test('what became known later is not seen, and an older row stands until it does', () => {
  const history = [row(10, 10), row(20, 50)]
  assert.equal(lookUp(history, 30n, AS_KNOWN).row, history[0])
  assert.equal(lookUp(history, 50n, AS_KNOWN).row, history[1])
  assert.equal(lookUp(history, 30n, { ttl: null, includeLateData: true }).row, history[1])
  assert.equal(lookUp([row(20, 50)], 30n, AS_KNOWN).status, 'late_suppressed')
})

test('an older row never stands in for an expired one, nor does a late row hide what is known', () => {
  const history = [row(10), row(20)]
  const seen = lookUp(history, 40n, { ttl: 5n, includeLateData: false })
  assert.deepEqual([seen.status, seen.row], ['expired', history[1]])
})

test('a backfill is seen where late data is asked for, and else from when it became known', () => {
  const day = 86_400
  const replaced = [row(0, 0, 1), row(0, day, 2)]
  const early = [row(0, day, 3), row(day, 0, 4)]
  const arrivals = (at: number, includeLateData: boolean): unknown[] =>
    [replaced, early].map((history) => lookUp(history, BigInt(at), { ttl: null, includeLateData }).row?.arrival)
  assert.deepEqual(arrivals(day, true), [2n, 4n])
  assert.deepEqual(arrivals(0, true), [2n, 3n])
  assert.deepEqual(arrivals(0, false), [1n, undefined])
})

test('a tie is broken by when it became known, then by arrival', () => {
  assert.equal(compareStamps(row(5, 7, 1), row(5, 6, 2)), 1)
  assert.equal(compareStamps(row(5, 6, 1), row(5, 6, 2)), -1)
  assert.equal(compareStamps(row(5, 6, 1), row(5, 6, 1)), 0)
})

test('a null of a live row is told apart from a row that is not there', () => {
  assert.equal(statusOf('live', true), 'null_value')
  assert.equal(statusOf('live', false), 'present')
  assert.equal(statusOf('expired', true), 'expired')
})
