/** Stop rules on curves whose end can be told by hand. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bracketsOf, judge, type Curve } from './rules.ts'

const curve = (number: number, ...losses: number[]): Curve => ({
  number,
  points: losses.map((loss, step) => ({ step, loss })),
})
const at = { judged: -1, seed: 0 }

describe('the median rule', () => {
  const rule = { rule: 'median', first: 1, others: 3 } as const
  const others = [curve(0, 5, 4, 3), curve(1, 5, 3, 2), curve(2, 5, 2, 1)]

  test('stops what is behind the median of the others at its step', () => {
    assert.deepEqual(judge(rule, curve(3, 5, 3.5), { ...at, others }), {
      judged: 1,
      stop: { step: 1, reason: 'at step 1 its best was behind the median of 3 others' },
    })
  })

  test('keeps what is as good as the median, also by a value before', () => {
    assert.deepEqual(judge(rule, curve(3, 5, 3), { ...at, others }), { judged: 1 })
    assert.deepEqual(judge(rule, curve(3, 3, 99), { ...at, others }), { judged: 1 })
  })

  test('says nothing before its first step, with too few others, and of a step that was judged', () => {
    assert.deepEqual(judge(rule, curve(3, 99), { ...at, others }), { judged: -1 })
    assert.deepEqual(judge(rule, curve(3, 99, 99), { ...at, others: others.slice(1) }), { judged: 1 })
    assert.deepEqual(judge(rule, curve(3, 99, 99), { ...at, others, judged: 1 }), { judged: 1 })
    assert.deepEqual(judge(rule, curve(3), { ...at, others }), { judged: -1 })
  })

  test('counts only others that came so far', () => {
    const short = [curve(0, 0), curve(1, 0), ...others]
    assert.equal(judge(rule, curve(3, 5, 3), { ...at, others: short }).stop, undefined)
  })

  test('stops what has shown no number, and takes such others as the worst', () => {
    assert.ok(judge(rule, curve(3, Number.NaN, Number.NaN), { ...at, others }).stop)
    const bad = [curve(0, 5, Number.NaN), curve(1, Number.NaN, Number.NaN), curve(2, Number.NaN, Number.NaN)]
    assert.equal(judge(rule, curve(3, 9, 9), { ...at, others: bad }).stop, undefined)
  })
})

describe('successive halving', () => {
  const rule = { rule: 'asha', first: 1, factor: 3 } as const

  test('the first of a rung goes on, as Li 2018 has it', () => {
    assert.deepEqual(judge(rule, curve(0, 9, 9), { ...at, others: [] }), { judged: 1 })
  })

  test('of three the best goes on', () => {
    const others = [curve(0, 5, 2), curve(1, 5, 3)]
    assert.equal(judge(rule, curve(2, 5, 1), { ...at, others }).stop, undefined)
    assert.deepEqual(judge(rule, curve(2, 5, 2.5), { ...at, others }).stop, {
      step: 1,
      reason: 'at step 1 it was 2. of 3, and the best goes on',
    })
  })

  test('of six the best two go on', () => {
    const others = [1, 3, 4, 5, 6].map((loss, i) => curve(i, 9, loss))
    assert.equal(judge(rule, curve(9, 9, 2), { ...at, others }).stop, undefined)
    assert.match(judge(rule, curve(9, 9, 3.5), { ...at, others }).stop?.reason ?? '', /3\. of 6, and the best 2 go on/)
  })

  test('a rung is judged once, and rungs are at 1, 3, 9', () => {
    const others = [curve(0, 1, 1, 1, 0.1), curve(1, 1, 1, 1, 0.1)]
    const own = curve(2, 9, 9, 9, 9)
    assert.equal(judge(rule, own, { ...at, others }).stop?.step, 1)
    assert.equal(judge(rule, own, { ...at, others, judged: 1 }).stop?.step, 3)
    assert.deepEqual(judge(rule, own, { ...at, others, judged: 3 }), { judged: 3 })
  })

  test('what has shown no number is behind all that have', () => {
    const others = [curve(0, 9, 9)]
    assert.ok(judge(rule, curve(1, Number.NaN, Number.NaN), { ...at, others }).stop)
  })
})

describe('Hyperband', () => {
  test('has the brackets of Li 2017, table 1, for 81 steps and a factor of 3', () => {
    const brackets = bracketsOf({ rule: 'hyperband', first: 1, factor: 3, most: 81 })
    assert.deepEqual(
      brackets.map(({ first, share }) => [first, share]),
      [
        [1, 81],
        [3, 34],
        [9, 15],
        [27, 8],
        [81, 5],
      ],
    )
  })

  test('trials compete in their bracket alone, and brackets get their share', () => {
    const rule = { rule: 'hyperband', first: 1, factor: 3, most: 9 } as const
    const leaders = Array.from({ length: 300 }, (_, i) => curve(i, 0, 0))
    const judged = Array.from({ length: 300 }, (_, i) => judge(rule, curve(1000 + i, 9, 9), { ...at, others: leaders }))
    const stopped = judged.filter((one) => one.stop !== undefined).length
    // 9 : 5 : 3 of the brackets begin at 1, 3 and 9; step 1 is a rung of the first alone
    assert.ok(Math.abs(stopped / 300 - 9 / 17) < 0.1, `${stopped} of 300`)
  })
})
