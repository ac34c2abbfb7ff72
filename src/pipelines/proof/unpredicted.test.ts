/** Grades of projects in which nothing is predicted: the outputs themselves are compared, and what cannot be read is no B. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { openIdle } from '../run/idle.fixture.ts'
import { regradeProofs } from '../run/regrade.ts'
import type { Proof } from './grade.ts'
import { end, graded, type Steps } from './proofs.fixture.ts'

/** One step that leaves a model, a table and a picture, and predicts nothing. */
const LONE = {
  'slipway.yaml': `project: proof
pipeline:
  steps:
    train: {run: make:main, outputs: [model, table, plot]}
model: {name: m, from: train.model}
`,
  'make.py': 'def main(): pass\n',
}
type File = string | Uint8Array
const lone = (files: { model?: File; table?: File; plot?: File; name?: string; auc?: number }): Steps => ({
  train: {
    outputs: {
      model: { [files.name ?? 'm.pkl']: files.model ?? 'a\0' },
      table: { 't.csv': files.table ?? '1,2\n' },
      plot: { 'p.png': files.plot ?? '1' },
    },
    metrics: { auc: files.auc ?? 1 },
  },
})

function parquet(values: readonly number[], name = 'x'): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData: [{ name, data: [...values], type: 'DOUBLE' }] }))
}

describe('a project of one step without predictions: B is never given for metrics alone', () => {
  const zipped = (text: string, level: number): Uint8Array => gzipSync(text, { level })
  const untold = /^it cannot be told whether the result is the same: in step "train" the bytes of output/
  const cases: [string, [Steps, Steps], number, string, RegExp][] = [
    ['a model that nothing reads', [lone({}), lone({ model: 'b\0' })], 0.5, 'C', untold],
    ['a table with another number', [lone({}), lone({ table: '1,3\n' })], 0, 'C', /"table" differs in t\.csv, line 1$/],
    ['a table within the tolerance', [lone({}), lone({ table: '1,2.001\n' })], 0.01, 'B', /^every metric is equal/],
    [
      'a model that is text',
      [lone({ model: 'w=1' }), lone({ model: 'w=2' })],
      0,
      'C',
      /"model" differs in m\.pkl, line 1$/,
    ],
    [
      'a model that is text, nearly equal',
      [lone({ model: 'w=1' }), lone({ model: 'w=1.001' })],
      0.01,
      'B',
      /^every metric/,
    ],
    ['a picture', [lone({}), lone({ plot: '2' })], 0, 'B', /^every metric is equal/],
    [
      'the same text packed otherwise',
      [lone({ table: zipped('1,2\n'.repeat(99), 1) }), lone({ table: zipped('1,2\n'.repeat(99), 9) })],
      0,
      'B',
      /^every metric/,
    ],
    [
      'another text, packed',
      [lone({ table: zipped('1\n2', 9) }), lone({ table: zipped('1\n3', 9) })],
      0,
      'C',
      /"table" differs in t\.csv, line 2$/,
    ],
    ['what looks packed and is broken', [lone({}), lone({ table: Buffer.from('1f8b08ffff', 'hex') })], 0, 'C', untold],
    [
      'parquet with another number',
      [lone({ table: parquet([1, 2]) }), lone({ table: parquet([1, 3]) })],
      0.1,
      'C',
      /"table" differs in t\.csv, line 3$/,
    ],
    [
      'parquet within the tolerance',
      [lone({ table: parquet([1, 2]) }), lone({ table: parquet([1, 2.001]) })],
      0.1,
      'B',
      /^every metric/,
    ],
    [
      'parquet with another column',
      [lone({ table: parquet([1]) }), lone({ table: parquet([1], 'y') })],
      0.1,
      'C',
      /"table" differs in t\.csv, line 1$/,
    ],
    [
      'parquet that is cut',
      [lone({ table: parquet([1, 2]) }), lone({ table: parquet([1, 2]).subarray(0, 40) })],
      0,
      'C',
      untold,
    ],
    ['another metric comes first', [lone({}), lone({ model: 'b\0', auc: 2 })], 0, 'C', /auc 1 → 2$/],
  ]
  for (const [name, [before, after], tolerance, grade, detail] of cases) {
    test(`${name}: ${grade}`, async (t) => {
      const proof = await graded(t, { before, after, tolerance, files: LONE })
      assert.equal(proof.grade, grade, proof.detail)
      assert.match(proof.detail, detail)
    })
  }
})

test('grades of rules 2 are given anew where nothing was predicted', async (t) => {
  const told: string[] = []
  const idle = await openIdle(t, { proved: (run, one) => Promise.resolve(void told.push(`${run} ${one}`)) })
  await end(idle, await idle.begin(LONE, { id: 'pr_a' }), lone({}))
  const id = await idle.begin(LONE, { id: 'pr_b', options: { reproduces: 'pr_a', tolerance: 0 } })
  await end(idle, id, lone({ model: 'b\0' }))
  const proof = { of_run: 'pr_a', grade: 'B', detail: '', missing: [], tolerance: 0, steps: [], rules: 2 }
  await idle.setRun(id, { state: 'succeeded', outcome: 'succeeded', reproduction: JSON.stringify(proof) })
  await regradeProofs(idle.context, new AbortController().signal)
  const now = (await idle.read(id)).run.reproduction as Proof | null
  assert.deepEqual([now?.grade, now?.rules, now?.regraded_from, told], ['C', 3, 'B', ['pr_a C']])
  assert.match(now?.detail ?? '', /^it cannot be told .*it was B by rules 2$/)
})
