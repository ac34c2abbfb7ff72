import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCsv } from './csv.ts'
import { importanceOf, severityOf } from './severity.ts'

test('columns are read by name, with quotes, empty cells and either line end', () => {
  const text = 'a,b,"c d"\r\n1,"x, ""y""",3\n\n4,,"two\nlines"\n'
  const read = readCsv(new TextEncoder().encode(text), ['c d', 'b'])
  assert.deepEqual(read.column('b'), ['x, "y"', ''])
  assert.deepEqual(read.column('c d'), ['3', 'two\nlines'])
  assert.throws(() => readCsv(new TextEncoder().encode(text), ['e']), /no column "e"; it has a, b, c d/)
})

test('severity is drift times importance: the same move matters where the model looks', () => {
  const importance = importanceOf({
    'importance.temp': 0.0059,
    'importance.dewp': 0.0165,
    'importance.distance': 0.0017,
    roc_auc: 0.7,
  })
  const temp = [
    { feature: 'temp', drift: 2.7 },
    { feature: 'dewp', drift: 2.4 },
  ]
  assert.equal(severityOf(temp, importance).severity, 'high')
  assert.equal(severityOf([{ feature: 'distance', drift: 2.9 }], importance).severity, 'low')
  assert.equal(severityOf(temp, {}).severity, 'medium')
})
