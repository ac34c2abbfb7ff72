/** What a project asks of its environment: which file counts, what belongs to it, and which requests are the same. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isBare, requestKey, requestOf } from './request.ts'
import type { EnvRequest, PythonSection } from './request.ts'

const project = (files: Readonly<Record<string, string>>) => (path: string) => Promise.resolve(files[path])
const PYPROJECT = '[project]\nname = "x"\n'

describe('the file that counts', () => {
  for (const [what, section, files, kind, taken] of [
    ['nothing', undefined, {}, 'packages', ['requirements.in']],
    [
      'a lock before all others',
      undefined,
      { 'uv.lock': 'v', 'pyproject.toml': PYPROJECT, 'requirements.txt': 'a' },
      'lock',
      ['uv.lock', 'pyproject.toml'],
    ],
    [
      'a project before requirements',
      undefined,
      { 'pyproject.toml': PYPROJECT, 'requirements.txt': 'a' },
      'pyproject',
      ['pyproject.toml'],
    ],
    [
      'requirements where pyproject.toml names no project',
      undefined,
      { 'pyproject.toml': '[tool.ruff]\n', 'requirements.txt': 'a' },
      'requirements',
      ['requirements.txt'],
    ],
    [
      'nothing where pyproject.toml only speaks of one',
      undefined,
      { 'pyproject.toml': '# [project]\n[tool.x]\ny = "[project]"\n' },
      'packages',
      ['requirements.in'],
    ],
    [
      'what the section names, before what lies there',
      { requires: '>=3.10', requirements: 'own.txt' },
      { 'uv.lock': 'v', 'own.txt': 'a' },
      'requirements',
      ['own.txt'],
    ],
    [
      'packages of the section',
      { requires: '>=3.10', packages: ['a'] },
      { 'uv.lock': 'v' },
      'packages',
      ['requirements.in'],
    ],
    [
      'no packages at all, by name',
      { requires: '>=3.10', packages: [] },
      { 'uv.lock': 'v' },
      'packages',
      ['requirements.in'],
    ],
    [
      'a lock in a folder, with the project beside it',
      { requires: '>=3.10', lock: 'py/uv.lock' },
      { 'py/uv.lock': 'v', 'py/pyproject.toml': PYPROJECT },
      'lock',
      ['uv.lock', 'pyproject.toml'],
    ],
    [
      'a project in a folder',
      { requires: '>=3.10', pyproject: 'py/pyproject.toml' },
      { 'py/pyproject.toml': PYPROJECT },
      'pyproject',
      ['pyproject.toml'],
    ],
  ] as const) {
    test(`${what}: ${kind} from ${taken.join(', ')}`, async () => {
      const request = await requestOf(section, project(files))
      assert.equal(request.kind, kind)
      assert.deepEqual(Object.keys(request.files), taken)
    })
  }

  test('the range is that of the section, else 3.10 and newer', async () => {
    assert.equal((await requestOf(undefined, project({}))).requires, '>=3.10')
    assert.equal((await requestOf({ requires: '==3.12.*' }, project({}))).requires, '==3.12.*')
  })
})

describe('requirements', () => {
  const of = (files: Record<string, string>, requirements = 'requirements.txt') =>
    requestOf({ requires: '>=3.10', requirements }, project(files))

  test('come with the files that they name, and those that these name', async () => {
    const files = {
      'requirements.txt': '-r base.txt\n--constraint=limits.txt\n  -c   other.txt\nsix\n',
      'base.txt': '--requirement deep.txt\n',
      'deep.txt': 'attrs\n',
      'limits.txt': 'six<2\n',
      'other.txt': 'attrs<99\n',
      'not-named.txt': 'evil\n',
    }
    assert.deepEqual(Object.keys((await of(files)).files).sort(), [
      'base.txt',
      'deep.txt',
      'limits.txt',
      'other.txt',
      'requirements.txt',
    ])
  })

  test('that name each other end', async () => {
    const { files } = await of({ 'requirements.txt': '-r b.txt\n', 'b.txt': '-r requirements.txt\n-r b.txt\n' })
    assert.deepEqual(Object.keys(files), ['requirements.txt', 'b.txt'])
  })

  test('begin with the file that was named: it is given to the resolver', async () => {
    const { files } = await of({ 'own.txt': '-r a.txt', 'a.txt': 'six' }, 'own.txt')
    assert.equal(Object.keys(files)[0], 'own.txt')
  })

  test('are named from the folder of the file that names them', async () => {
    const text = { 'needs/own.txt': '-r deep/a.txt\n-r ./b.txt', 'needs/deep/a.txt': '-c ../c.txt' }
    const named = { 'needs/b.txt': 'six', 'needs/c.txt': 'six<2', 'b.txt': 'other', 'c.txt': 'other' }
    const { files } = await of({ ...text, ...named }, 'needs/own.txt')
    assert.deepEqual(Object.keys(files).sort(), ['needs/b.txt', 'needs/c.txt', 'needs/deep/a.txt', 'needs/own.txt'])
  })

  test('are named as installers read it, with nothing, blanks or an equals sign between', async () => {
    const text = '-rone.txt\n-r\ttwo.txt\n-cthree.txt\n-c=four.txt\n--requirement\tfive.txt\n'
    const names = ['one.txt', 'two.txt', 'three.txt', 'four.txt', 'five.txt']
    const { files } = await of({ 'requirements.txt': text, ...Object.fromEntries(names.map((name) => [name, ''])) })
    assert.deepEqual(Object.keys(files), ['requirements.txt', ...names])
  })

  test('names in comments, or of packages, are not files', async () => {
    const { files } = await of({ 'requirements.txt': '# -r gone.txt\nflask-restful\npkg -r\n' })
    assert.deepEqual(Object.keys(files), ['requirements.txt'])
  })

  for (const [text, said] of [
    ['-r gone.txt', /"gone\.txt" is not in the project/],
    ['--constraint gone.txt', /"gone\.txt"/],
  ] as const)
    test(`${text} is refused by name`, () =>
      assert.rejects(of({ 'requirements.txt': text }), { code: 'unprocessable', message: said }))
})

describe('a section', () => {
  const refused = (section: PythonSection, files = {}) => requestOf(section, project(files))
  const requires = '>=3.10'
  for (const [what, section, said] of [
    ['two sources', { requires, packages: ['a'], lock: 'uv.lock' }, /both packages and lock/],
    [
      'three sources',
      { requires, pyproject: 'p', lock: 'l', requirements: 'r' },
      /both lock and pyproject and requirements/,
    ],
    ['a file that is not there', { requires, requirements: 'r.txt' }, /python\.requirements: the file "r\.txt"/],
    ['a lock that is not there', { requires, lock: 'uv.lock' }, /python\.lock: the file "uv\.lock"/],
  ] as const)
    test(`with ${what} is refused`, () => assert.rejects(refused(section), { code: 'unprocessable', message: said }))

  for (const line of ['-r other.txt', ' --index-url=http://evil', '-e .', 'a\nb', 'a\rb', 'a\0b'])
    test(`with the package ${JSON.stringify(line)} is refused`, () =>
      assert.rejects(refused({ requires, packages: ['six', line] }), {
        code: 'unprocessable',
        message: /expected a package/,
      }))

  for (const line of [
    'six',
    'pandas>=2',
    'a[b,c]==1.*',
    'pkg @ https://example.org/pkg.whl',
    "x; python_version<'3.12'",
  ])
    test(`with the package ${line} is taken`, async () =>
      assert.equal((await refused({ requires, packages: [line] })).files['requirements.in'], line))
})

describe('a request', () => {
  const base: EnvRequest = { requires: '>=3.10', kind: 'packages', files: { 'requirements.in': 'a\nb' } }
  const key = (request: EnvRequest, version = '3.11.7', platform = 'linux') => requestKey(request, version, platform)

  test('is bare when no package is named', () => {
    assert.equal(isBare({ ...base, files: { 'requirements.in': ' \n' } }), true)
    assert.equal(isBare(base), false)
    assert.equal(isBare({ ...base, kind: 'requirements', files: { 'requirements.txt': '' } }), false)
  })

  test('is the same whatever the order in which its packages are named', async () => {
    const of = (packages: string[]) => requestOf({ requires: '>=3.10', packages }, project({}))
    assert.equal(key(await of(['b', 'a', 'c'])), key(await of(['c', 'b', 'a'])))
  })

  test('does not hang on the range of versions, only on the interpreter that was found', () => {
    assert.equal(key(base), key({ ...base, requires: '>=3.11' }))
  })

  test('is another by each of its parts', () => {
    const others = [
      key(base),
      key(base, '3.11.8'),
      key(base, '3.11.7', 'darwin'),
      key({ ...base, kind: 'requirements' }),
      key({ ...base, files: { 'requirements.in': 'a\nc' } }),
      key({ ...base, files: { 'requirements.txt': 'a\nb' } }),
      key({ ...base, files: { ...base.files, 'more.txt': '' } }),
      key({ ...base, files: { 'requirements.in': 'a', b: '' } }),
    ]
    assert.equal(new Set(others).size, others.length)
    assert.ok(others.every((one) => /^[0-9a-f]{64}$/.test(one)))
  })
})
