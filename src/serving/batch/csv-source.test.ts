/** The cutter of CSV files against a reader of RFC 4180 that looks at one character at a time, from every mark; times finer than a millisecond. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { csvSource } from './csv-source.ts'
import { instantText, isInstant } from './instants.ts'
import type { Mark, Source } from './table.ts'

const folder = mkdtempSync(join(tmpdir(), 'csv-source-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function open(text: string | Buffer): Promise<Source> {
  const path = join(folder, `${files++}.csv`)
  writeFileSync(path, text)
  return csvSource(path)
}

interface Row {
  readonly line: number
  readonly cells: readonly string[]
}

/** RFC 4180, one character at a time; empty lines are no rows. */
function oracle(text: string): Row[] {
  const rows: Row[] = []
  let [cells, cell, quoted, line, begun]: [string[], string, boolean, number, number] = [[], '', false, 1, 1]
  const end = (): void => {
    if (cells.length > 0 || cell !== '') rows.push({ line: begun, cells: [...cells, cell] })
    ;[cells, cell, begun] = [[], '', line]
  }
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string
    if (c === '\n') line++
    if (quoted) {
      if (c !== '"') cell += c
      else if (text[i + 1] === '"') cell += text[i++]
      else quoted = false
    } else if (c === '"') quoted = true
    else if (c === ',') [cells, cell] = [[...cells, cell], '']
    else if (c === '\n') end()
    else if (c !== '\r') cell += c
  }
  end()
  return rows
}

async function readAll(source: Source, count: number): Promise<{ rows: Row[]; marks: Mark[] }> {
  const rows: Row[] = []
  const marks: Mark[] = [source.first]
  for (let from = source.first; ;) {
    const chunk = await source.read(from, count)
    rows.push(...chunk.rows.map(({ line, cells }) => ({ line, cells: cells as string[] })))
    from = chunk.next
    marks.push(from)
    if (chunk.end) return { rows, marks }
  }
}

test('any table is cut as RFC 4180 says, in chunks of any size, with the lines that a person counts', async () => {
  const random = prng(31)
  const pieces = ['a', '1.5', '', 'é', '日本', 'x y', '""', ',', '\n', '\r\n', ' ']
  for (let round = 0; round < 60; round++) {
    const width = 2 + random.below(3)
    const cell = (): string => {
      const text = Array.from({ length: random.below(4) }, () => pieces[random.below(pieces.length)]).join('')
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
    }
    const ending = random.below(2) === 0 ? '\n' : '\r\n'
    const header = Array.from({ length: width }, (_, i) => `c${i}`).join(',')
    const lines = Array.from({ length: random.below(30) }, () => {
      // an empty line now and then
      if (random.below(8) === 0) return ''
      return ['k', ...Array.from({ length: width - 1 }, cell)].join(',')
    })
    const text = [header, ...lines].join(ending) + (random.below(2) === 0 ? ending : '')
    const source = await open(text)
    const wanted = oracle(text).slice(1)
    for (const count of [1, 3, 1000])
      assert.deepEqual((await readAll(source, count)).rows, wanted, JSON.stringify(text))
    await source.close()
  }
})

test('a file larger than what is read at once, with breaks in cells across the border', async () => {
  const long = 'x'.repeat(700_000)
  const text = `a,b\n1,"${long}\n${long}"\n2,"é""\n"\n\n3,end`
  const source = await open(text)
  const { rows, marks } = await readAll(source, 1)
  assert.deepEqual(rows, [
    { line: 2, cells: ['1', `${long}\n${long}`] },
    { line: 4, cells: ['2', 'é"\n'] },
    { line: 7, cells: ['3', 'end'] },
  ])
  assert.equal(source.size, Buffer.byteLength(text))
  // a batch that was interrupted goes on from its mark
  const [, , third] = marks
  assert.ok(third !== undefined)
  assert.deepEqual((await source.read(third, 9)).rows.map(({ line }) => line), [7]) // prettier-ignore
  await source.close()
})

test('a row of another width is a fault of its own, cut or filled up', async () => {
  const source = await open('a,b\n1\n1,2,3\n1,2\n')
  const { rows } = await source.read(source.first, 9)
  assert.deepEqual(rows, [
    { line: 2, cells: ['1', ''], fault: 'it has 1 cells, expected 2 as in the header' },
    { line: 3, cells: ['1', '2'], fault: 'it has 3 cells, expected 2 as in the header' },
    { line: 4, cells: ['1', '2'] },
  ])
  assert.deepEqual([source.columns, source.word], [[{ name: 'a' }, { name: 'b' }], 'line'])
  await source.close()
})

for (const [what, text, why] of [
  ['an empty file', '', /it is empty/],
  ['empty lines alone', '\n\n\n', /it is empty/],
  ['a column named twice', 'a,b,a\n1,2,3\n', /column "a" twice/],
  ['a stray quote in the header', 'a,"b"c\n', /line 1 has a stray quote/],
] as const) {
  test(`no CSV: ${what}`, async () => {
    await assert.rejects(open(text), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'unprocessable')
      assert.match(error.message, why)
      return true
    })
  })
}

test('a quote that is never closed is told by its line, after the rows before it', async () => {
  const source = await open('a,b\n1,2\n3,"4\n5,6\n')
  assert.equal((await source.read(source.first, 1)).rows.length, 1)
  await assert.rejects(source.read(source.first, 9), /line 3 has a stray quote or one that is never closed/)
  await source.close()
})

test('cells become values by the input they feed', async () => {
  const source = await open('\ufeffa,b\n1,2\n')
  assert.deepEqual(source.columns, [{ name: 'a' }, { name: 'b' }])
  const input = { name: 'a', required: true, dtype: 'double' } as const
  assert.equal(source.value('1e3', { ...input, kind: 'number' }), 1000)
  assert.equal(source.value('NA', { ...input, kind: 'string' }), Number.NaN)
  await source.close()
})

for (const [unit, since1970, text] of [
  ['MICROS', 0n, '1970-01-01T00:00:00.000Z'],
  ['MICROS', 1n, '1970-01-01T00:00:00.000001Z'],
  ['MICROS', -1n, '1969-12-31T23:59:59.999999Z'],
  ['NANOS', 1_777_777_777_123_456_789n, '2026-05-03T03:09:37.123456789Z'],
  ['NANOS', 1_777_777_777_123_000_000n, '2026-05-03T03:09:37.123Z'],
  ['NANOS', -1n, '1969-12-31T23:59:59.999999999Z'],
] as const) {
  test(`${since1970} ${unit} since 1970`, () => assert.equal(instantText({ unit, since1970 }), text))
}

test('what is an instant and what is not', () => {
  assert.equal(isInstant({ unit: 'NANOS', since1970: 1n }), true)
  for (const other of [null, undefined, 1n, 'x', {}, new Date(0)]) assert.equal(isInstant(other), false)
})
