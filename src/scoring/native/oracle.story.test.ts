import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { oracleModels, readExpected, SKIP_ORACLE } from '../../../test/clients/oracle-models.ts'
import { loadNative } from './load.ts'
import { verifyNative } from './verify.ts'

/**
 * The logistic model is fitted anew here, and scikit-learn's own answers then differ from the published ones by up to 2e-10: its solver
 * is not bit-reproducible between machines. The replay holds the native form to the local scikit-learn, this bound holds the fit.
 */
const REFIT_TOLERANCE = 1e-9

test('native models give the published answers of the serving oracle', { skip: SKIP_ORACLE }, async (t) => {
  const root = await oracleModels()
  const expected = readExpected()
  for (const name of ['hgb', 'rf', 'lr', 'xgb']) {
    await t.test(name, () => {
      const dir = join(root, name, 'native')
      assert.equal(verifyNative(dir).ok, true)
      const model = loadNative(dir)
      const { rows_from: from, pred: wanted } = expected.models[name]!
      const { columns, rows } = expected[from]
      const order = model.inputs.map((input) => columns.indexOf(input.name))
      assert.equal(wanted.length, 1000)
      for (const [i, row] of rows.entries()) {
        const got = model.predictRow(order.map((at) => row[at]))
        const want = wanted[i]!
        if (typeof want === 'number') assert.equal(got.prediction, want, `row ${i}`)
        else
          for (const [k, p] of want.entries())
            assert.ok(Math.abs(p - got.probabilities![k]!) <= REFIT_TOLERANCE, `row ${i}`)
      }
    })
  }
})
