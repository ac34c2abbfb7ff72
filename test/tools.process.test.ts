/** Behind a program that chooses a Python, as pyenv's do, tests find the interpreter itself. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { beforeShims, findPython } from './tools.ts'

const skip = findPython() === undefined && 'no Python'

test('a shim of Python is looked behind, and its folder comes after that of the interpreter', { skip }, (t) => {
  const ask = ['-I', '-c', 'import sys; print(sys.executable)']
  const real = execFileSync(findPython() ?? '', ask, { encoding: 'utf8' }).trim()
  const folder = mkdtempSync(join(tmpdir(), 'slipway-shim-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const shim = join(folder, 'python3')
  writeFileSync(shim, `#!/bin/sh\nexec "${real}" "$@"\n`, { mode: 0o755 })
  assert.equal(findPython(folder), real)
  assert.deepEqual(beforeShims(folder), [dirname(real)])
  assert.deepEqual(beforeShims(dirname(real)), [])
  writeFileSync(shim, '#!/bin/sh\nexit 127\n', { mode: 0o755 })
  assert.equal(findPython(folder), undefined, 'it chooses none')
  assert.deepEqual(beforeShims(folder), [])
})
