/** The models that users of scikit-learn make, lowered in the environment of one version and replayed here. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../python-env.ts'
import { PLAIN_PROCESSOR } from './processor.ts'
import { assertReplays, resultOf } from './replay.ts'

const REFUSALS: Record<string, RegExp> = {
  refused_neighbours: /^sklearn\.neighbors\._regression\.KNeighborsRegressor has no native form$/,
  refused_texts_alone:
    /it makes 1 rows of \d+: a vectorizer of texts takes one column of a table by a ColumnTransformer/,
  refused_function: /FunctionTransformer with numpy.log1p, whose last bit depends on the processor/,
}
const script = join(import.meta.dirname, '../../python/tests/make_models.py')

/** Parts of python/tests/make_models.py, which take about as long, and how many models each has at least. */
const PARTS = { linear: 15, others: 26 } as const

/** Tests each model of a part with these packages: bit for bit on 2,000 rows, or the reason. */
export function testModels(age: string, part: keyof typeof PARTS, packages: readonly string[]): void {
  test(`${part} models of the ${age} supported scikit-learn replay bit for bit`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lowering-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const python = await testEnv(packages, 'once')
    const env = { ...process.env, ...PLAIN_PROCESSOR }
    await promisify(execFile)(python, ['-B', script, folder, '--part', part], {
      timeout: 1_200_000,
      maxBuffer: 1e8,
      env,
    })
    const names = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as string[]
    assert.ok(names.length >= PARTS[part], `only ${names.length} models`)
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
