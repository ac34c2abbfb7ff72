/** Severity: drift times importance, so the same small move is high where the model looks and low where it does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SEVERITIES } from '../../contract/monitors/severities.ts'
import { importanceOf, severityOf, worse } from './severity.ts'

test('severity is drift times importance: the same move matters where the model looks', () => {
  const importance = importanceOf({
    'importance.temp': 0.0059,
    'importance.dewp': 0.0165,
    'importance.distance': 0.0017,
    roc_auc: 0.7,
  })
  assert.deepEqual(Object.keys(importance), ['temp', 'dewp', 'distance'])
  const temp = [
    { feature: 'temp', drift: 2.7 },
    { feature: 'dewp', drift: 2.4 },
  ]
  assert.equal(severityOf(temp, importance).severity, 'high')
  assert.equal(severityOf([{ feature: 'distance', drift: 2.9 }], importance).severity, 'low')
  assert.deepEqual(severityOf(temp, {}), { severity: 'medium', effect: null })
})

test('two hundredths of the score are high, half of a hundredth is medium, and less is low', () => {
  const of = (importance: number, drift = 1): string =>
    severityOf([{ feature: 'x', drift }], { x: importance }).severity
  assert.deepEqual(
    [0.02, 0.0199, 0.005, 0.0049, 0].map((one) => of(one)),
    ['high', 'medium', 'medium', 'low', 'low'],
  )
  assert.equal(of(0.01, 2), 'high')
})

test('a move counts up to three deviations, and one of a feature that the model does not use counts nothing', () => {
  const { effect } = severityOf(
    [
      { feature: 'x', drift: 50 },
      { feature: 'y', drift: 1 },
      { feature: 'unknown', drift: 3 },
      { feature: 'constructor', drift: 3 },
    ],
    { x: 0.001, y: 0.0005 },
  )
  assert.ok(Math.abs((effect ?? 0) - 0.0035) < 1e-12, String(effect))
})

test('the worse of two severities, whichever comes first', () => {
  for (const [i, a] of SEVERITIES.entries())
    for (const [j, b] of SEVERITIES.entries()) assert.equal(worse(a, b), i < j ? a : b, `${a} ${b}`)
})
