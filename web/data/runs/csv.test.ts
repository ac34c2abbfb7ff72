/** Runs as CSV, read back by the reader of the artifact browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCsv } from './artifacts.ts'
import { csvOf } from './csv.ts'
import { prng } from '../../../src/stats/prng.ts'
import type { RunRow } from '../queries.ts'

const ROW: RunRow = {
  id: 'r1',
  name: 'a "quoted", name\nof two lines',
  experiment_id: '1',
  user: 'ada',
  status: 'FINISHED',
  stage: 'active',
  started_at: '2026-05-03T12:00:00.000Z',
  ended_at: null,
  alive_at: '2026-05-03T12:00:00.000Z',
  artifact_uri: '',
  metrics: { loss: 0.1234567890123, nothing: 'NaN' },
  params: { loss: 'log', lr: '1e-3' },
  tags: {},
}

test('every digit, every quote and what is missing come through', () => {
  const text = csvOf([ROW], ['metrics.loss', 'params.loss', 'params.lr', 'metrics.nothing', 'tags.none'])
  const { columns, rows } = parseCsv(text, ',', 10)
  assert.deepEqual(columns.slice(7), ['metrics.loss', 'params.loss', 'lr', 'nothing', 'none'])
  assert.deepEqual(rows, [
    ['r1', ROW.name, '1', 'FINISHED', 'ada', ROW.started_at, '', '0.1234567890123', 'log', '1e-3', 'NaN', ''],
  ])
})

test('a text that a spreadsheet would run is made a text, in cells and heads; numbers stay numbers', () => {
  const texts = ['=1+1', '+A1', '-A1+2', '@SUM(A1)', '\tx', '=cmd|"/c calc"!A0', '-', '+', '-1-1', '--1', '+1e5x']
  const numbers = ['-1', '+1', '-0.5', '-.5', '-1e-300', '+2.5E+7', '-Infinity', '-3.']
  const params = Object.fromEntries([...texts, ...numbers].map((text, i) => [`p${i}`, text]))
  const columns = [...Object.keys(params).map((name) => `params.${name}`), 'params.=evil']
  const { columns: heads, rows } = parseCsv(csvOf([{ ...ROW, name: '=HYPERLINK("x")', params }], columns), ',', 10)
  assert.equal(heads.at(-1), "'=evil")
  assert.equal(rows[0]?.[1], `'=HYPERLINK("x")`)
  assert.deepEqual(rows[0]?.slice(7, -1), [...texts.map((text) => `'${text}`), ...numbers])
})

test('whatever a cell begins with, no spreadsheet takes it for a formula, and what is none stays as it is', () => {
  const random = prng(11)
  const starts = ['=', '+', '-', '@', '\uff1d', '\uff0b', '\uff0d', '\uff20', '\t', '\r', '\n']
  const before = ['', ' ', '\u00a0', '\u3000', '\ufeff', '\0', '\u200b', '\n', '\t ', '"', ',']
  const rest = ['1+1', 'cmd|"/c calc"!A0', 'SUM(A1)', '', '5', '-1', '"', ',', '\n=2', 'ü']
  const pick = (from: readonly string[]): string => from[random.below(from.length)] ?? ''
  for (let round = 0; round < 3000; round++) {
    const text = `${pick(before)}${random.below(3) === 0 ? '' : pick(starts)}${pick(rest)}${pick(rest)}`
    const name = `x${text}`
    const { rows } = parseCsv(csvOf([{ ...ROW, name, params: { p: text } }], ['params.p']), ',', 10)
    const [, shown, , , , , , cell = ''] = rows[0] ?? []
    assert.equal(shown, name, 'a text that begins otherwise is not changed')
    // as a spreadsheet trims a cell, and folds wide signs to narrow ones
    const seen = cell.replace(/^[\s\0\u200b\u2060\ufeff]+/, '').normalize('NFKC')
    const isNumber = text !== '' && Number.isFinite(Number(text)) && text.trim() === text
    assert.ok(isNumber || !/^[=+\-@]/.test(seen), JSON.stringify({ text, cell }))
    assert.ok(isNumber || !/^[\t\r\n]/.test(cell), JSON.stringify({ text, cell }))
    assert.ok(cell === text || cell === `'${text}`, JSON.stringify({ text, cell }))
  }
})
