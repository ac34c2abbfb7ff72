/** Finding uv, the settings that it gets, and its failures in plain words. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { programs } from './programs.fixture.ts'
import { explainUv, findUv, UV_VERSION, uvEnvironment } from './uv.ts'

const bin = programs()
const root = mkdtempSync(join(tmpdir(), 'slipway-uv-'))
after(() => {
  bin.remove()
  rmSync(root, { recursive: true, force: true })
})

describe('finding uv', () => {
  const options = (cacheFolder: string) => ({ cacheFolder, offline: true, say: assert.fail as (line: string) => void })

  for (const [said, recent] of [
    ['uv 0.5.0', true],
    ['uv 0.5.1 (abc 2025-01-01)', true],
    ['uv 0.13.9', true],
    ['uv 1.0.0', true],
    ['uv 0.4.30', false],
    ['uv 0.4.999 (abc)', false],
    ['uv 0.5', false],
    ['something else', false],
    ['', false],
  ] as const) {
    test(`a program that calls itself "${said}" is ${recent ? 'taken' : 'too old, or none'}`, async () => {
      bin.add('uv', `echo '${said}'`)
      await bin.within({}, async () => {
        const found = findUv(options(join(root, 'empty')))
        if (recent) assert.equal(await found, 'uv')
        else await assert.rejects(found, { code: 'unavailable', message: /uv is not installed.*install uv/ })
      })
    })
  }

  test('a program that fails is none', async () => {
    bin.add('uv', 'echo "uv 9.9.9"; exit 1')
    await bin.within({}, () => assert.rejects(findUv(options(join(root, 'empty'))), { code: 'unavailable' }))
  })

  test('one that was brought before goes before that of PATH, but only when it was brought wholly', async () => {
    const home = join(root, 'cache', 'uv', UV_VERSION)
    mkdirSync(home, { recursive: true })
    bin.add('uv', 'echo "uv 9.9.9"')
    await bin.within({}, async () => {
      assert.equal(await findUv(options(join(root, 'cache'))), 'uv')
      writeFileSync(join(home, '.complete'), '')
      assert.equal(await findUv(options(join(root, 'cache'))), join(home, 'bin', 'uv'))
    })
  })
})

describe('the settings of uv', () => {
  const settings = (env: Record<string, string>) => {
    const names = [
      'UV_CACHE_DIR',
      'UV_DEFAULT_INDEX',
      'UV_INDEX_URL',
      'PIP_INDEX_URL',
      'SSL_CERT_FILE',
      'PIP_CERT',
      'UV_FIND_LINKS',
      'PIP_FIND_LINKS',
    ]
    const none = Object.fromEntries(names.map((name) => [name, undefined]))
    return bin.within({ ...none, ...env }, async () => uvEnvironment('/cache'))
  }

  for (const [what, env, name, value] of [
    ['a cache of its own', {}, 'UV_CACHE_DIR', '/cache/uv-cache'],
    ['the cache that the user named', { UV_CACHE_DIR: '/own' }, 'UV_CACHE_DIR', '/own'],
    ['no index without one', {}, 'UV_DEFAULT_INDEX', undefined],
    ['the index of pip', { PIP_INDEX_URL: 'p' }, 'UV_DEFAULT_INDEX', 'p'],
    [
      'the older name of its own before that of pip',
      { UV_INDEX_URL: 'u', PIP_INDEX_URL: 'p' },
      'UV_DEFAULT_INDEX',
      'u',
    ],
    ['its own index before all', { UV_DEFAULT_INDEX: 'd', UV_INDEX_URL: 'u' }, 'UV_DEFAULT_INDEX', 'd'],
    ['the certificates of pip', { PIP_CERT: 'c' }, 'SSL_CERT_FILE', 'c'],
    ['its own certificates before', { SSL_CERT_FILE: 's', PIP_CERT: 'c' }, 'SSL_CERT_FILE', 's'],
    ['the links of pip', { PIP_FIND_LINKS: 'l' }, 'UV_FIND_LINKS', 'l'],
    ['no Python of its own', {}, 'UV_PYTHON_DOWNLOADS', 'never'],
    ['no environment that happens to be active', { VIRTUAL_ENV: '/active' }, 'VIRTUAL_ENV', undefined],
  ] as const)
    test(`have ${what}`, async () => assert.equal((await settings(env))[name], value))
})

describe('a failure of uv', () => {
  for (const [what, stderr, code, said] of [
    [
      'without network, by the name of the package',
      'error: Request failed after 3 retries\n  Caused by: Failed to fetch: `https://pypi.org/simple/six/`\n  Caused by: dns error\n',
      'unavailable',
      /the package "six" .* could not be fetched .*UV_DEFAULT_INDEX/,
    ],
    [
      'without network, where no package is named',
      'error: error sending request\n  Caused by: tcp connect error: Connection refused (os error 111)',
      'unavailable',
      /the package index could not be fetched.*Connection refused/,
    ],
    [
      'of a certificate that has expired, with what the clock says',
      'error: Failed to fetch: https://localhost:1/simple/six/\n  cause: error sending request for url (https://localhost:1/simple/six/)\n  cause: client error (Connect)\n  cause: invalid peer certificate: certificate expired: verification time 1795851832 (UNIX), but certificate is not valid after 1580515200 (215336632 seconds ago)',
      'unavailable',
      /the package "six" .*: its certificate does not hold, and this machine's clock says \d{4}-\d\d-\d\d \d\d:\d\d UTC; if that is wrong, set the clock$/,
    ],
    [
      'of a file that cannot be fetched',
      'error: Failed to download `numpy==2.0`\n  Caused by: operation timed out',
      'unavailable',
      /numpy==2\.0/,
    ],
    [
      'offline, with what is not cached',
      'error: No solution found\n  ╰─▶ Because six was not found in the cache, network was disabled',
      'unavailable',
      /told to work offline.*six was not found in the cache/,
    ],
    [
      'of a conflict, with its reason',
      '  × No solution found when resolving dependencies:\n  ╰─▶ Because you require six==1 and six==2, we can conclude that your requirements are unsatisfiable.',
      'unprocessable',
      /cannot be installed together: Because you require six==1 and six==2/,
    ],
    [
      'of a package that does not exist, by its name',
      '  × No solution found when resolving dependencies:\n  ╰─▶ Because sixx was not found in the package\n      registry and you require sixx, we can conclude that your requirements are unsatisfiable.',
      'unprocessable',
      /^the package index has no package "sixx"; check its name/,
    ],
    [
      'of a file that is another than the lock has, and what to do',
      'Using CPython 3.11.7 interpreter at: /usr/bin/python3\nResolved 1 package in 445ms\nerror: Failed to download `six==1.16.0`\n  cause: Hash mismatch for `six==1.16.0`\n\nExpected:\n  sha256:00\nComputed:\n  sha256:8a',
      'unprocessable',
      /^the package index has another file of six==1\.16\.0 than the lock names by its hash; where you trust it, lock the package anew$/,
    ],
    [
      'behind what uv said of its way',
      'Using CPython 3.11.7 interpreter at: /usr/bin/python3\nResolved 1 package in 445ms\nerror: no space',
      'unprocessable',
      /^the environment cannot be made: error: no space$/,
    ],
    [
      'that nobody foresaw, with its own words',
      'error: something new\nwith two lines',
      'unprocessable',
      /cannot be made: error: something new\nwith two lines/,
    ],
  ] as const) {
    test(what, () => {
      const error = explainUv(stderr) as Error & { code: string }
      assert.equal(error.code, code)
      assert.match(error.message, said)
    })
  }

  test('has no colours, and the end of a long one', () => {
    const { data } = explainUv(`\u001b[31merror\u001b[0m: ${'x'.repeat(5000)}THE END`) as Error & {
      data: { detail: string }
    }
    assert.ok(!data.detail.includes('\u001b'))
    assert.ok(data.detail.endsWith('THE END'))
    assert.ok(data.detail.length < 2200)
  })
})
