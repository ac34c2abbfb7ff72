/** Two records are compared to the last digit: what is within the tolerance, what is not, and what is never called equal. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compareMetrics } from './step.ts'
import { compareCell, comparePredictions, compareWritten, sameNumbers, TOLERANCE } from './compare.ts'
import type { CellRecord, Described, Run } from './record.ts'

const EXPECTED = { shows: false, steps: true, names: [], inputs: new Set<string>() }
const cell = (values: Record<string, Described>, more: Partial<CellRecord> = {}): CellRecord => ({
  id: 1,
  printed: '',
  figures: [],
  values,
  ...more,
})
const number = (v: string, t = 'float'): Described => ({ k: 'number', t, v })
const array = (sha: string, from: number, count: number, shape = [count]): Described => ({
  k: 'array',
  t: '<f8',
  shape,
  sha,
  from,
  count,
})
const run = (probe: Described | null): Run => ({
  cells: [],
  failed: null,
  probe,
  numbers: Float64Array.from([]),
  written: new Map(),
})
const numbers = (...values: number[]): Float64Array => Float64Array.from(values)

function verdict(a: CellRecord, b: CellRecord | undefined, sides = { a: numbers(), b: numbers() }): string {
  return compareCell(a, b, sides, EXPECTED).verdict
}

describe('a cell', () => {
  it('is verified where values are equal, and within the tolerance up to its bound', () => {
    assert.equal(verdict(cell({ x: number('0.1') }), cell({ x: number('0.1') })), 'verified')
    assert.equal(
      verdict(cell({ x: number('1.0') }), cell({ x: number(String(1 + TOLERANCE / 2)) })),
      'within tolerance',
    )
    assert.equal(verdict(cell({ x: number('1.0') }), cell({ x: number(String(1 + TOLERANCE * 2)) })), 'not verified')
    assert.equal(verdict(cell({ x: number('nan') }), cell({ x: number('nan') })), 'verified')
    assert.equal(verdict(cell({ x: number('nan') }), cell({ x: number('0.0') })), 'not verified')
    assert.equal(verdict(cell({ x: number('inf') }), cell({ x: number('-inf') })), 'not verified')
    assert.equal(verdict(cell({ x: number('inf') }), cell({ x: number('1.0') })), 'not verified')
  })

  it('never takes whole numbers, types, texts, order or shape for rounding', () => {
    const different: readonly (readonly [Described, Described])[] = [
      [number('10000000000', 'int'), number('10000000001', 'int')],
      [number('1.0'), number('1', 'int')],
      [
        { k: 'exact', v: "'a'" },
        { k: 'exact', v: "'b'" },
      ],
      [{ k: 'exact', v: 'True' }, number('1', 'int')],
      [
        { k: 'list', t: 'list', v: [number('1.0'), number('2.0')] },
        { k: 'list', t: 'list', v: [number('2.0'), number('1.0')] },
      ],
      [
        { k: 'dict', t: 'dict', v: [['a', number('1.0')]] },
        { k: 'dict', t: 'dict', v: [['b', number('1.0')]] },
      ],
      [array('x', 0, 2, [2]), array('x', 0, 2, [1, 2])],
      [
        { k: 'list', t: 'list', v: [] },
        { k: 'list', t: 'tuple', v: [] },
      ],
    ]
    for (const [a, b] of different)
      assert.equal(verdict(cell({ x: a }), cell({ x: b })), 'not verified', JSON.stringify([a, b]))
  })

  it('looks at the numbers of arrays whose bytes differ, and at bytes alone where not all numbers are kept', () => {
    const sides = { a: numbers(1, 2), b: numbers(1, 2 + 1e-12) }
    assert.equal(verdict(cell({ x: array('a', 0, 2) }), cell({ x: array('b', 0, 2) }), sides), 'within tolerance')
    assert.equal(
      verdict(cell({ x: array('a', 0, 2) }), cell({ x: array('b', 0, 2) }), { a: numbers(1, 2), b: numbers(1, 3) }),
      'not verified',
    )
    assert.equal(verdict(cell({ x: array('a', 0, 2, [4]) }), cell({ x: array('b', 0, 2, [4]) }), sides), 'not verified')
    assert.equal(verdict(cell({ x: array('a', 0, 2, [4]) }), cell({ x: array('a', 0, 2, [4]) }), sides), 'verified')
  })

  it('has to have run, with its variables, its lines and its figures', () => {
    assert.equal(verdict(cell({ x: number('1.0') }), undefined), 'not verified')
    const expected = { ...EXPECTED, names: ['x'] }
    const gone = compareCell(cell({ x: number('1.0') }), cell({}), { a: numbers(), b: numbers() }, expected)
    assert.deepEqual([gone.verdict, gone.differences], ['not verified', ['x: only the original has it']])
    assert.equal(verdict(cell({}, { printed: 'a 1\n' }), cell({}, { printed: '' })), 'not verified')
    assert.equal(verdict(cell({}, { printed: 'a 1\n' }), cell({}, { printed: 'a 1\nb\n' })), 'not verified')
    assert.equal(
      verdict(cell({}, { printed: 'at 0x7f0011aa22bb\n' }), cell({}, { printed: 'at 0x7f99ccdd00ee\n' })),
      'verified',
    )
    assert.equal(verdict(cell({}, { figures: ['a'] }), cell({}, { figures: ['b'] })), 'not verified')
    assert.equal(verdict(cell({}, { figures: ['a'] }), cell({}, { figures: [] })), 'not verified')
    assert.equal(verdict(cell({}), cell({})), 'nothing to compare')
  })

  it('says what cannot be compared, and takes it for nothing', () => {
    const skip: Described = { k: 'skip', why: 'functions are not compared' }
    const found = compareCell(cell({ f: skip }), cell({ f: skip }), { a: numbers(), b: numbers() }, EXPECTED)
    assert.deepEqual([found.verdict, found.skipped], ['nothing to compare', ['f: functions are not compared']])
    assert.equal(verdict(cell({ f: skip }), cell({ f: number('1.0') })), 'not verified')
    const cut: Described = {
      k: 'dict',
      t: 'cut',
      v: [
        ['value', number('1.0')],
        ['rest', skip],
      ],
    }
    const part = compareCell(cell({ f: cut }), cell({ f: cut }), { a: numbers(), b: numbers() }, EXPECTED)
    assert.deepEqual([part.compared, part.skipped], [1, ['f.rest: functions are not compared']])
  })
})

describe('the rest', () => {
  it('lines are alike where words are equal and numbers near', () => {
    assert.ok(sameNumbers('r2 0.5000000000001', 'r2 0.5'))
    assert.ok(!sameNumbers('r2 0.5', 'R2 0.5'))
    assert.ok(!sameNumbers('r2 0.5', 'r2 0.51'))
    assert.ok(!sameNumbers('a 1 2', 'a 1'))
  })

  it('predictions that fail or are not there are not verified', () => {
    assert.equal(comparePredictions(run(null), run(null)), undefined)
    assert.equal(comparePredictions(run(number('1.0')), run(null))?.verdict, 'not verified')
    assert.equal(comparePredictions(run(number('1.0')), run({ k: 'fault', why: 'x' }))?.verdict, 'not verified')
    assert.equal(comparePredictions(run(number('1.0')), run({ k: 'skip', why: 'x' }))?.verdict, 'not verified')
    assert.equal(comparePredictions(run(number('1.0')), run(number('1.0')))?.verdict, 'verified')
  })

  it('files that only one wrote, or wrote otherwise, are told', () => {
    const files = (entries: Record<string, string>): Map<string, string> => new Map(Object.entries(entries))
    assert.deepEqual(compareWritten(files({ 'a.csv': '1', 'm.pkl': '1' }), files({ 'a.csv': '1', 'm.pkl': '2' })), [])
    assert.deepEqual(compareWritten(files({ 'a.csv': '1' }), files({ 'a.csv': '2' })), [
      'the file a.csv has other contents',
    ])
    assert.match(compareWritten(files({ 'a.csv': '1' }), files({}))[0] ?? '', /original only/)
    assert.match(compareWritten(files({}), files({ 'b.csv': '1' }))[0] ?? '', /package only/)
  })
})

describe('the numbers that main gives back', () => {
  const verdict = (given: string): string => {
    const values = { rate: number('0.1') }
    const original = { ...run(null), cells: [{ id: 1, printed: '', figures: [], values }] }
    return compareMetrics(original, { ...run(null), metrics: { rate: number(given) } }, ['rate']).verdict
  }

  it('are equal, equal within tolerance, or others', () => {
    assert.equal(verdict('0.1'), 'verified')
    assert.equal(verdict('0.10000000000000002'), 'within tolerance')
    assert.equal(verdict('0.1001'), 'not verified')
  })
})
