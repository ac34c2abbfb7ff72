/** A batch from its table to its result: interrupted at any chunk it ends with the same bytes, and no row is scored into the result twice. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { doubling, INPUTS, POISON, tableOf } from './batch.fixture.ts'
import { runBatch } from './run.ts'
import type { Batch } from './run.ts'
import type { Engine } from './score.ts'
import type { Source } from './table.ts'

interface Asked {
  readonly dir: string
  readonly source: Source
  readonly engine: Engine | (() => Promise<Engine>)
  readonly onError?: 'stop' | 'skip'
  readonly progress?: Batch['progress']
}

/** Runs a batch of chunks of two rows; returns its figures and its result. */
async function run({ dir, source, engine, onError = 'stop', progress = () => undefined }: Asked) {
  const result = join(dir, 'result.csv')
  const manifest = {
    format: 'slipway.batch/1',
    input: { size: source.size },
    model: 'm',
    version: '1',
    tree: null,
    chunk: 2,
    on_error: onError,
  } as const
  const batch: Batch = { folder: join(dir, 'run'), manifest, source, result, format: 'csv', progress }
  const figures = await runBatch(batch, engine, INPUTS)
  return { figures, text: readFileSync(result, 'utf8') }
}

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'batch-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

const ROWS = [
  [1, 'a', 'x'],
  [2.5, 'b, "c"', null],
  [-3, '', 'y'],
  [null, 'new\nline', 'z'],
  [5, 'é', ''],
]
const WHOLE = [
  'x,note,c,prediction,score',
  '1,a,x,2,2',
  '2.5,"b, ""c""",,5,5',
  '-3,,y,-6,-6',
  ',"new\nline",z,0,0',
  '5,é,,10,10',
  '',
].join('\n')

test('the result has the input’s columns, the prediction and the score of every row, in order', async (t) => {
  const steps: [number, number][] = []
  const progress = (rows: number, share: number): void => void steps.push([rows, share])
  const { figures, text } = await run({ dir: folder(t), source: tableOf(ROWS), engine: doubling().engine, progress })
  assert.equal(text, WHOLE)
  assert.deepEqual(figures, { rows: 5, failed: 0, chunks: 3, resumed: 0 })
  assert.deepEqual(steps, [
    [2, 0.4],
    [4, 0.8],
    [5, 1],
  ])
})

/** The table until so many chunks are read; then the machine is gone. */
function breaking(source: Source, chunks: number): Source {
  let done = 0
  const read: Source['read'] = async (from, count) => {
    if (done++ === chunks) throw new Error('the machine is gone')
    return source.read(from, count)
  }
  return { ...source, read }
}

for (const chunks of [0, 1, 2, 3]) {
  test(`a run that was ended after ${chunks} chunks ends with the same bytes, and scores only the rest`, async (t) => {
    const dir = folder(t)
    const { engine } = doubling()
    const first = run({ dir, source: breaking(tableOf(ROWS), chunks), engine })
    if (chunks < 3) await assert.rejects(first, /gone/)
    else await first
    const again = doubling()
    const { figures, text } = await run({ dir, source: tableOf(ROWS), engine: again.engine })
    assert.equal(text, WHOLE)
    assert.deepEqual([figures.chunks, figures.resumed], [3, chunks])
    assert.deepEqual(again.calls, [2, 2, 1].slice(chunks))
  })
}

test('where nothing is left to score, the model is not even loaded', async (t) => {
  const dir = folder(t)
  await run({ dir, source: tableOf(ROWS), engine: doubling().engine })
  const engine = async (): Promise<Engine> => assert.fail('it was loaded')
  assert.equal((await run({ dir, source: tableOf(ROWS), engine })).text, WHOLE)
})

test('rows that fail are in the result with their error, and are counted', async (t) => {
  const rows = [[1, 'a', 'x'], [POISON, 'b', null], { fault: 'it is cut off' }]
  const { engine } = doubling()
  const { figures, text } = await run({ dir: folder(t), source: tableOf(rows), engine, onError: 'skip' })
  assert.equal(
    text,
    'x,note,c,prediction,score,error\n1,a,x,2,2,\n-999,b,,,,the model failed: it raised\n,,,,,it is cut off\n',
  )
  assert.deepEqual([figures.rows, figures.failed], [3, 2])
})

test('a row that stops the run leaves what was done, and no result', async (t) => {
  const dir = folder(t)
  const rows = [...ROWS.slice(0, 3), [POISON, 'd', null]]
  await assert.rejects(run({ dir, source: tableOf(rows), engine: doubling().engine }), { message: /^line 5: / })
  assert.throws(() => readFileSync(join(dir, 'result.csv')), { code: 'ENOENT' })
  const repaired = [...ROWS.slice(0, 3), [4, 'd', null]]
  const { figures } = await run({ dir, source: tableOf(repaired), engine: doubling().engine })
  assert.equal(figures.resumed, 1)
})

for (const [what, predict, header, line] of [
  ['lists of one length', (x: number) => [x, 1 - x], 'prediction_0,prediction_1,score', '1,0,0'],
  ['lists of different lengths', (x: number) => (x === 1 ? [1] : [1, 2, 3]), 'prediction,score', '[1],1'],
  ['texts', () => 'a,b', 'prediction,score', '"a,b",'],
  ['true and false', (x: number) => x > 0, 'prediction,score', 'true,1'],
  // the score is a double
  ['whole numbers of 64 bits', () => 2n ** 63n - 1n, 'prediction,score', '9223372036854775807,9223372036854776000'],
  ['objects', () => ({ a: [1] }), 'prediction,score', '"{""a"":[1]}",'],
  ['nothing', () => null, 'prediction,score', ','],
] as const) {
  test(`predictions that are ${what}`, async (t) => {
    const source = tableOf([
      [1, '', ''],
      [0, '', ''],
    ])
    const { text } = await run({ dir: folder(t), source, engine: doubling(predict).engine })
    const [first, second] = text.split('\n')
    assert.deepEqual([first, second], [`x,note,c,${header}`, `1,,,${line}`])
  })
}

test('a table without rows has a result with a header', async (t) => {
  const { figures, text } = await run({ dir: folder(t), source: tableOf([]), engine: doubling().engine })
  assert.equal(text, 'x,note,c,prediction,score\n')
  assert.deepEqual(figures, { rows: 0, failed: 0, chunks: 1, resumed: 0 })
})

for (const [columns, message] of [
  [['note', 'c'], 'the table has no column "x" (double), which the model requires; it has note, c'],
  [['x', 'score'], 'the table has a column "score", as the result will have; rename it'],
  [['x', 'prediction_12'], 'the table has a column "prediction_12", as the result will have; rename it'],
  [['error', 'x'], 'the table has a column "error", as the result will have; rename it'],
] as const) {
  test(`a table of the columns ${columns.join(', ')} is refused before anything is scored`, async (t) => {
    const source = { ...tableOf(ROWS), columns: columns.map((name) => ({ name })) }
    const engine = async (): Promise<Engine> => assert.fail('it was loaded')
    await assert.rejects(run({ dir: folder(t), source, engine }), { code: 'unprocessable', message })
  })
}

test('columns whose names only resemble those of the result are taken', async (t) => {
  const names = ['x', 'Score', 'prediction_', 'prediction_a', 'errors']
  const source = { ...tableOf([[1, 2, 3, 4, 5]]), columns: names.map((name) => ({ name })) }
  const { text } = await run({ dir: folder(t), source, engine: doubling().engine })
  assert.equal(text, `${names.join(',')},prediction,score\n1,2,3,4,5,2,2\n`)
})
