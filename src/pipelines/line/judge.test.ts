/** The rule of the line, beside an oracle that goes through it minute by minute, and its two promises: no place too many, nobody for ever. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PoolRoom } from '../pools/pools.ts'
import { judgeLine, POINT_MS, type InLine, type Room } from './judge.ts'

const one = (name: string, more: Partial<InLine> & { cpus?: number; memory?: number } = {}): InLine => {
  const { cpus = 1, memory = 0, ...rest } = more
  return {
    run_id: 'r',
    name,
    project: 'p',
    pool: null,
    demand: { cpus, memory_bytes: memory },
    isPatient: false,
    ...rest,
  }
}
const pool = (name: string, places: number, more: Partial<PoolRoom> = {}): [string, PoolRoom] => [
  name,
  { name, places, per_project: null, held: 0, by: new Map(), ...more },
]
const room = (cpus: number, ...pools: [string, PoolRoom][]): Room => ({
  free: { cpus, memory_bytes: 100 },
  pools: new Map(pools),
})

describe('who begins and why the others wait', () => {
  const cases: [string, readonly InLine[], Room, readonly (string | undefined)[]][] = [
    ['as many as fit', [one('a'), one('b'), one('c')], room(2), [undefined, undefined, 'turn']],
    ['a small one passes one that does not fit', [one('a', { cpus: 3 }), one('b')], room(2), ['places', undefined]],
    ['but not one that is patient', [one('a', { cpus: 3, isPatient: true }), one('b')], room(2), ['places', 'turn']],
    ['nor where both fit alone', [one('a', { cpus: 2 }), one('b', { cpus: 2 })], room(3), [undefined, 'turn']],
    ['memory is held too', [one('a', { memory: 80 }), one('b', { memory: 30 })], room(9), [undefined, 'turn']],
    [
      'a step elsewhere asks nothing of the machine',
      [one('a', { cpus: 3, isPatient: true }), one('b', { cpus: 0 })],
      room(0),
      ['places', undefined],
    ],
    ['a pool that is not there', [one('a', { pool: 'gpu' }), one('b')], room(1), ['gone', undefined]],
    [
      'a pool that is full holds no machine',
      [one('a', { pool: 'gpu', isPatient: true, cpus: 2 }), one('b', { cpus: 2 })],
      room(2, pool('gpu', 1, { held: 1 })),
      ['full', undefined],
    ],
    [
      'the last place of a pool goes to the first',
      [one('a', { pool: 'gpu' }), one('b', { pool: 'gpu' })],
      room(9, pool('gpu', 1)),
      [undefined, 'turn'],
    ],
    ['a pool of no places', [one('a', { pool: 'gpu' })], room(9, pool('gpu', 0)), ['full']],
    ['a pool that was made smaller', [one('a', { pool: 'gpu' })], room(9, pool('gpu', 1, { held: 3 })), ['full']],
    [
      'a project with all that it may have, and another',
      [one('a', { pool: 'gpu' }), one('b', { pool: 'gpu', project: 'q' })],
      room(9, pool('gpu', 3, { held: 1, per_project: 1, by: new Map([['p', 1]]) })),
      ['quota', undefined],
    ],
    ['a remote step waits for its pool', [one('a', { cpus: 0, pool: 'gpu' })], room(9, pool('gpu', 0)), ['full']],
  ]
  for (const [name, line, free, expected] of cases)
    test(name, () => {
      assert.deepEqual(judgeLine(line, free), expected)
    })
})

/** Numbers in [0, 1) by a seed. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    yield state / 0x80000000
  }
}

test('never more than there is, and never a place left that the first could take: a thousand lines by an oracle', () => {
  const random = numbers(7)
  const below = (n: number): number => Math.floor(random.next().value * n)
  for (let round = 0; round < 1000; round++) {
    const pools = ['x', 'y'].map((name) => pool(name, below(4), below(2) === 0 ? {} : { per_project: 1 }))
    const free = room(below(8), ...pools)
    const line = Array.from({ length: below(12) }, (_, i) =>
      one(`s${i}`, {
        cpus: below(5),
        project: below(2) === 0 ? 'p' : 'q',
        pool: [null, 'x', 'y', 'z'][below(4)] ?? null,
      }),
    )
    const begun = line.filter((_, i) => judgeLine(line, free)[i] === undefined)
    // the oracle tries each in turn against what is there, counted anew
    const expected: InLine[] = []
    const isRoom = (all: readonly InLine[]): boolean =>
      all.reduce((sum, { demand }) => sum + demand.cpus, 0) <= free.free.cpus &&
      all.every(({ pool: name, project }) => {
        if (name === null) return true
        const of = free.pools.get(name)
        const inPool = all.filter((other) => other.pool === name)
        const own = inPool.filter((other) => other.project === project)
        return of !== undefined && inPool.length <= of.places && own.length <= (of.per_project ?? Infinity)
      })
    for (const next of line) if (isRoom([...expected, next])) expected.push(next)
    assert.deepEqual(
      begun.map(({ name }) => name),
      expected.map(({ name }) => name),
      JSON.stringify(line),
    )
  }
})

test('by priority and age, so that nothing starves: a low one begins once the others are younger by its points', () => {
  // a new step of priority 10 comes each minute and takes the only place for a minute; one of -10 has come with the first
  const waiting: { at: number; priority: number }[] = [{ at: 0, priority: -10 }]
  let begun: number | undefined
  for (let minute = 0; minute < 1000 && begun === undefined; minute++) {
    const now = minute * 60_000
    waiting.push({ at: now, priority: 10 })
    // the oracle: points, and one for each ten minutes of waiting, whole or not
    const points = ({ at, priority }: { at: number; priority: number }): number => priority + (now - at) / 600_000
    const first = waiting.toSorted((a, b) => points(b) - points(a) || a.at - b.at)[0]
    const byRule = waiting.toSorted(
      (a, b) => a.at - a.priority * POINT_MS - (b.at - b.priority * POINT_MS) || a.at - b.at,
    )[0]
    assert.equal(byRule, first)
    if (first?.priority === -10) begun = minute
    waiting.splice(waiting.indexOf(first as { at: number; priority: number }), 1)
  }
  assert.equal(begun, 200)
})
