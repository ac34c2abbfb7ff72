import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { BOOSTED } from '../../../test/clients/packages.ts'
import { testEnv } from '../../../test/python-env.ts'
import { verifyNative } from './verify.ts'

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

for (const [age, packages] of Object.entries(BOOSTED)) {
  test(`boosted models of ${age} libraries replay bit for bit`, { timeout: 900_000 }, async (t) => {
    const folder = join(root, age)
    const python = await testEnv(packages)
    await promisify(execFile)(python, ['-B', script, folder, '--probes', `${PROBES}`], { maxBuffer: 1e8 })
    const { names, refusals } = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as Made
    assert.ok(names.length >= 70, `only ${names.length} models`)
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
