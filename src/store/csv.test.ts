import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../stats/prng.ts'
import { csvColumns, csvRows } from './csv.ts'

const rows = (text: string): string[][] => [...csvRows(text)]

test('quotes, doubled quotes, empty cells, empty lines and any line end; with a quote somewhere and without', () => {
  const ends = ['\n', '\r\n', '\r']
  for (const [quote, end] of ['', '"'].flatMap((quote) => ends.map((end) => [quote, end] as const))) {
    const lines = [`${quote}a${quote},b`, '1,', '', ',2', 'x y,z']
    const expected = [
      ['a', 'b'],
      ['1', ''],
      ['', '2'],
      ['x y', 'z'],
    ]
    for (const last of ['', end]) assert.deepEqual(rows(lines.join(end) + last), expected, JSON.stringify([quote, end]))
  }
  assert.deepEqual(rows('\ufeffid,"c d"\r\n1,"x, ""y"""\n2,"two\r\nlines"\n3,""'), [
    ['id', 'c d'],
    ['1', 'x, "y"'],
    ['2', 'two\r\nlines'],
    ['3', ''],
  ])
  assert.deepEqual(rows(''), [])
  assert.deepEqual(rows('a,'), [['a', '']])
  assert.deepEqual(rows(`"${'""'.repeat(2_000_000)}"`), [['"'.repeat(2_000_000)]])
})

test('a quote in a cell, or one that is never closed, is a letter or refused', () => {
  assert.deepEqual(rows('disk,n\n5" disk,1\n"a"b,2\n3,"open\n4'), [
    ['disk', 'n'],
    ['5" disk', '1'],
    ['"a"b', '2'],
    ['3', '"open\n4'],
  ])
  // read a second time for each quote, these would take days
  for (const hostile of ['1\r', '",""', '"",', '"a"b,']) assert.ok(rows(hostile.repeat(1_000_000)).length > 0)
  const strict = (text: string) => [...csvRows(text, (detail) => new Error(detail))]
  assert.throws(() => strict('a\n5" disk\n'), /stray quote or an open one near character 2/)
  assert.throws(() => strict('a,b\n1,"open\n'), /near character 6/)
})

test('columns are read by name; one that is not there is named', () => {
  const bytes = new TextEncoder().encode('a,b,"c d"\r\n1,"x, ""y""",3\n\n4,,"two\nlines"\n5\n')
  assert.deepEqual(csvColumns(bytes, ['c d', 'b']), [
    ['3', 'two\nlines', ''],
    ['x, "y"', '', ''],
  ])
  assert.throws(() => csvColumns(bytes, ['e']), /no column "e"; it has a, b, c d/)
})

test('what is written by RFC 4180 comes back, whatever the cells and the line ends', () => {
  const random = prng(7)
  const draw = (below: number): number => random.below(below)
  const letters = ['a', 'ü', '🙂', ' ', ',', '"', '""', '\r', '\n', '\r\n', '\t', '1']
  for (let round = 0; round < 2000; round++) {
    const width = 1 + draw(4)
    const table = Array.from({ length: 1 + draw(5) }, () =>
      Array.from({ length: width }, () =>
        Array.from({ length: draw(4) }, () => letters[draw(letters.length)]).join(''),
      ),
    )
    const written = table.map((cells) =>
      cells.map((cell) => {
        const must = /[",\r\n]/.test(cell)
        return must || draw(3) === 0 ? `"${cell.replaceAll('"', '""')}"` : cell
      }),
    )
    const end = ['\n', '\r\n', '\r'][draw(3)] ?? ''
    const text = written.map((cells) => cells.join(',')).join(end) + (draw(2) === 0 ? end : '')
    // a line that holds one empty cell is an empty line
    const expected = table.filter((cells) => cells.length > 1 || cells[0] !== '')
    const strict = [...csvRows(text, (detail) => new Error(detail))]
    assert.deepEqual(strict, expected, JSON.stringify(text))
    assert.deepEqual(rows(`\ufeff${text}`), expected)
  }
})

test('of columns asked for, the missing one is named, and a table without rows has empty ones', () => {
  const bytes = new TextEncoder().encode('a,b\n')
  assert.deepEqual(csvColumns(bytes, ['b', 'a', 'b']), [[], [], []])
  assert.deepEqual(csvColumns(bytes, []), [])
  assert.throws(() => csvColumns(bytes, ['a', 'x', 'y']), { code: 'unprocessable', message: /no column "x"/ })
  assert.throws(() => csvColumns(new Uint8Array(0), ['a']), /no column "a"/)
  const parquet = new TextEncoder().encode('PAR1\u0015\0\nPAR1')
  assert.throws(() => csvColumns(parquet, ['a']), {
    code: 'unprocessable',
    message: /a file of Parquet; expected a CSV/,
  })
})
