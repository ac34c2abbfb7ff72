import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importanceOf, severityOf } from './severity.ts'

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
