/** Which exact versions a request names for an interpreter, and which spellings are one version. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { findPython } from '../../test/tools.ts'
import { holds } from './markers.ts'
import { pinsOf, sameVersion, unpinned } from './pins.ts'
import type { EnvRequest } from './request.ts'

const TARGET = { python: '3.11.7', platform: 'linux', arch: 'x64' }
const pins = (kind: EnvRequest['kind'], files: Record<string, string>): string[] =>
  pinsOf({ requires: '>=3.10', kind, files }, TARGET).map(
    ({ name, version, asked }) => `${name} ${version}${asked ? '' : ' (limit)'}`,
  )

describe('what comes from no index', () => {
  const places = (kind: EnvRequest['kind'], files: Record<string, string>): string[] =>
    unpinned({ requires: '>=3.10', kind, files })

  test('of requirements: folders, files and addresses, also editable; the project itself and options are none', () => {
    const asked = [
      '-e ./x    --hash=sha256:00',
      '--editable=../y[all]',
      './z',
      '/srv/wheels/a-1.0-py3-none-any.whl',
      'b-2.0.tar.gz',
      'git+https://example.org/c.git@v1',
      'https://example.org/d-1.whl ; python_version > "3"',
      'pandas @ https://example.org/pandas.whl',
      'pandas[all]@file:///srv/pandas',
    ]
    const others = ['-e .', '.', '-r more.txt', '--index-url https://example.org/simple', '# ./x', 'numpy==1.24.4']
    const found = places('requirements', {
      'requirements.lock': [...asked, ...others, 'six>=1  # -e ./six'].join('\n'),
    })
    assert.equal(found.length, asked.length, found.join('\n'))
    assert.deepEqual(found.slice(0, 3), ['./x', '../y[all]', './z'])
  })

  test('of a uv.lock and a pyproject.toml', () => {
    const lock = ['a = { editable = "." }', 'b = { directory = "../own" }', 'c = { registry = "https://example.org" }']
    const text = lock.map((one) => `[[package]]\nname = "p"\nversion = "1"\nsource${one.slice(1)}`).join('\n')
    assert.deepEqual(places('lock', { 'uv.lock': text }), ['../own'])
    const toml = '[project]\ndependencies = [\n  "pandas==1.5.3",\n  "x @ file:///srv/x",\n]\n'
    assert.deepEqual(places('pyproject', { 'pyproject.toml': toml }), ['x @ file:///srv/x'])
  })
})

describe('pins', () => {
  test('of requirements: exact ones, however they are written; ranges, wildcards, addresses and options are none', () => {
    const text = [
      '# pandas==0.1',
      'pandas==2.1.0 \\',
      '    --hash=sha256:aa \\',
      '    --hash=sha256:bb',
      'Scikit_Learn == 1.3.0  # why',
      'uvicorn[standard]==0.30.1 ; python_version >= "3.10"',
      "colorama==0.4.6 ; sys_platform == 'win32'",
      'numpy===1.26.4',
      'torch==2.1.0+cpu',
      'scipy>=1.10',
      'six==1.*',
      'tool @ https://example.org/tool.whl',
      '--index-url https://example.org/simple',
      '-c limits.txt',
    ].join('\n')
    assert.deepEqual(pins('requirements', { 'r.txt': text, 'limits.txt': 'attrs==23.1.0\n' }), [
      'pandas 2.1.0',
      'scikit-learn 1.3.0',
      'uvicorn 0.30.1',
      'numpy 1.26.4',
      'torch 2.1.0+cpu',
      'attrs 23.1.0 (limit)',
    ])
  })

  test('of files that requirements name without a blank; those of limits are not asked for', () =>
    assert.deepEqual(
      pins('requirements', {
        'r.txt': '-rmore.txt\n-climits.txt\n',
        'more.txt': 'six==1.16.0',
        'limits.txt': 'attrs==23.1.0',
      }),
      ['six 1.16.0', 'attrs 23.1.0 (limit)'],
    ))

  test('of a project and of packages by name', () => {
    const toml =
      '[project]\nname = "x"\ndependencies = [\n  "pandas==2.1.0", # "numpy==1"\n  "uvicorn[standard]==0.30.1",\n]\noptional = ["six==1.0"]\n'
    assert.deepEqual(pins('pyproject', { 'pyproject.toml': toml }), ['pandas 2.1.0', 'uvicorn 0.30.1'])
    assert.deepEqual(pins('packages', { 'requirements.in': 'numpy\npandas==2.1.0' }), ['pandas 2.1.0'])
  })

  test('of a uv.lock: without the project itself, and of several versions the one for this interpreter', () => {
    const one = (name: string, version: string, more = ''): string =>
      `[[package]]\nname = "${name}"\nversion = "${version}"\n${more}source = { registry = "https://pypi.org/simple" }\n`
    const own = '[[package]]\nname = "churn"\nversion = "0.1.0"\nsource = { virtual = "." }\n'
    const forks = [">= '3.12'", "< '3.12'"].map(
      (range) => `resolution-markers = [\n    "python_full_version ${range}",\n]\n`,
    )
    const text = `version = 1\n\n${own}${one('numpy', '2.3.0', forks[0])}${one('numpy', '2.2.6', forks[1])}${one('pandas', '2.1.0')}`
    assert.deepEqual(pins('lock', { 'uv.lock': text }), ['numpy 2.2.6 (limit)', 'pandas 2.1.0 (limit)'])
  })
})

describe('two versions', () => {
  for (const [a, b, same] of [
    ['1.0', '1.0.0', true],
    ['2024.07.04', '2024.7.4', true],
    ['1.0.RC1', '1.0rc1', true],
    ['1.0-1', '1.0.post1', true],
    ['v1.0', '1.0', true],
    ['1.0a', '1.0alpha0', true],
    ['2.1.0', '2.1.0+cpu', false],
    ['1.0', '1.0.1', false],
    ['1.0', '1.0.post1', false],
    ['1.0', '1.0rc1', false],
    ['1.0.dev1', '1.0', false],
    ['1!1.0', '1.0', false],
    ['nightly', 'nightly', true],
  ] as const)
    test(`${a} and ${b} are ${same ? 'one' : 'two'}`, () => assert.equal(sameVersion(a, b), same))
})

describe('a condition', () => {
  for (const [marker, held] of [
    ['python_version >= "3.10"', true],
    ["python_version < '3.9' or sys_platform == 'linux'", true],
    ["(python_version < '3.9' or os_name == 'nt') and sys_platform == 'linux'", false],
    ["platform_machine in 'x86_64 aarch64'", true],
    ["platform_system not in 'Linux Darwin'", false],
    ["python_full_version ~= '3.11.2'", true],
    ["extra == 'test'", false],
    ["implementation_name != 'cpython'", false],
    // what is not known counts, so that nothing is taken for proved by a text that nobody understands
    ["platform_release == '5.0'", true],
    ['python_version >', true],
    ["python_version < '3.9' and", true],
    ['$$', true],
  ] as const)
    test(`${marker} ${held ? 'holds' : 'does not hold'}`, () => assert.equal(holds(marker, TARGET), held))

  test("holds where Python's own packaging says so", (t) => {
    const markers = [
      'python_version < "3.2"',
      'python_version >= "3.2"',
      "python_version in '3.10, 3.11'",
      'python_version not in "3.8 3.9"',
      '"3.9" < python_version',
      '"3.12" < python_version',
      '"3.11" >= python_version',
      'sys_platform === "win32"',
      'python_version == "3.*" and sys_platform == "linux"',
      'python_full_version < "3.11.10"',
      'python_full_version === "3.11.7"',
      'os_name != "nt" and (platform_system == "Darwin" or platform_machine == "x86_64")',
      'sys_platform == "win32" or sys_platform == "linux" and python_version < "3"',
      '(sys_platform == "win32" or sys_platform == "linux") and python_version < "3"',
      '"linux" in sys_platform',
      'platform_python_implementation == "PyPy"',
      "implementation_version >= '3.11'",
    ]
    const values = {
      python_version: '3.11',
      python_full_version: '3.11.7',
      implementation_version: '3.11.7',
      os_name: 'posix',
      sys_platform: 'linux',
      platform_system: 'Linux',
      platform_machine: 'x86_64',
      implementation_name: 'cpython',
      platform_python_implementation: 'CPython',
      extra: '',
    }
    const code = `import json, sys\nfrom pip._vendor.packaging.markers import Marker\nasked, values = json.loads(sys.argv[1])\nprint(json.dumps([Marker(one).evaluate(values) for one in asked]))`
    const { status, stdout } = spawnSync(findPython() ?? 'python3', ['-c', code, JSON.stringify([markers, values])])
    if (status !== 0) return t.skip('it needs a Python with pip')
    const wanted = JSON.parse(stdout.toString()) as boolean[]
    assert.deepEqual(
      markers.map((one) => [one, holds(one, TARGET)]),
      markers.map((one, at) => [one, wanted[at]]),
    )
  })
})
