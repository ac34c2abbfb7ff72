/** The text that Prometheus reads, byte by byte, and read back by the rules of its format. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { familiesText } from './prometheus-text.ts'

describe('families', () => {
  test('have help, type and a line a sample', () => {
    const text = familiesText([
      {
        name: 'a_total',
        type: 'counter',
        help: 'Counts.',
        samples: [{ value: 1 }, { labels: { endpoint: 'x', role: 'stable' }, value: 2.5 }],
      },
      { name: 'b', type: 'gauge', help: 'None yet.', samples: [] },
    ])
    assert.equal(
      text,
      '# HELP a_total Counts.\n# TYPE a_total counter\na_total 1\na_total{endpoint="x",role="stable"} 2.5\n# HELP b None yet.\n# TYPE b gauge\n',
    )
  })

  test('of a summary have its sum and count under names of their own', () => {
    const text = familiesText([
      {
        name: 's',
        type: 'summary',
        help: 'h',
        samples: [
          { labels: { quantile: '0.5' }, value: Number.NaN },
          { value: 3, suffix: '_sum' },
          { value: 2, suffix: '_count' },
        ],
      },
    ])
    assert.equal(text, '# HELP s h\n# TYPE s summary\ns{quantile="0.5"} NaN\ns_sum 3\ns_count 2\n')
  })

  test('of nothing are nothing', () => assert.equal(familiesText([]), ''))

  test('have help in one line', () => {
    const text = familiesText([{ name: 'a', type: 'gauge', help: 'two\nlines \\ "quoted"', samples: [] }])
    assert.equal(text, '# HELP a two\\nlines \\\\ "quoted"\n# TYPE a gauge\n')
  })
})

describe('a value of a label', () => {
  /** Reads a label's value as Prometheus does: `\\`, `\"` and `\n`. */
  const read = (text: string): string =>
    (/v="((?:[^"\\]|\\.)*)"\} 1\n$/s.exec(text)?.[1] ?? '?').replace(/\\(.)/g, (_, sign: string) =>
      sign === 'n' ? '\n' : sign,
    )
  for (const value of ['plain', '', 'a"b', 'a\\b', 'a\nb', '\\n', '\\"', '"} 9\nfake 1', 'ä 日本', '{}=,'])
    test(`${JSON.stringify(value)} comes back, and stays in its line`, () => {
      const text = familiesText([
        { name: 'a', type: 'gauge', help: 'h', samples: [{ labels: { v: value }, value: 1 }] },
      ])
      assert.equal(text.split('\n').length, 4)
      assert.equal(read(text), value)
    })
})

describe('a number', () => {
  for (const [value, text] of [
    [0, '0'],
    [-0.5, '-0.5'],
    [1e21, '1e+21'],
    [1e-7, '1e-7'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [Number.NaN, 'NaN'],
  ] as const)
    test(`${value} is ${text}`, () =>
      assert.equal(
        familiesText([{ name: 'a', type: 'gauge', help: 'h', samples: [{ value }] }]).split('\n')[2],
        `a ${text}`,
      ))
})
