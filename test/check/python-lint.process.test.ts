/** The stage for Python's rules names what is not annotated, not formed and not sound, by the settings of this checkout. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { pythonLintStage } from './python-lint.ts'

const checkout = resolve(import.meta.dirname, '../..')

const SOUND =
  '"""Doubles."""\n\n\ndef double(value: float) -> float:\n    """Twice the value."""\n    return 2 * value\n'

const FAULTS = {
  'unannotated.py': ['value: float', 'value'],
  'unsound.py': ['2 * value', '"2" * value'],
  'unused.py': ['"""Doubles."""\n\n\n', '"""Doubles."""\n\nimport json\n\n\n'],
  'unformed.py': ['2 * value', '2*value'],
} as const

test('faults are named by file and line, and sound files are not', async (t) => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-lint-')))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, 'python/slipway')
  for (const part of [folder, join(root, 'python/tests')]) {
    mkdirSync(part, { recursive: true })
    writeFileSync(join(part, '__init__.py'), '')
  }
  cpSync(join(checkout, 'python/pyproject.toml'), join(root, 'python/pyproject.toml'))
  writeFileSync(join(folder, 'sound.py'), SOUND)
  for (const [file, [right, wrong]] of Object.entries(FAULTS)) {
    writeFileSync(join(folder, file), SOUND.replace(right, wrong))
  }

  const outcome = await pythonLintStage(root)
  if (outcome.skipped !== undefined) return t.skip(outcome.skipped)
  assert.equal(outcome.ok, false)
  const [lint = '', form = '', types = ''] = (outcome.report ?? '').split(/^(?=(?:ruff|mypy) \S+:$)/m)
  assert.match(lint, /unannotated\.py:4:12: ANN001/)
  assert.match(lint, /unused\.py:3:8: F401/)
  assert.match(form, /unformed\.py:6/)
  assert.match(types, /unannotated\.py:4: error: .*\[no-untyped-def\]/)
  assert.match(types, /unsound\.py:6: error: .*\[operator\]/)
  assert.doesNotMatch(`${lint}${form}${types}`, /sound\.py(?<!unsound\.py)/)
  assert.doesNotMatch(form, /unannotated|unsound|unused/)
})
