/** What a workflow installs for the tests of a project: what its lock says, each source by itself, and a pytest of one version. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { UV_VERSION } from '../../envs/uv.ts'
import { testsOf } from './tests.ts'

const PIP = '"$environment/bin/pip" install --quiet --no-compile'
const OWN = `${PIP} pytest==9.2.0`
const SYNC = 'UV_PROJECT_ENVIRONMENT="$environment" "$environment/bin/uv" sync --quiet --locked --inexact --all-groups'

function project(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'slipway-tests-of-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, text] of Object.entries({ 'tests/test_it.py': '', ...files })) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const CASES = [
  ['packages of the project file', {}, { packages: ['pandas>=2'] }, [`${PIP} 'pandas>=2'`, OWN], ''],
  ['none at all', {}, undefined, [OWN], ''],
  ['a pytest of the project', {}, { packages: ['pytest>=8'] }, [`${PIP} 'pytest>=8'`], ''],
  ['a plugin of pytest alone', {}, { packages: ['pytest-cov'] }, [`${PIP} pytest-cov`, OWN], ''],
  [
    'requirements with hashes, which take nothing without beside them',
    { 'requirements.txt': 'a==1 --hash=sha256:0\n' },
    undefined,
    [`${PIP} -r requirements.txt`, OWN],
    'requirements.txt',
  ],
  [
    'requirements that name pytest',
    { 'r/dev.txt': 'pandas\npytest==8.4.2\n' },
    { requirements: 'r/dev.txt' },
    [`${PIP} -r r/dev.txt`],
    'r/dev.txt',
  ],
  ['a project of Python', { 'pyproject.toml': '' }, undefined, [`${PIP} .`, OWN], 'pyproject.toml'],
  [
    'a lock',
    { 'uv.lock': 'name = "pytest"\n', 'pyproject.toml': '' },
    undefined,
    [`${PIP} uv==${UV_VERSION}`, SYNC],
    'uv.lock',
  ],
  [
    'a lock in a folder, without pytest',
    { 'env/uv.lock': 'name = "pytest-cov"\n' },
    { lock: 'env/uv.lock' },
    [`${PIP} uv==${UV_VERSION}`, `${SYNC} --project env`, OWN],
    'env/uv.lock',
  ],
] as const

for (const [what, files, python, install, decidedBy] of CASES)
  test(what, async (t) => {
    const section = python && { requires: '>=3.10', ...python }
    const tests = await testsOf(project(t, files), section)
    assert.deepEqual(tests, { install, decidedBy, module: ['pytest', '-q', 'tests'] })
  })

test('a project without tests has none', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-tests-of-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  assert.equal(await testsOf(root, undefined), undefined)
})
