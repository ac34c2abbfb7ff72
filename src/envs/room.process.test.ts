/** Environments: locked and built once, warm without network, and each failure in plain words. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { openTemporaryStore } from '../store/open.ts'
import { removeEnvironment } from './build.ts'
import type { Envs } from './environments.ts'
import { withLock } from './file-lock.ts'
import { findPython } from './python.ts'
import { requestOf, type EnvRequest } from './request.ts'
import { envsRoom } from './room.ts'
import { explainUv, findUv } from './uv.ts'
import { satisfies } from './versions.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-envs-'))
let store: Awaited<ReturnType<typeof openTemporaryStore>>
let cacheFolder: string

before(async () => {
  store = await openTemporaryStore()
  cacheFolder = join(root, 'cache')
})
after(async () => {
  await store.close()
  await removeEnvironment(root)
})

function room(offline = false): Envs {
  return envsRoom({ db: store.db, clock: () => 1, cacheFolder, offline }).envs
}

function packages(...list: string[]): EnvRequest {
  return { requires: '>=3.10', kind: 'packages', files: { 'requirements.in': list.join('\n') } }
}

/** A wheel made by hand, so that the tests install something without any index. */
function makeWheel(folder: string, name: string, version: string): void {
  mkdirSync(folder, { recursive: true })
  const script = `
import base64, hashlib, sys, zipfile
folder, name, version = sys.argv[1:]
info = f"{name}-{version}.dist-info"
files = {f"{name}.py": f"VERSION = {version!r}\\n", f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
def digest(text): return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
record = "".join(f"{p},sha256={digest(t)},{len(t)}\\n" for p, t in files.items()) + f"{info}/RECORD,,\\n"
with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
    for path, text in {**files, f"{info}/RECORD": record}.items(): wheel.writestr(path, text)
`
  execFileSync('python3', ['-c', script, folder, name, version])
}

async function message(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => assert.fail('it should have failed'),
    (error: Error) => error.message,
  )
}

test('the same packages may be asked for many times at once', async () => {
  const { envs: apart } = envsRoom({ db: store.db, clock: () => 1, cacheFolder: join(root, 'at-once'), offline: true })
  const locks = await Promise.all(Array.from({ length: 20 }, () => apart.resolve(packages())))
  assert.equal(new Set(locks.map(({ digest }) => digest)).size, 1)
})

test('a project without packages gets an environment without any tool or network', async () => {
  const lock = await room(true).resolve(packages())
  const python = await room(true).python(lock.digest)
  const prefix = execFileSync(python, ['-c', 'import sys; print(sys.prefix != sys.base_prefix)'], { encoding: 'utf8' })
  assert.equal(prefix.trim(), 'True')
  assert.equal((await room(true).resolve(packages())).digest, lock.digest)
  assert.deepEqual(lock.packages, [])
})

test('packages are locked by hash, installed once, and warm without network from a fresh database', async (t) => {
  const { cacheFolder: usual } = envsRoom({ db: store.db, clock: () => 1 })
  const uv = await findUv({ cacheFolder: usual, offline: false, say: () => undefined }).catch((error: Error) => error)
  if (uv instanceof Error) return t.skip(uv.message)
  const wheels = join(root, 'wheels')
  makeWheel(wheels, 'slipwaytestpkg', '1.2.3')
  const index = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1')
  await new Promise((resolve) => index.once('listening', resolve))
  const settings = {
    PATH: `${dirname(uv)}:${process.env['PATH']}`,
    UV_FIND_LINKS: wheels,
    UV_DEFAULT_INDEX: `http://127.0.0.1:${(index.address() as AddressInfo).port}/simple`,
  }
  Object.assign(process.env, settings)
  try {
    const lock = await room().resolve(packages('slipwaytestpkg'))
    assert.deepEqual(lock.packages, [{ name: 'slipwaytestpkg', version: '1.2.3' }])
    assert.match(lock.text, /--hash=sha256:[0-9a-f]{64}/)
    const both = await Promise.all([room().python(lock.digest), room().python(lock.digest)])
    assert.equal(both[0], both[1])
    const version = execFileSync(both[0], ['-c', 'import slipwaytestpkg as p; print(p.VERSION)'], { encoding: 'utf8' })
    assert.equal(version.trim(), '1.2.3')
    const conflict = await message(room().resolve(packages('slipwaytestpkg==1', 'slipwaytestpkg==3')))
    assert.match(conflict, /cannot be installed together: .*slipwaytestpkg/)
    const cold = await message(room(true).resolve(packages('never-heard-of-this')))
    assert.match(cold, /offline.*never-heard-of-this/)
    rmSync(wheels, { recursive: true })
    await store.db.tx((t) => t.run('DELETE FROM environments'))
    const warm = await room(true).resolve(packages('slipwaytestpkg'))
    assert.equal(warm.digest, lock.digest)
    assert.equal(await room(true).python(warm.digest), both[0])
  } finally {
    delete process.env['UV_FIND_LINKS']
    delete process.env['UV_DEFAULT_INDEX']
    index.close()
  }
})

test('a Python that is too old is told with what was found and what to do', async () => {
  const text = await message(findPython('>=9.9'))
  assert.match(
    text,
    /requires Python >=9\.9, and this machine has 3\.\d+\.\d+ \(.*\); install a Python >=9\.9.*SLIPWAY_PYTHON/,
  )
  const none = await message(findPython('>=3.10', ['no-such-python']))
  assert.match(none, /no Python was found/)
})

test('version ranges', () => {
  const cases: [string, string, boolean][] = [
    ['3.11.7', '>=3.10', true],
    ['3.9.18', '>=3.10', false],
    ['3.13.0', '>=3.10,<3.13', false],
    ['3.12.9', '>=3.10, <3.13', true],
    ['3.11.7', '==3.11.*', true],
    ['3.11.7', '==3.11', false],
    ['3.11.7', '~=3.10', true],
    ['3.11.7', '~=3.10.1', false],
    ['3.11.7', '!=3.11.*', false],
    ['3.10.0', '>3.10', false],
  ]
  for (const [version, range, expected] of cases)
    assert.equal(satisfies(version, range), expected, `${version} ${range}`)
})

test('a request comes from the section, or from the files of the project', async () => {
  const files: Record<string, string> = {
    'requirements.txt': '-r more.txt\nsix\n',
    'more.txt': 'attrs\n',
    'pyproject.toml': '[project]\nname = "x"\n',
    'uv.lock': 'version = 1\n',
  }
  const read = (only: string[]) => (path: string) => Promise.resolve(only.includes(path) ? files[path] : undefined)
  const all = Object.keys(files)
  assert.equal((await requestOf(undefined, read(all))).kind, 'lock')
  assert.equal((await requestOf(undefined, read(['pyproject.toml', 'requirements.txt']))).kind, 'pyproject')
  const listed = await requestOf({ requires: '>=3.11' }, read(['requirements.txt', 'more.txt']))
  assert.deepEqual(Object.keys(listed.files), ['requirements.txt', 'more.txt'])
  assert.deepEqual((await requestOf({ requires: '>=3.10', packages: ['b', 'a'] }, read(all))).files, {
    'requirements.in': 'a\nb',
  })
  const refused = (section: Parameters<typeof requestOf>[0]) => message(requestOf(section, read(['uv.lock'])))
  assert.match(await refused({ requires: '>=3.10', requirements: 'r.txt' }), /"r\.txt" is not in the project/)
  assert.match(await refused({ requires: '>=3.10', packages: ['a'], lock: 'uv.lock' }), /both packages and lock/)
  assert.match(await refused({ requires: '>=3.10', packages: ['--index-url=http://evil'] }), /expected a package/)
  assert.match(await refused({ requires: '>=3.10', lock: 'uv.lock' }), /"pyproject\.toml" is not beside/)
})

test('a lack of network names the package', () => {
  const text = explainUv(
    'error: Request failed after 3 retries\n  cause: Failed to fetch: https://packages.example/simple/six/\n  cause: tcp connect error\n',
  ).message
  assert.match(text, /the package "six" .* could not be fetched/)
})

test('a lock is held by one at a time and taken over from the dead', async () => {
  const path = join(root, 'a.lock')
  let inside = 0
  const work = async (): Promise<void> => {
    assert.equal(++inside, 1)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
  }
  await Promise.all([withLock(path, work), withLock(path, work), withLock(path, work)])
  writeFileSync(path, '999999999 gone')
  await withLock(path, work)
  assert.equal(inside, 0)
})
