/** Building an environment: made once, begun anew after a break, closed against changes; and the lock that it is made from. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { buildEnvironment, builtPython, removeEnvironment } from './build.ts'
import { lockRequest, makeLock } from './lock.ts'
import { programs } from './programs.fixture.ts'
import type { EnvRequest } from './request.ts'

const bin = programs()
const root = mkdtempSync(join(tmpdir(), 'slipway-build-'))
after(async () => {
  bin.remove()
  await removeEnvironment(root)
})

const PYTHON = { path: bin.add('a-python', 'exit 9'), version: '3.11.7', platform: 'linux-x86_64-cpython-311' }
const HASH = `--hash=sha256:${'0'.repeat(64)}`
const TEXT = `attrs==23.1.0 \\\n    ${HASH}\nsix==1.16.0 \\\n    ${HASH}\n`
let count = 0

/** A uv that makes the folders of an environment and notes how it was called; `install` is what its pip does. */
function fakeUv({ install = 'true', compile = `printf '%s' '${TEXT}'` } = {}) {
  const log = join(bin.folder, `uv-${(count += 1)}.log`)
  bin.add(
    'uv',
    `echo "$@" >> '${log}'
case "$1 $2" in
  "--version "*) echo "uv 9.9.9" ;;
  "venv "*) for last; do :; done; mkdir -p "$last/bin" "$last/lib"; echo fake > "$last/bin/python" ;;
  "pip install") cat > '${log}.input'; ${install} ;;
  "pip compile") ${compile} ;;
  "export "*) ${compile} ;;
esac`,
  )
  const calls = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  return { calls, input: () => readFileSync(`${log}.input`, 'utf8') }
}

const options = (offline = false) => {
  const said: string[] = []
  return {
    cacheFolder: join(root, `cache-${(count += 1)}`),
    offline,
    plan: null,
    say: (line: string) => void said.push(line),
    said,
  }
}

describe('an environment', () => {
  const lock = makeLock(TEXT, PYTHON)

  test('is installed from its lock by hash, and is there only when all is done', async () => {
    const uv = fakeUv({ install: 'echo "Installed six" >&2' })
    const asked = options()
    assert.equal(builtPython(asked.cacheFolder, lock.digest), undefined)
    const python = await bin.within({}, () => buildEnvironment(lock, PYTHON, asked))
    assert.equal(builtPython(asked.cacheFolder, lock.digest), python)
    assert.equal(readFileSync(python, 'utf8').trim(), 'fake')
    assert.equal(uv.input(), TEXT)
    const install = uv.calls().find((call) => call.startsWith('pip install')) ?? ''
    for (const flag of ['--require-hashes', '--no-deps', '--compile-bytecode', `--python ${python}`])
      assert.ok(install.includes(flag), flag)
    assert.deepEqual(asked.said, ['installing 2 packages', 'Installed six'])
  })

  test('is made once, however many ask at once and later', async () => {
    const uv = fakeUv()
    const asked = options()
    await bin.within({}, async () => {
      const all = await Promise.all(Array.from({ length: 4 }, () => buildEnvironment(lock, PYTHON, asked)))
      assert.equal(new Set(all).size, 1)
      await buildEnvironment(lock, PYTHON, asked)
    })
    assert.equal(uv.calls().filter((call) => call.startsWith('pip install')).length, 1)
  })

  test('whose packages cannot be installed is not there, and is made anew the next time', async () => {
    fakeUv({ install: 'echo "error: something new" >&2; exit 1' })
    const asked = options()
    await bin.within({}, async () => {
      await assert.rejects(buildEnvironment(lock, PYTHON, asked), { code: 'unprocessable', message: /something new/ })
      assert.equal(builtPython(asked.cacheFolder, lock.digest), undefined)
      fakeUv()
      const python = await buildEnvironment(lock, PYTHON, asked)
      assert.ok(existsSync(python))
    })
    assert.deepEqual(
      readdirSync(join(asked.cacheFolder, 'envs')).filter((name) => name.endsWith('.lock')),
      [],
    )
  })

  test('that a crash left half made is begun anew', async () => {
    fakeUv()
    const asked = options()
    const home = join(asked.cacheFolder, 'envs', lock.digest.slice(7, 39))
    mkdirSync(join(home, 'lib'), { recursive: true })
    writeFileSync(join(home, 'lib', 'half'), '')
    await bin.within({}, () => buildEnvironment(lock, PYTHON, asked))
    assert.equal(existsSync(join(home, 'lib', 'half')), false)
  })

  test('has folders that cannot be written, and can be removed all the same', async () => {
    fakeUv()
    const asked = options()
    const python = await bin.within({}, () => buildEnvironment(lock, PYTHON, asked))
    const home = dirname(dirname(python))
    for (const folder of [home, join(home, 'bin'), join(home, 'lib')])
      assert.equal(statSync(folder).mode & 0o222, 0, folder)
    await removeEnvironment(home)
    assert.equal(existsSync(home), false)
    await removeEnvironment(home)
  })

  test('is told to work offline when it must', async () => {
    const uv = fakeUv()
    await bin.within({}, () => buildEnvironment(lock, PYTHON, options(true)))
    assert.ok(uv.calls().some((call) => call.startsWith('pip install') && call.includes('--offline')))
  })

  test('without packages needs no uv, only a Python that can make one', async () => {
    await assert.rejects(buildEnvironment(makeLock('', PYTHON), PYTHON, options()), {
      code: 'unprocessable',
      message: /a-python -m venv failed/,
    })
  })
})

describe('a lock', () => {
  test('names its packages with their versions, whatever else stands in their lines', () => {
    const text = [
      `six==1.16.0 \\`,
      `    ${HASH}`,
      `Pillow[xmp]==10.0.0 ; python_version < "3.12" \\`,
      `    ${HASH}`,
      `zope.interface==6.0;sys_platform=="linux" \\`,
      `    ${HASH}`,
      `a-b_c==1!2.0+cpu`,
    ].join('\n')
    assert.deepEqual(makeLock(text, PYTHON).packages, [
      { name: 'six', version: '1.16.0' },
      { name: 'Pillow', version: '10.0.0' },
      { name: 'zope.interface', version: '6.0' },
      { name: 'a-b_c', version: '1!2.0+cpu' },
    ])
  })

  test('is another for another text, version or platform, and for nothing else', () => {
    const of = (text: string, more: object = {}) => makeLock(text, { ...PYTHON, ...more }).digest
    const all = [of(TEXT), of(''), of(TEXT, { version: '3.11.8' }), of(TEXT, { platform: 'macosx' })]
    assert.equal(new Set(all).size, 4)
    assert.equal(of(TEXT, { path: '/elsewhere' }), of(TEXT))
    assert.ok(all.every((digest) => /^sha256:[0-9a-f]{64}$/.test(digest)))
  })
})

describe('locking', () => {
  const request = (text: string, kind: EnvRequest['kind'] = 'requirements'): EnvRequest => ({
    requires: '>=3.10',
    kind,
    files: { 'requirements.txt': text, 'sub/more.txt': 'attrs' },
  })

  test('keeps the result without its comments, and does not ask again', async () => {
    const uv = fakeUv({ compile: `printf '# made by uv\\n\\n%s   # via x\\n' 'six==1.16.0'` })
    const asked = options()
    await bin.within({}, async () => {
      const first = await lockRequest(request('six'), PYTHON, asked)
      assert.equal(first.text, 'six==1.16.0   # via x\n')
      const before = uv.calls().length
      assert.deepEqual(await lockRequest(request('six'), PYTHON, asked), first)
      assert.equal(uv.calls().length, before)
      await lockRequest(request('attrs'), PYTHON, asked)
      assert.ok(uv.calls().length > before)
    })
  })

  test('gives uv the files as they lie in the project, and asks for hashes', async () => {
    const uv = fakeUv({ compile: 'cat requirements.txt; echo " "; cat sub/more.txt' })
    await bin.within({}, async () => {
      const { text } = await lockRequest(request('six==1'), PYTHON, options(true))
      assert.equal(text, 'six==1\nattrs\n'.replace('six==1\n', 'six==1 \n').replace(' \n', '\n'))
    })
    const call = uv.calls().find((one) => one.startsWith('pip compile')) ?? ''
    assert.match(call, /--generate-hashes.*requirements\.txt.*--offline/)
  })

  test('exports a lock that is there as it is', async () => {
    const uv = fakeUv()
    await bin.within({}, () => lockRequest(request('v', 'lock'), PYTHON, options()))
    assert.ok(uv.calls().some((call) => call.startsWith('export --frozen')))
  })

  test('that fails keeps nothing, and leaves no folder behind', async () => {
    fakeUv({ compile: 'echo "No solution found: a and b" >&2; exit 1' })
    const asked = options()
    await bin.within({}, async () => {
      await assert.rejects(lockRequest(request('a'), PYTHON, asked), { code: 'unprocessable' })
      assert.deepEqual(readdirSync(join(asked.cacheFolder, 'locks')), [])
      fakeUv()
      assert.equal((await lockRequest(request('a'), PYTHON, asked)).text, TEXT)
    })
    assert.equal(readdirSync(join(asked.cacheFolder, 'locks')).length, 1)
  })

  test('of no packages asks no program', async () => {
    const none = { requires: '>=3.10', kind: 'packages' as const, files: { 'requirements.in': '' } }
    const lock = await bin.within({ PATH: '/nowhere' }, () => lockRequest(none, PYTHON, options()))
    assert.deepEqual([lock.text, lock.packages], ['', []])
  })
})
