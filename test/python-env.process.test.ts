/** An environment of Python is built once, and compiled when it is first asked for by who runs it often. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { hasTestEnv, testEnv, testEnvFolder } from './python-env.ts'
import { findPython } from './tools.ts'

const kept = testEnvFolder()

test('it is compiled for runs that come often, also when one came before', async (t) => {
  if (findPython() === undefined) return t.skip('no Python')
  const folder = mkdtempSync(join(tmpdir(), 'slipway-envs-'))
  const { PATH, SLIPWAY_TEST_ENV } = process.env
  t.after(() => {
    process.env['PATH'] = PATH
    if (SLIPWAY_TEST_ENV === undefined) delete process.env['SLIPWAY_TEST_ENV']
    else process.env['SLIPWAY_TEST_ENV'] = SLIPWAY_TEST_ENV
    rmSync(folder, { recursive: true, force: true })
  })
  // uv of the environments of every day, which this test does not build anew
  process.env['PATH'] = [PATH, join(kept, 'uv/bin'), join(homedir(), '.cache/slipway-test-envs/uv/bin')].join(delimiter)
  process.env['SLIPWAY_TEST_ENV'] = folder
  const packages = ['packaging==25.0']
  assert.equal(hasTestEnv(packages), false)
  const python = await testEnv(packages, 'once').catch((error: Error) => error)
  if (python instanceof Error) return t.skip(`packages cannot be had: ${python.message.split('\n')[0]}`)
  const compiled = (): number => globSync('**/packaging/__pycache__/version.*.pyc', { cwd: folder }).length
  assert.equal(execFileSync(python, ['-B', '-c', 'import packaging.version; print(1)'], { encoding: 'utf8' }), '1\n')
  assert.deepEqual([hasTestEnv(packages), compiled()], [true, 0])
  assert.equal(await testEnv(packages), python)
  assert.equal(compiled(), 1)
})
