/** The folder of a batch: it goes on where it was, only with what it was begun with, and what is damaged is never taken for whole. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { LOCK_FILE } from '../../store/folder-lock.ts'
import type { Manifest, PartBody } from './parts.ts'
import { beginParts, forgetParts, partPath, readPart, writePart } from './parts.ts'

const MANIFEST: Manifest = {
  format: 'slipway.batch/1',
  input: { place: '/in.csv', size: 5, mtime: 1 },
  model: 'm',
  version: '1',
  tree: 'sha256:a',
  chunk: 2,
  on_error: 'stop',
}

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'parts-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return join(made, 'run')
}

const outcome = (prediction: unknown, error: string | null = null) => ({ prediction, score: null, error })
const body = (...predictions: unknown[]): PartBody => ({
  cells: predictions.map((_, i) => [i, 'é', null]),
  outcomes: predictions.map((prediction) => outcome(prediction)),
})
const reached = (at: number, end = false) => ({ next: { at, line: at + 2 }, end })

test('a run that is begun again goes on with the parts that are there', async (t) => {
  const dir = folder(t)
  assert.deepEqual(await beginParts(dir, MANIFEST), [])
  const first = await writePart(dir, 0, body(1, 2), reached(2))
  const second = await writePart(dir, 1, body(3), reached(3, true))
  assert.deepEqual(await beginParts(dir, MANIFEST), [first, second])
  assert.deepEqual(readdirSync(dir).sort(), ['manifest.json', 'part-000000', 'part-000001'])
})

test('what follows a part that is missing is done again', async (t) => {
  const dir = folder(t)
  await beginParts(dir, MANIFEST)
  const first = await writePart(dir, 0, body(1), reached(1))
  await writePart(dir, 2, body(3), reached(3, true))
  assert.deepEqual(await beginParts(dir, MANIFEST), [first])
})

test('half of a part that a crash left is no part', async (t) => {
  const dir = folder(t)
  await beginParts(dir, MANIFEST)
  writeFileSync(`${partPath(dir, 0)}.new`, '{"rows":1')
  assert.deepEqual(await beginParts(dir, MANIFEST), [])
  const head = await writePart(dir, 0, body(1), reached(1))
  assert.deepEqual(await beginParts(dir, MANIFEST), [head])
})

const CHANGES: readonly (readonly [string, Partial<Manifest>])[] = [
  ['input (size) was 5 and is 6', { input: { ...MANIFEST.input, size: 6 } }],
  ['input (place) was /in.csv and is /other.csv', { input: { ...MANIFEST.input, place: '/other.csv' } }],
  ['input (etag) was unknown and is x', { input: { ...MANIFEST.input, etag: 'x' } }],
  ['model was m and is n', { model: 'n' }],
  ['version was 1 and is 2', { version: '2' }],
  ['tree was sha256:a and is null', { tree: null }],
  ['chunk was 2 and is 3', { chunk: 3 }],
  ['on_error was stop and is skip', { on_error: 'skip' }],
]
for (const [words, change] of CHANGES) {
  test(`a run is not gone on with where its ${words}`, async (t) => {
    const dir = folder(t)
    await beginParts(dir, MANIFEST)
    await assert.rejects(beginParts(dir, { ...MANIFEST, ...change }), {
      code: 'conflict',
      message: `${dir} holds a run whose ${words} now; --restart begins anew`,
    })
  })
}

test('the head of a part says how many failed, and of what kind and width its predictions are', async (t) => {
  const dir = folder(t)
  await beginParts(dir, MANIFEST)
  const lists = await writePart(dir, 0, body([0.5, 0.5], [1, null]), reached(2))
  assert.deepEqual([lists.rows, lists.failed, lists.widths, lists.kinds], [2, 0, [2], ['number', 'null']])
  const mixed = await writePart(dir, 1, body('a', 1, true, 5n, null, [1]), reached(8))
  assert.deepEqual(mixed.widths, [0, 1])
  assert.deepEqual(mixed.kinds, ['string', 'number', 'boolean', 'bigint', 'null'])
  const outcomes = [outcome(null, 'it raised'), outcome(7)]
  const failed = await writePart(dir, 2, { cells: [[1], [2]], outcomes }, reached(10))
  assert.deepEqual([failed.rows, failed.failed, failed.widths, failed.kinds], [2, 1, [0], ['number']])
  const none = await writePart(dir, 3, { cells: [], outcomes: [] }, reached(10, true))
  assert.deepEqual([none.rows, none.failed, none.widths, none.kinds, none.end], [0, 0, [], [], true])
})

test('a part gives back its rows with every type that a table has', async (t) => {
  const dir = folder(t)
  await beginParts(dir, MANIFEST)
  const cells = [[2n ** 63n, new Date(5), Buffer.from([0, 10, 255]), Number.NaN, -0, 'a\nb', undefined, null]]
  const head = await writePart(dir, 0, { cells, outcomes: [outcome(1)] }, reached(1))
  const read = await readPart(dir, 0, head)
  assert.deepEqual(read.outcomes, [outcome(1)])
  assert.deepEqual(
    read.cells[0]?.map((cell) => (cell instanceof Uint8Array ? [...cell] : cell)),
    cells[0]?.map((cell) => (cell instanceof Uint8Array ? [...cell] : cell)),
  )
})

test('rows of a part that were changed on the disk are refused, wherever the change is', async (t) => {
  const dir = folder(t)
  await beginParts(dir, MANIFEST)
  const head = await writePart(dir, 0, body(1, 2), reached(2))
  const path = partPath(dir, 0)
  const bytes = readFileSync(path)
  const begin = bytes.indexOf(10) + 1
  for (let at = begin; at < bytes.length; at++) {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] as number) ^ 1
    writeFileSync(path, copy)
    await assert.rejects(readPart(dir, 0, head), { code: 'unprocessable', message: /part-000000 is damaged/ })
  }
  writeFileSync(path, bytes)
  truncateSync(path, bytes.length - 1)
  await assert.rejects(readPart(dir, 0, head), { code: 'unprocessable' })
  writeFileSync(path, bytes)
  appendFileSync(path, 'x')
  await assert.rejects(readPart(dir, 0, head), { code: 'unprocessable' })
})

for (const [what, name, text] of [
  ['a head that is cut off', 'part-000000', '{"rows":1,'],
  ['an empty part', 'part-000000', ''],
  ['a head without an end', 'part-000000', '{"rows":1}'],
  ['a manifest that is cut off', 'manifest.json', '{"format"'],
] as const) {
  test(`a folder is damaged: ${what}`, async (t) => {
    const dir = folder(t)
    await beginParts(dir, MANIFEST)
    writeFileSync(join(dir, name), text)
    await assert.rejects(beginParts(dir, MANIFEST), {
      code: 'unprocessable',
      message: `${join(dir, name)} is damaged; --restart begins anew`,
    })
  })
}

test('a run that is forgotten leaves the lock of who holds the folder, and can be begun with anything', async (t) => {
  const dir = folder(t)
  await beginParts(dir, MANIFEST)
  await writePart(dir, 0, body(1), reached(1, true))
  writeFileSync(join(dir, LOCK_FILE), '')
  await forgetParts(dir)
  assert.deepEqual(readdirSync(dir), [LOCK_FILE])
  assert.deepEqual(await beginParts(dir, { ...MANIFEST, version: '2' }), [])
})
