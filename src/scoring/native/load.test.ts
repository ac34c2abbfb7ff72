import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Problem } from '../../contract/errors.ts'
import { inputOf, ONE_TREE, writeDocument } from './document.fixture.ts'
import type { TypedArray } from './form/document.ts'
import { loadNative } from './load.ts'
import type { NativeValue } from './nodes/blocks.ts'
import { verifyApart } from './verify-apart.ts'
import { verifyNative } from './verify.ts'

const root = mkdtempSync(join(tmpdir(), 'native-'))
after(() => rmSync(root, { recursive: true }))

interface Json {
  [key: string]: unknown
}

/** Writes a document as the lowering does; gives its folder. */
function write(
  json: Json,
  arrays: Record<string, TypedArray>,
  name = 'model',
  dir = mkdtempSync(join(root, 'm-')),
): string {
  writeDocument(dir, name, json, arrays)
  return dir
}

/** One tree: carrier UA goes left to 1, others by age ≤ 30 to 2 or 4; missing ages go left; base 10. */
function model(): Json {
  return {
    format: 'slipway.native/1',
    estimator: 'sklearn.Tree',
    output: 'predict',
    classes: null,
    versions: {},
    inputs: [inputOf('carrier', 'string'), inputOf('age', 'number'), inputOf('seats', 'integer', true)],
    tables: [{ kind: 'text', keys: ['AA', 'UA'], codes: [0, 1], missing: 'NaN', unseen: 'error' }],
    blocks: [
      { input: 0, steps: [{ op: 'encode', table: 0 }] },
      { input: 1, steps: [] },
      {
        input: 2,
        steps: [
          { op: 'subtract', value: 1 },
          { op: 'divide', value: 2 },
        ],
      },
    ],
    width: 3,
    model: { ...ONE_TREE },
  }
}

const nodes = (): Record<string, TypedArray> => ({
  roots: Int32Array.of(0),
  feature: Int32Array.of(0, -1, 1, -1, -1),
  threshold: Float64Array.of(0, 0, 30, 0, 0),
  left: Int32Array.of(1, 0, 3, 1, 2),
  right: Int32Array.of(2, 0, 4, 1, 2),
  flags: Uint8Array.of(2, 0, 1, 0, 0),
  leaves: Float64Array.of(1, 2, 4),
  bitsets: Uint32Array.of(2, 0, 0, 0, 0, 0, 0, 0),
})

/** The message of the refusal of an action. */
function refusal(act: () => unknown, code = 'unprocessable'): string {
  try {
    act()
  } catch (fault) {
    assert.ok(fault instanceof Problem, String(fault))
    assert.equal(fault.code, code)
    return fault.message
  }
  assert.fail('nothing was thrown')
}

test('a row, its fields and a batch give the same answers', () => {
  const native = loadNative(write(model(), nodes()))
  const rows: [string | null, number | null, number, number][] = [
    ['UA', 50, 1, 11],
    ['AA', 30, 1, 12],
    ['AA', 30.000000000000004, 1, 14],
    [null, NaN, 3, 12],
    ['AA', null, 3, 12],
  ]
  for (const [carrier, age, seats, want] of rows) {
    assert.deepEqual(native.predictRow([carrier, age, seats]), { raw: [want], prediction: want })
    assert.equal(native.scoreFields({ carrier, age, seats, extra: 1 }), want)
  }
  const many = Array.from({ length: 40 }, (_, i) => rows[i % rows.length]!)
  const columns = [0, 1, 2].map((c) => many.map((row) => row[c]!))
  assert.deepEqual(
    [...native.predictBatch(columns, 40).predictions],
    many.map((row) => row[3]),
  )
  assert.equal(native.kind, 'regressor')
  assert.ok(native.bytes > 0)
})

test('values that the Python model would refuse are refused by name', () => {
  const native = loadNative(write(model(), nodes()))
  const refused = (row: (string | number | boolean | null)[]): string =>
    refusal(() => native.predictRow(row), 'invalid_field')
  assert.match(refused(['UA', 1, null]), /^seats: got null, expected a whole number/)
  assert.match(refused(['UA', 1, 1.5]), /^seats: got 1.5, expected a whole number/)
  assert.match(refused(['UA', '1', 1]), /^age: got 1, expected a number/)
  assert.match(refused([7, 1, 1]), /^carrier: got 7, expected text/)
  assert.match(refused(['ZZ', 1, 1]), /^carrier: got ZZ, expected a category/)
  assert.match(refused(['UA', 1]), /2 values, expected 3 values/)
  const columns = [['UA', 'ZZ'], [1, 1], [1, 1]] // prettier-ignore
  assert.match(
    refusal(() => native.predictBatch(columns, 2), 'invalid_field'),
    /^row 1, carrier: got ZZ/,
  )
  assert.match(
    refusal(() => native.predictBatch([['UA'], [1], []], 1), 'invalid_field'),
    /^seats: got 0 values/,
  )
})

/** A sum over one text: its code, 10 where it is NaN, 100 where it is None, and 1000 times its code once NaN is filled with "a". */
function texts(more: Json = {}): Json {
  const code = { op: 'encode', table: 0 }
  const steps = [
    [code],
    [{ op: 'is_missing', missing: 'nan' }, { op: 'multiply', value: 10 }],
    [{ op: 'is_missing', missing: 'none' }, { op: 'multiply', value: 100 }],
    [{ op: 'fill_text', value: 'a', missing: 'nan' }, code, { op: 'multiply', value: 1000 }],
  ] // prettier-ignore
  return {
    format: 'slipway.native/2',
    estimator: 'L',
    output: 'predict',
    classes: null,
    versions: { pandas: '2.3.3' },
    inputs: [{ ...inputOf('t', 'string'), missing: 'both' }],
    tables: [{ kind: 'text', keys: ['a', 'b'], codes: [1, 2], missing: 3, missing_none: 4, unseen: 'error' }],
    blocks: steps.map((own) => ({ input: 0, steps: own })),
    width: 4,
    model: { type: 'linear', orders: ['sequential'], intercept: [0], outputs: 1, missing: 'allow', infinite: 'allow', link: 'identity', decide: null }, // prettier-ignore
    ...more,
  }
}

test('None and NaN are two values of a text, and a null beside a text is the one that pandas makes of it', () => {
  const ones = { coefficients: Float64Array.of(1, 1, 1, 1) }
  const answersOf = (more: Json, values: readonly NativeValue[] = ['b', Number.NaN, null, undefined]): unknown[] => {
    const native = loadNative(write(texts(more), ones))
    const alone = values.map((value) => native.predictRow([value]).prediction)
    assert.deepEqual([...native.predictBatch([values], values.length).predictions], alone)
    return alone
  }
  const [text, nan, none] = [2002, 3 + 10 + 1000, 4 + 100 + 4000]
  assert.deepEqual(answersOf({}), [text, nan, none, none])
  assert.deepEqual(answersOf({ versions: { pandas: '3.1.1' } }), [text, nan, none, nan])
  const only = (missing: string): Json => ({ inputs: [{ ...inputOf('t', 'string'), missing }] })
  assert.deepEqual(answersOf(only('nan'), ['b', Number.NaN]), [text, nan])
  assert.deepEqual(answersOf(only('none'), [null, undefined]), [none, none])
  for (const [kind, value] of [
    ['nan', null],
    ['nan', undefined],
    ['none', Number.NaN],
  ] as const)
    // prettier-ignore
    assert.match(refusal(() => answersOf(only(kind), [value]), 'invalid_field'), /^t: got null, expected text/)
  const required = { inputs: [inputOf('t', 'string', true)] }
  for (const value of [null, undefined, Number.NaN])
    assert.match(
      refusal(() => answersOf(required, [value]), 'invalid_field'),
      /^t: got null, expected text/,
    )
})

test('the first version of the format reads every missing text as the one that its input names', () => {
  const ones = { coefficients: Float64Array.of(1, 1, 0, 0) }
  const steps = [[{ op: 'encode', table: 0 }], [{ op: 'is_missing' }], [], []]
  const blocks = [...steps.slice(0, 2), [{ op: 'fill_text', value: 'a' }, { op: 'encode', table: 0 }], steps[0]!] // prettier-ignore
  for (const missing of ['nan', 'none']) {
    const native = loadNative(
      write(
        texts({
          format: 'slipway.native/1',
          inputs: [{ ...inputOf('t', 'string'), missing }],
          tables: [{ kind: 'text', keys: ['a', 'b'], codes: [1, 2], missing: 3, unseen: 'error' }],
          blocks: blocks.map((own) => ({ input: 0, steps: own })),
        }),
        ones,
      ),
    )
    for (const value of [null, undefined, Number.NaN]) assert.equal(native.predictRow([value]).prediction, 4)
  }
})

test('a classifier turns its score into labels and probabilities', () => {
  const json = model()
  json['classes'] = ['fine', 'late']
  json['output'] = 'predict_proba'
  json['model'] = { ...(json['model'] as Json), link: 'sigmoid', decide: 'positive', base: [-3] }
  const native = loadNative(write(json, nodes()))
  const p = 1 / (1 + Math.exp(-1))
  assert.deepEqual(native.predictRow(['AA', 99, 1]), { raw: [1], prediction: 'late', probabilities: [1 - p, p] })
  assert.equal(native.predictRow(['UA', 99, 1]).prediction, 'fine')
  assert.equal(native.scoreFields({ carrier: 'AA', age: 99, seats: 1 }), p)
})

test('a linear model checks, scales and one-hot encodes', () => {
  const json = model()
  const tables = [{ kind: 'text', keys: ['AA', 'UA'], codes: [0, 1], missing: -1, unseen: -1 }]
  const blocks = [
    { input: 0, steps: [{ op: 'encode', table: 0 }], first: 0, on: [1, 1], off: [0, 0] },
    { input: 1, steps: [{ op: 'finite' }, { op: 'impute', missing: 'NaN', value: 5 }] },
  ]
  const linear = {
    type: 'linear',
    outputs: 1,
    orders: ['sequential'],
    intercept: [0.5],
    missing: 'error',
    infinite: 'error',
  }
  const whole = { ...json, tables, blocks, model: { ...linear, link: 'identity', decide: null } }
  const native = loadNative(write(whole, { coefficients: Float64Array.of(10, 20, 3) }))
  assert.equal(native.predictRow(['UA', 2, 1]).prediction, 26.5)
  assert.equal(native.predictRow(['ZZ', null, 1]).prediction, 15.5)
  assert.match(
    refusal(() => native.predictRow(['UA', Infinity, 1]), 'invalid_field'),
    /^age: got Infinity/,
  )
})

const damages: [string, (json: Json, arrays: Record<string, TypedArray>) => void, RegExp][] = [
  ['another format', (json) => (json['format'] = 'slipway.native/9'), /format/],
  ['a block of an input that does not exist', (json) => ((json['blocks'] as Json[])[1]!['input'] = 9), /input 9 of 3/],
  ['a table that does not exist', (json) => (json['tables'] = []), /table that does not exist/],
  ['a wrong width', (json) => (json['width'] = 4), /fill 3 columns, expected 4/],
  ['an unknown step', (json) => ((json['blocks'] as Json[])[1]!['steps'] = [{ op: 'log' }]), /Expected 'finite'/],
  ['text without an encoder', (json) => ((json['blocks'] as Json[])[0]!['steps'] = []), /text of input carrier/],
  ['classes without a rule', (json) => (json['classes'] = ['a', 'b']), /classes and the rule/],
  ['probabilities of a regressor', (json) => (json['output'] = 'predict_proba'), /predict_proba of a regressor/],
  ['a missing array', (_, arrays) => delete arrays['leaves'], /leaves/],
  ['an array of another type', (_, arrays) => (arrays['feature'] = Float64Array.of(0)), /Int32Array/],
  ['arrays of different lengths', (_, arrays) => (arrays['flags'] = Uint8Array.of(0)), /1 values, expected 5/],
  ['a root outside', (_, arrays) => (arrays['roots'] = Int32Array.of(7)), /node 7 of 5/],
  ['a feature outside', (_, arrays) => ((arrays['feature'] as Int32Array)[0] = 3), /feature 3 of 3/],
  ['a child before its parent', (_, arrays) => ((arrays['left'] as Int32Array)[2] = 0), /children 0 and 4/],
  ['a child outside', (_, arrays) => ((arrays['right'] as Int32Array)[2] = 5), /children 3 and 5/],
  ['a leaf outside', (_, arrays) => ((arrays['left'] as Int32Array)[4] = 3), /leaf 3 of 3/],
  ['a bitset outside', (_, arrays) => ((arrays['threshold'] as Float64Array)[0] = 1), /bitset 1 of 1/],
]

for (const [what, damage, message] of damages) {
  test(`a file with ${what} is refused`, () => {
    const json = model()
    const arrays = nodes()
    damage(json, arrays)
    const dir = write(json, arrays)
    assert.match(
      refusal(() => loadNative(dir)),
      message,
    )
  })
}

test('missing, cut and foreign files are refused', () => {
  assert.match(
    refusal(() => loadNative(join(root, 'nowhere'))),
    /model.json: cannot be read/,
  )
  const cut = write(model(), nodes())
  writeFileSync(join(cut, 'model.bin'), Buffer.alloc(8))
  assert.match(
    refusal(() => loadNative(cut)),
    /model.bin: 8 bytes, expected/,
  )
  writeFileSync(join(cut, 'model.json'), '{"format":')
  assert.match(
    refusal(() => loadNative(cut)),
    /not JSON/,
  )
})

test('a replay says which row differs, by how much, and checks refusals', async () => {
  const dir = write(model(), nodes())
  const header = { format: 'slipway.native.verify/1', rows: 2, refused: 1, texts: ['UA', 'AA', 'ZZ'] }
  const arrays = {
    input0: Int32Array.of(0, 1, 2),
    input1: Float64Array.of(50, NaN, 1),
    input2: Float64Array.of(1, 1, 1),
    raw: Float64Array.of(11, 12),
    predictions: Float64Array.of(11, 12),
  }
  write(header, arrays, 'verify', dir)
  assert.deepEqual(verifyNative(dir), { ok: true, n: 3, worst_ulp: 0 })
  assert.deepEqual(await verifyApart(dir), { ok: true, n: 3, worst_ulp: 0 })
  await assert.rejects(verifyApart(join(root, 'nowhere')), /model.json: cannot be read/)
  const next = 12.000000000000002
  write(header, { ...arrays, raw: Float64Array.of(11, next) }, 'verify', dir)
  assert.deepEqual(verifyNative(dir).mismatch, {
    row: 1,
    values: ['AA', NaN, 1],
    what: 'raw',
    expected: [next],
    got: [12],
  })
  write(header, { ...arrays, input0: Int32Array.of(0, 1, 1) }, 'verify', dir)
  assert.equal(verifyNative(dir).mismatch?.what, 'refusal')
})

test('leaves that are lines: a row without one of their features gets the value of the leaf', () => {
  const lines = {
    line_start: Int32Array.of(0, 1, 3, 3),
    line_feature: Int32Array.of(1, 1, 2),
    line_coefficient: Float64Array.of(2, 0.5, 100),
    line_constant: Float64Array.of(-1, 7, 9),
  }
  const native = loadNative(write(model(), { ...nodes(), ...lines }))
  assert.equal(native.predictRow(['UA', 50, 3]).prediction, 10 + (-1 + 2 * 50))
  assert.equal(native.predictRow(['UA', null, 3]).prediction, 11)
  assert.equal(native.predictRow(['AA', 30, 3]).prediction, 10 + (7 + 0.5 * 30 + 100))
  assert.equal(native.predictRow(['AA', 31, 3]).prediction, 19)
  const columns = [Array.from({ length: 20 }, () => 'AA'), Array.from({ length: 20 }, () => 30), Array.from({ length: 20 }, () => 3)] // prettier-ignore
  assert.deepEqual(
    [...native.predictBatch(columns, 20).predictions],
    Array.from({ length: 20 }, () => 132),
  )
  assert.match(native.unexplained ?? '', /its leaves are lines/)
  const broken: [Record<string, TypedArray>, RegExp][] = [
    [{ line_start: Int32Array.of(0, 3, 1, 3) }, /places do not cover 3 terms/],
    [{ line_start: Int32Array.of(0, 1, 3) }, /3 values, expected 4/],
    [{ line_feature: Int32Array.of(1, 1, 3) }, /feature 3 of 3/],
    [{ line_constant: Float64Array.of(1) }, /1 values, expected 3/],
  ]
  for (const [change, message] of broken) {
    const dir = write(model(), { ...nodes(), ...lines, ...change })
    assert.match(
      refusal(() => loadNative(dir)),
      message,
    )
  }
})

test('sets of categories may be wide, and numbers beyond them go as the node says', () => {
  const json = model()
  json['model'] = { ...(json['model'] as Json), bitset_words: 16 }
  json['blocks'] = [1, 1, 1].map((from) => ({ input: from, steps: [] }))
  const bitsets = new Uint32Array(16)
  bitsets[15] = 0x80000000
  bitsets[0] = 1
  const side = (flags: number, age: number | null): string => {
    const arrays = {
      roots: Int32Array.of(0),
      feature: Int32Array.of(0, -1, -1),
      threshold: new Float64Array(3),
      left: Int32Array.of(1, 0, 1),
      right: Int32Array.of(2, 0, 1),
      flags: Uint8Array.of(flags, 0, 0),
      leaves: Float64Array.of(1, 2),
      bitsets,
    }
    return loadNative(write(json, arrays)).predictRow([null, age, 1]).prediction === 11 ? 'left' : 'right'
  }
  const [missingLeft, category, truncates, other] = [1, 2, 4, 8] // prettier-ignore
  const cases: [number, number | null, string][] = [
    [category, 511, 'left'],
    [category, 511.9, 'left'],
    [category, 510, 'right'],
    [category, 0, 'left'],
    [category, null, 'right'],
    [category, 512, 'right'],
    [category | missingLeft, 512, 'left'],
    [category | other, 512, 'left'],
    [category | missingLeft | other, 512, 'right'],
    [category, -0.5, 'right'],
    [category | truncates, -0.5, 'left'],
    [category | truncates, -1, 'right'],
    [category, 1e300, 'right'],
  ]
  for (const [flags, age, want] of cases) assert.equal(side(flags, age), want, `flags ${flags}, ${age}`)
})
