/** What `slipway ship` says of models whose live answers their metrics cannot judge. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { doubtsOf } from './live-metrics.ts'

type Given = Parameters<typeof doubtsOf>[0]
type Output = Readonly<Record<string, string>>

function version(outputs: readonly Output[] | null, metrics: readonly string[], gates: readonly string[] = []): Given {
  return {
    signature: outputs === null ? null : { inputs: [], outputs },
    metrics: Object.fromEntries(metrics.map((name) => [name, 0.9])),
    verdict: { gates: gates.map((metric) => ({ gate: { metric } })) },
  }
}
const tensor = (dtype: string): Output => ({ name: '0', type: 'tensor', dtype })
const column = (type: string): Output => ({ name: 'y', type })

describe('a model that answers classes', () => {
  for (const output of ['long', 'integer', 'string', 'boolean']
    .map(column)
    .concat(['int64', 'int32', 'bool', 'str'].map(tensor))) {
    it(`(${output['dtype'] ?? output['type']}) cannot be judged by metrics of probabilities`, () => {
      for (const given of [version([output], ['roc_auc']), version([output], ['accuracy'], ['roc_auc'])]) {
        const [doubt, ...others] = doubtsOf(given)
        assert.match(
          doubt ?? '',
          /^it answers classes, and roc_auc need probabilities: .*pyfunc_predict_fn="predict_proba"$/,
        )
        assert.deepEqual(others, [])
      }
      const [both] = doubtsOf(version([output], ['log_loss'], ['roc_auc']))
      assert.match(both ?? '', /and roc_auc and log_loss need/)
      assert.match(doubtsOf(version([output], ['accuracy']))[0] ?? '', /^it answers classes only/)
    })
  }
})

describe('a model that answers numbers', () => {
  it('and has the area of its hold-out raises no doubt', () => {
    for (const outputs of [[column('double')], [tensor('float64')], [tensor('float32')], null])
      assert.deepEqual(doubtsOf(version(outputs, ['roc_auc', 'accuracy'])), [])
  })

  it('of a regression is not judged by labels', () => {
    const [doubt] = doubtsOf(version([column('double')], ['rmse', 'val_mae', 'rows'], ['r2']))
    assert.match(doubt ?? '', /^r2, rmse and val_mae of live answers are not computed/)
  })

  it('without the area of its hold-out has nothing to be compared with', () => {
    for (const metrics of [['accuracy'], ['log_loss'], []])
      assert.match(
        doubtsOf(version([tensor('float64')], metrics))[0] ?? '',
        /^no step logged roc_auc/,
        metrics.join(','),
      )
  })
})
