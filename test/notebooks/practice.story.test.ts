/** D9 to D15: magics, displays, leakage, serving, files, figures and the environment; and runs that a proof ends or refuses. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../python-env.ts'
import { found, proved } from './expectations.ts'
import { notebookBench, PACKAGES } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)
const call = promisify(execFile)

describe('slipway package', { concurrency: 2 }, () => {
  it('D9: translates magics that do something, and drops those that show something', async () => {
    const made = await bench.run('d09_magics')
    proved(made)
    assert.match(made.read('src/d09_magics/features.py'), /os\.environ\['MODE'\] = 'fast'/)
    assert.match(made.read('src/d09_magics/train.py'), /model = LogisticRegression\(\)\.fit\(X_train, y_train\)/)
    const { findings } = made.report()
    assert.equal(findings.filter(({ code }) => code === 'D9').length, 7)
  })

  it('D10: sends what was printed to the log, keeps figures, and drops views', async () => {
    const made = await bench.run('d10_display')
    proved(made)
    const text = made.read('src/d10_display/features.py')
    assert.doesNotMatch(text, /head\(\)|plt\.show/)
    assert.equal(text.match(/keep_figures\("cell_3"\)/g)?.length, 2)
    assert.match(made.read('src/d10_display/train.py'), /logger\.info\("%s %s", "accuracy", accuracy\)/)
    assert.match(made.read('src/d10_display/train.py'), /logger\.info\("%r", accuracy_score\(y_test, pred\)\)/)
  })

  it('D11: reports leakage and leaves it', async () => {
    const made = await bench.run('d11_leakage')
    proved(made)
    found(made, 'D11', 3, /scaler\.fit_transform learns from all rows before they are split \(cell 3\)/)
    assert.match(made.read('src/d11_leakage/features.py'), /X = scaler\.fit_transform\(X\)/)
  })

  it('D12: serves by the steps that stood between the rows and the model', async () => {
    const made = await bench.run('d12_serving')
    proved(made)
    const text = made.read('src/d12_serving/predict.py')
    assert.match(
      text,
      /rows = ratios\(rows\)\n {8}rows = self\.scaler\.transform\(rows\)\n {8}return self\.model\.predict_proba\(rows\)/,
    )
    assert.match(text, /from d12_serving\.features import ratios/)
  })

  it('D13: says which files run code when they are loaded', async () => {
    const made = await bench.run('d13_files')
    proved(made)
    found(made, 'D13', 6, /joblib\.dump writes or reads a file that runs code/)
  })

  it('D14: holds the package to stored figures by tests that run and can fail, and names figures that no run gives again', async () => {
    const made = await bench.run('d14_figures')
    proved(made)
    assert.deepEqual(made.report().lost, [{ cell: 5, text: 'best 0.123456' }])
    const python = await testEnv(PACKAGES)
    const tests = (): Promise<{ stderr: string }> => call(python, ['-m', 'unittest'], { cwd: made.folder })
    assert.match((await tests()).stderr, /Ran 9 tests.*\n\nOK/)
    const golden = made.read('tests/test_golden.py')
    assert.match(golden, /\(5, "accuracy 0\.\d+"\)/)
    const { writeFileSync } = await import('node:fs')
    const train = made.read('src/d14_figures/train.py')
    writeFileSync(
      join(made.folder, 'src/d14_figures/train.py'),
      train.replace('LogisticRegression()', 'LogisticRegression(C=1e-9)'),
    )
    await assert.rejects(tests(), /test_golden/)
  })

  it('D15: says where Python differs and a GPU is asked for', async () => {
    const made = await bench.run('d15_environment')
    proved(made)
    found(made, 'D15', null, /last run by Python 3\.8\.10/)
    found(made, 'D15', 2, /asks for a GPU/)
  })

  it('writes a project that slipway validate takes', async () => {
    const made = await bench.run('d14_figures', '--no-proof')
    assert.equal(made.code, 0)
    assert.equal(made.report().proof.verdict, 'not run')
    const main = join(import.meta.dirname, '../../src/cli/main.ts')
    const { stdout } = await call(process.execPath, [main, 'validate', made.folder])
    assert.match(stdout, /slipway\.yaml can be run: 1 step/)
  })

  it('ends a cell that does not end, and lets no cell use the network: neither is called verified', async () => {
    const [endless, network] = await Promise.all([bench.run('endless', '--cell-limit', '5'), bench.run('network')])
    assert.deepEqual([endless.code, network.code], [1, 1])
    assert.match(endless.out, /Proof: not verified: the original does not run: cell 1: it took longer than 5 s/)
    assert.match(
      network.out,
      /Proof: not verified: the original does not run: cell 2: it asks the network for example\.com/,
    )
  })
})
