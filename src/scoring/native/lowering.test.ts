import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { assertReplays, resultOf } from '../../../test/lowering/replay.ts'
import { testEnv } from '../../../test/python-env.ts'

const PACKAGES = {
  newest: ['scikit-learn==1.9.1', 'numpy==2.4.6', 'scipy==1.17.1', 'pandas==3.1.1', 'mlflow-skinny==3.17.2'],
  oldest: ['scikit-learn==1.3.2', 'numpy==1.26.4', 'scipy==1.17.1', 'pandas==2.2.3', 'mlflow-skinny==2.22.5'],
}
const REFUSALS: Record<string, RegExp> = {
  refused_neighbours: /^sklearn\.neighbors\._regression\.KNeighborsRegressor has no native form$/,
  refused_texts_alone:
    /it makes 1 rows of \d+: a vectorizer of texts takes one column of a table by a ColumnTransformer/,
  refused_function: /FunctionTransformer with numpy.log1p, whose last bit depends on the processor/,
}
const script = join(import.meta.dirname, '../../../python/tests/make_models.py')
const root = mkdtempSync(join(tmpdir(), 'lowering-'))
after(() => rmSync(root, { recursive: true }))

for (const [age, packages] of Object.entries(PACKAGES)) {
  test(`models of the ${age} supported scikit-learn replay bit for bit`, { timeout: 600_000 }, async (t) => {
    const folder = join(root, age)
    const python = await testEnv(packages)
    await promisify(execFile)(python, ['-B', script, folder], { timeout: 500_000, maxBuffer: 1e8 })
    const names = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as string[]
    assert.ok(names.length >= 30, `only ${names.length} models`)
    for (const name of names) {
      await t.test(name, () => {
        const native = join(folder, name, 'native')
        const result = resultOf(native)
        const refusal = REFUSALS[name]
        if (refusal !== undefined) {
          assert.match(result.reason ?? '', refusal)
          assert.equal(result.ok, false)
          return
        }
        assert.deepEqual([result.ok, result.reason], [true, null])
        assertReplays(native, 2000)
      })
    }
  })
}
