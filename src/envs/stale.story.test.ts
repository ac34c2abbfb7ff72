/** Locks of uv, by uv itself: one that is older than its project is refused with what differs, whatever index a server reads. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { lockRequest } from './lock.ts'
import { findPython } from './python.ts'
import { requestOf, sourceWarnings, type EnvRequest } from './request.ts'
import { findUv } from './uv.ts'

const PROJECT = `[project]
name = "p"
version = "0"
requires-python = ">=3.10"
dependencies = ["six>=1.16"]
`
const WHEEL =
  'six-1.17.0-py2.py3-none-any.whl", hash = "sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"'
const LOCK = `version = 1
requires-python = ">=3.10"

[[package]]
name = "p"
version = "0"
source = { virtual = "." }
dependencies = [
    { name = "six" },
]

[package.metadata]
requires-dist = [{ name = "six", specifier = ">=1.16" }]

[[package]]
name = "six"
version = "1.17.0"
source = { registry = "https://pypi.org/simple" }
wheels = [
    { url = "https://files.pythonhosted.org/packages/b7/ce/${WHEEL}, size = 11050 },
]
`
const HELD = 'six==1.17.0 \\\n    --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n'

const cacheFolder = mkdtempSync(join(tmpdir(), 'slipway-stale-'))
after(() => rmSync(cacheFolder, { recursive: true, force: true }))
const say = (): void => undefined
const own = process.env['SLIPWAY_CACHE'] ?? join(homedir(), '.cache', 'slipway')
const uv = await findUv({ cacheFolder: own, offline: false, say }).catch((error: Error) => error.message)
const skip = uv.includes(' ') ? `uv is not there: ${uv}` : false

const request = (project: string, lock = LOCK): Promise<EnvRequest> => {
  const files: Record<string, string> = { 'pyproject.toml': project, 'uv.lock': lock }
  return requestOf(undefined, (path) => Promise.resolve(files[path]))
}

/** The text of the lock as it is taken, or the message of the refusal; without a network, and with no index but that of `env`. */
async function taken(t: TestContext, project: string, lock = LOCK): Promise<string> {
  const before = process.env['PATH']
  const folder = uv.slice(0, uv.lastIndexOf('/'))
  process.env['PATH'] = `${folder}:${before}`
  t.after(() => (process.env['PATH'] = before))
  const asked = await request(project, lock)
  const python = await findPython(asked.requires)
  return lockRequest(asked, python, { cacheFolder, offline: true, plan: null, say }).then(
    ({ text }) => text,
    (error: Error) => error.message,
  )
}

describe('a lock and its project', { skip }, () => {
  const fresh: readonly (readonly [string, string, string?])[] = [
    ['that agree', PROJECT],
    ['of which the project has another table of a tool', `${PROJECT}[tool.mine]\nx = 1\n`],
    ['of which the project has another version', PROJECT.replace('version = "0"', 'version = "1"')],
    [
      'that was made with another index',
      PROJECT,
      LOCK.replace('https://pypi.org/simple', 'https://mirror.example/simple'),
    ],
  ]
  for (const [what, project, lock] of fresh)
    test(`${what} are taken`, async (t) => assert.equal(await taken(t, project, lock), HELD))

  test('whose server reads another index are taken', async (t) => {
    process.env['UV_DEFAULT_INDEX'] = 'https://127.0.0.1:9/simple'
    t.after(() => delete process.env['UV_DEFAULT_INDEX'])
    assert.equal(await taken(t, `${PROJECT}# with another text\n`), HELD)
  })

  const stale: readonly (readonly [string, string, RegExp])[] = [
    ['a package more', PROJECT.replace('"]', '", "attrs"]'), /asks for attrs six>=1\.16, the lock holds six>=1\.16/],
    ['no package', PROJECT.replace('"six>=1.16"', ''), /asks for nothing, the lock holds six>=1\.16/],
    ['a newer package', PROJECT.replace('1.16', '2'), /asks for six>=2, the lock holds six>=1\.16/],
    ['another Python', PROJECT.replace('3.10', '3.11'), /change in Python requirement: `>=3\.10` vs\. `>=3\.11`/],
    [
      'an extra',
      `${PROJECT}[project.optional-dependencies]\nx = ["attrs"]\n`,
      /asks for attrs six>=1\.16, the lock holds six>=1\.16/,
    ],
    ['a constraint', `${PROJECT}[tool.uv]\nconstraint-dependencies = ["six<1.17"]\n`, /asks for six<1\.17/],
  ]
  for (const [what, project, expected] of stale) {
    test(`are refused where the project asks for ${what}`, async (t) => {
      const said = await taken(t, project)
      assert.match(
        said,
        /^uv\.lock is not what pyproject\.toml asks for .*; run "uv lock" and send the project in again$/,
      )
      assert.match(said, expected)
      assert.equal(await taken(t, project), said, 'the second time as well')
    })
  }

  test('are held against each other where the version of the project is dynamic, without a build', async (t) => {
    const dynamic = (text: string): string => `${text.replace('version = "0"', 'dynamic = ["version"]')}[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
`
    const lock = LOCK.replace('version = "0"\nsource = { virtual = "." }', 'source = { editable = "." }')
    assert.equal(await taken(t, dynamic(PROJECT), lock), HELD)
    const stale = await taken(t, dynamic(PROJECT.replace('1.16', '1.17')), lock)
    assert.match(
      stale,
      /^uv\.lock is not what pyproject\.toml asks for \(`requires-dist` for `p @ editable\+\.` is out-of-date\)/,
    )
  })

  test('are told apart from a lock that cannot be read', async (t) => {
    assert.match(await taken(t, PROJECT, 'nonsense'), /^the environment cannot be made: .*uv\.lock/s)
  })
})

test('the range of Python is that of the project file, the project and its lock together', async () => {
  const range = async (project: string, lock: string): Promise<string> => (await request(project, lock)).requires
  const [newer, lock] = [PROJECT.replace('3.10', '3.12'), LOCK.replace('3.10', '3.13')]
  assert.equal(await range(PROJECT, LOCK), '>=3.10')
  assert.equal(await range(newer, LOCK), '>=3.10,>=3.12')
  assert.equal(await range(newer, lock), '>=3.10,>=3.13,>=3.12')
  assert.equal(await range(PROJECT.replace('">=3.10"', '"==3.11.*, !=3.11.1"'), LOCK), '>=3.10,==3.11.*,!=3.11.1')
  // not of PEP 440, and for uv to refuse
  assert.equal(await range(PROJECT.replace('>=3.10', '^3.10'), LOCK), '>=3.10')
  const elsewhere = PROJECT.replace(/requires-python.*\n/, '') + '[tool.x]\nrequires-python = ">=3.13"\n'
  assert.equal(await range(elsewhere, LOCK), '>=3.10')
  const alone = await requestOf(undefined, (path) => Promise.resolve(path === 'pyproject.toml' ? newer : undefined))
  assert.deepEqual([alone.kind, alone.requires], ['pyproject', '>=3.10,>=3.12'])
})

describe('what is said of files that are not read', () => {
  const warned = async (files: Record<string, string>, section?: { requires: string; packages: string[] }) =>
    sourceWarnings(section, await requestOf(section, (path) => Promise.resolve(files[path])), Object.keys(files))
  const cases: readonly (readonly [string, Record<string, string>, readonly string[]])[] = [
    ['nothing without any', {}, []],
    ['nothing of the one that is read', { 'requirements.txt': 'six' }, []],
    ['nothing of settings beside it', { 'requirements.txt': 'six', 'pyproject.toml': '[tool.x]', 'setup.cfg': '' }, []],
    ['conda', { 'environment.yml': '' }, ['environment.yml is not read: the environment has no packages']],
    [
      'poetry beside its project',
      { 'poetry.lock': '', 'pyproject.toml': PROJECT },
      ['poetry.lock is not read: packages come from pyproject.toml'],
    ],
    [
      'requirements beside a lock',
      { 'uv.lock': LOCK, 'pyproject.toml': PROJECT, 'requirements.txt': 'six' },
      ['requirements.txt is not read: packages come from uv.lock'],
    ],
    [
      'a lock that nobody can judge',
      { 'uv.lock': LOCK, 'pyproject.toml': `${PROJECT}dynamic = ["dependencies"]\n` },
      ['whether uv.lock is as new as pyproject.toml cannot be told: its dependencies are dynamic'],
    ],
    [
      'a workspace',
      { 'uv.lock': LOCK, 'pyproject.toml': `${PROJECT}[tool.uv.workspace]\nmembers = ["x"]\n` },
      ['whether uv.lock is as new as pyproject.toml cannot be told: it is a workspace'],
    ],
    [
      'a path',
      { 'uv.lock': LOCK, 'pyproject.toml': `${PROJECT}[tool.uv.sources]\nx = { path = "../x" }\n` },
      ['whether uv.lock is as new as pyproject.toml cannot be told: it has sources of its own'],
    ],
  ]
  for (const [what, files, expected] of cases) test(what, async () => assert.deepEqual(await warned(files), expected))
  test('nothing beside packages that the project file names', async () =>
    assert.deepEqual(await warned({ 'environment.yml': '' }, { requires: '>=3.10', packages: [] }), []))
})
