import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../../../test/python-env.ts'
import { verifyNative } from './verify.ts'

const PACKAGES = {
  newest: [
    'scikit-learn==1.9.1',
    'numpy==2.4.6',
    'scipy==1.17.1',
    'pandas==3.1.1',
    'mlflow-skinny==3.17.2',
    'xgboost-cpu==3.2.0',
    'lightgbm==4.7.0',
  ],
  older: [
    'scikit-learn==1.5.2',
    'numpy==1.26.4',
    'scipy==1.14.1',
    'pandas==2.2.3',
    'mlflow-skinny==2.22.5',
    'xgboost-cpu==2.1.4',
    'lightgbm==4.3.0',
  ],
}
const PROBES = 10_000
const script = join(import.meta.dirname, '../../../python/tests/matrix_boost.py')
const root = mkdtempSync(join(tmpdir(), 'boosting-'))
after(() => rmSync(root, { recursive: true }))

interface Made {
  readonly names: string[]
  readonly refusals: Record<string, string>
}

interface Result {
  readonly ok: boolean
  readonly reason: string | null
}

for (const [age, packages] of Object.entries(PACKAGES)) {
  test(`boosted models of ${age} libraries replay bit for bit`, { timeout: 900_000 }, async (t) => {
    const folder = join(root, age)
    const python = await testEnv(packages)
    await promisify(execFile)(python, ['-B', script, folder, '--probes', `${PROBES}`], { maxBuffer: 1e8 })
    const { names, refusals } = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as Made
    assert.ok(names.length >= 35, `only ${names.length} models`)
    for (const name of names) {
      await t.test(name, () => {
        const native = join(folder, name, 'native')
        const result = JSON.parse(readFileSync(join(native, 'result.json'), 'utf8')) as Result
        const refusal = refusals[name]
        assert.deepEqual([result.ok, result.reason], [refusal === undefined, refusal ?? null])
        if (refusal !== undefined) return
        const replay = verifyNative(native)
        assert.equal(replay.mismatch, undefined)
        assert.ok(replay.ok && replay.worst_ulp <= 1)
        assert.ok(replay.n >= PROBES, `${replay.n} rows`)
      })
    }
  })
}
