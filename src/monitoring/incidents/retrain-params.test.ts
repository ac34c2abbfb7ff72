/** Params of a retraining. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retrainParams } from './retrain-params.ts'

test('days and bad rows are put in, everything else stays', () => {
  const settings = {
    prepare: {
      train_until: '{until-30d}',
      holdout_until: '{until}',
      exclude: '{bad_rows}',
      seed: 3,
      text: 'until {until}',
    },
  }
  assert.deepEqual(retrainParams(settings, { until: Date.UTC(2013, 9, 20, 13), bad_rows: ['a', 'b'] }), {
    prepare: {
      train_until: '2013-09-20',
      holdout_until: '2013-10-20',
      exclude: ['a', 'b'],
      seed: 3,
      text: 'until {until}',
    },
  })
})
