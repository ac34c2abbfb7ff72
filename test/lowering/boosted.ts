/** Models of one library of boosted trees, as users make and save them: lowered in its environment, replayed here. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { BOOSTED } from '../clients/packages.ts'
import { testEnv } from '../python-env.ts'
import { assertReplays, resultOf } from './replay.ts'

const PROBES = 10_000
const SCRIPT = join(import.meta.dirname, '../../python/tests/matrix_boost.py')

interface Made {
  readonly names: string[]
  readonly refusals: Record<string, string>
}

/** Tests each row of python/tests/matrix_boost.py on one version of a library: raw scores bit for bit on 10,000 rows, or the reason. */
export function testBoosted(library: 'xgboost' | 'lightgbm', age: keyof typeof BOOSTED): void {
  test(`models of the ${age} ${library} replay bit for bit`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'boosted-'))
    after(() => rmSync(folder, { recursive: true }))
    const python = await testEnv(BOOSTED[age])
    const options = ['--library', library, '--probes', `${PROBES}`]
    await promisify(execFile)(python, ['-B', SCRIPT, folder, ...options], { maxBuffer: 1e8 })
    const { names, refusals } = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as Made
    assert.ok(names.length >= 35, `only ${names.length} models`)
    for (const name of names) {
      await t.test(name, () => {
        const native = join(folder, name, 'native')
        const { ok, reason } = resultOf(native)
        const refusal = refusals[name]
        assert.deepEqual([ok, reason], [refusal === undefined, refusal ?? null])
        if (refusal === undefined) assertReplays(native, PROBES)
      })
    }
  })
}
