/** One regression test for each class of hole that MLOps servers have had: what broke others is tried on ours, over HTTP. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { tar } from '../fixtures/tar.ts'
import { TRAVERSALS } from '../fixtures/traversals.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { never } from '../until.ts'
import { openTrap } from './trap.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface Asked {
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
  /** Without the admin's token. */
  readonly bare?: boolean
}

let server: TestServer
/** What an attack would make if it got through. */
const loot = mkdtempSync(join(tmpdir(), 'slipway-loot-'))
const mark = join(loot, 'pwned')

before(async () => {
  server = await startTestServer({ env: { SLIPWAY_LOG_LEVEL: 'error' } })
})
after(async () => {
  await server.stop()
  rmSync(loot, { recursive: true, force: true })
})

/** A request as written: no client resolves `..` or sets headers of its own. */
function send(method: string, path: string, asked: Asked = {}): Promise<Answer> {
  const { hostname, port } = new URL(server.url)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const headers = {
    ...(asked.bare !== true && { authorization: `Bearer ${server.token}` }),
    ...(typeof asked.body === 'string' && { 'content-type': 'application/json' }),
    ...(asked.body !== undefined && { 'content-length': String(Buffer.byteLength(asked.body)) }),
    ...asked.headers,
  }
  const request = http.request({ hostname, port, method, path, headers }, (reply) => {
    let text = ''
    reply.on('data', (part) => (text += String(part)))
    reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text }))
  })
  request.on('error', reject)
  request.end(asked.body)
  return promise
}

const mlflow = (path: string, body: object): Promise<Answer> =>
  send('POST', `/api/2.0/mlflow/${path}`, { body: JSON.stringify(body) })
async function newRun(experiment = '0'): Promise<string> {
  const made = await mlflow('runs/create', { experiment_id: experiment })
  return (JSON.parse(made.text) as { run: { info: { run_id: string } } }).run.info.run_id
}

describe('path traversal and files by an address of the client’s choice', () => {
  let run = ''
  before(async () => {
    run = await newRun()
    await mlflow('registered-models/create', { name: 'm' })
    const path = `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/model/MLmodel`
    assert.equal((await send('PUT', path, { body: Buffer.from('flavors: {}\n') })).status, 200)
    const made = await mlflow('model-versions/create', { name: 'm', source: `runs:/${run}/model`, run_id: run })
    assert.equal(made.status, 200, made.text)
  })

  for (const path of TRAVERSALS) {
    test(`reading ${JSON.stringify(path)}`, async () => {
      const sent = encodeURIComponent(path)
      const plain = path.replaceAll('\0', '%00').replaceAll(' ', '%20').replaceAll('#', '%23').replaceAll('?', '%3f')
      for (const address of [
        `/get-artifact?run_id=${run}&path=${sent}`,
        `/api/2.0/mlflow-artifacts/artifacts?path=${sent}`,
        `/api/2.0/mlflow/artifacts/list?run_id=${run}&path=${sent}`,
        `/api/2.0/mlflow-artifacts/artifacts/${sent}`,
        `/api/2.0/mlflow-artifacts/artifacts/${plain}`,
        `/v1/models/m/versions/1/mlflow-artifacts/artifacts/${sent}`,
        `/model-versions/get-artifact?name=m&version=1&path=${sent}`,
        `/${plain}`,
        `/assets/${sent}`,
      ]) {
        const answer = await send('GET', address)
        assert.ok(answer.status < 500, `${address}: ${answer.status} ${answer.text.slice(0, 200)}`)
        assert.equal(/root:.*:0:0:|\[fonts\]/.test(answer.text), false, address)
        const page = answer.headers['content-type']?.startsWith('text/html') === true
        if (answer.status === 200 && !page)
          assert.match(answer.text, /^\{("files":\[\])?|"files"/, `${address}: ${answer.text}`)
      }
    })

    test(`making a version and an experiment of ${JSON.stringify(path)}`, async () => {
      for (const source of [path, `mlflow-artifacts:/${path}`, `runs:/${run}/${path}`, `models:/${path}`]) {
        const made = await mlflow('model-versions/create', { name: 'm', source, run_id: run })
        assert.ok(made.status < 500, `${source}: ${made.status} ${made.text.slice(0, 200)}`)
        if (made.status >= 400) continue
        // a name inside the run's own artifacts, where nothing is
        assert.equal(source, `runs:/${run}/${path}`)
        const { version } = (JSON.parse(made.text) as { model_version: { version: string } }).model_version
        const files = await send('GET', `/v1/models/m/versions/${version}/mlflow-artifacts/artifacts`)
        assert.equal(files.text, '{"files":[]}')
      }
      const name = `at ${Buffer.from(path).toString('hex')}`
      const made = await mlflow('experiments/create', { name, artifact_location: path })
      assert.ok(made.status < 500, made.text)
      if (made.status !== 200) return
      const inside = await newRun((JSON.parse(made.text) as { experiment_id: string }).experiment_id)
      for (const file of ['passwd', 'etc/passwd', 'artifacts/passwd', '']) {
        const read = await send('GET', `/get-artifact?run_id=${inside}&path=${file}`)
        assert.ok(read.status >= 400 && read.status < 500, `${path} ${file}: ${read.status} ${read.text.slice(0, 100)}`)
      }
    })
  }
})

describe('no authentication, or the same for everybody', () => {
  test('nothing but health and the login is open by default', async () => {
    for (const [method, path] of [
      ['GET', '/v1/me'],
      ['GET', '/v1/server'],
      ['GET', '/v1/runs'],
      ['GET', '/v1/changes'],
      ['POST', '/v1/tokens'],
      ['GET', '/api/2.0/mlflow/experiments/search'],
      ['POST', '/api/2.0/mlflow/runs/create'],
      ['GET', '/ajax-api/2.0/mlflow/experiments/search'],
      ['GET', '/get-artifact?run_id=a&path=b'],
      ['PUT', '/api/2.0/mlflow-artifacts/artifacts/0/a/artifacts/x'],
      ['POST', '/v1/trees'],
    ] as const) {
      assert.equal((await send(method, path, { bare: true })).status, 401, `${method} ${path}`)
    }
    assert.equal((await send('GET', '/v1/health', { bare: true })).status, 200)
  })

  test('no password that others ship opens it, and none is the same on two servers', async () => {
    for (const pair of [
      'admin:password',
      'admin:password1234',
      'admin:admin',
      'admin:',
      ':',
      'mlflow:mlflow',
      'slipway:slipway',
      'token:slw_',
    ]) {
      const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
      assert.equal((await send('GET', '/v1/me', { bare: true, headers: { authorization } })).status, 401, pair)
    }
    const other = await startTestServer()
    try {
      assert.notEqual(other.token, server.token)
      const authorization = `Bearer ${other.token}`
      assert.equal((await send('GET', '/v1/me', { bare: true, headers: { authorization } })).status, 401)
    } finally {
      await other.stop()
    }
  })

  test('it listens on loopback alone', async () => {
    assert.equal(new URL(server.url).hostname, '127.0.0.1')
    const port = Number(new URL(server.url).port)
    const reached = await new Promise<boolean>((resolve) => {
      // another address of the loopback network: a server on all addresses would answer here
      const socket = net.connect(port, '127.0.0.2', () => resolve(true))
      socket.on('error', () => resolve(false))
    })
    assert.equal(reached, false)
  })
})

describe('browsers as the attacker’s tool', () => {
  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

  test('DNS rebinding: another Host is refused for every method, also on open routes', async () => {
    for (const method of METHODS) {
      for (const path of ['/v1/me', '/v1/health', '/', '/api/2.0/mlflow/runs/create']) {
        for (const host of [
          'attacker.example',
          'attacker.example:4600',
          '127.0.0.1.attacker.example',
          'localhost.attacker.example',
          '[::ffff:1.2.3.4]',
        ]) {
          const answer = await send(method, path, { headers: { host } })
          assert.equal(answer.status, 403, `${method} ${path} ${host}`)
        }
      }
    }
  })

  test('another Origin is refused on every method that changes something, with a good credential too', async () => {
    const { host, port } = new URL(server.url)
    for (const method of METHODS.filter((one) => !['GET', 'HEAD', 'OPTIONS'].includes(one))) {
      for (const headers of [
        { origin: 'http://attacker.example' },
        { origin: `http://127.0.0.1:${Number(port) + 1}` },
        { origin: `http://${host}.attacker.example` },
        { origin: 'null' },
        { origin: '' },
        { 'sec-fetch-site': 'cross-site' },
      ] as Record<string, string>[]) {
        const answer = await send(method, '/v1/tokens', { headers, body: '{"name":"x","role":"admin"}' })
        assert.equal(answer.status, 403, `${method} ${JSON.stringify(headers)}: ${answer.text}`)
        assert.match(answer.text, /untrusted_origin/)
      }
    }
    const own = await send('POST', '/v1/audit/verify', { headers: { origin: `http://${host}` } })
    assert.equal(own.status, 200)
  })

  test('no other site is told that it may read: no CORS header, not in a preflight either', async () => {
    const headers = { origin: 'http://attacker.example', 'access-control-request-method': 'POST' }
    for (const method of ['OPTIONS', 'GET']) {
      const answer = await send(method, '/v1/me', { headers })
      assert.deepEqual(
        Object.keys(answer.headers).filter((name) => name.startsWith('access-control')),
        [],
      )
    }
  })

  test('the session cookie is out of scripts’ and other sites’ reach, is no token, and its link works once', async () => {
    const path = new URL(server.loginUrl).pathname
    const first = await send('GET', path, { bare: true })
    assert.equal(first.status, 303)
    const [set] = first.headers['set-cookie'] ?? []
    assert.match(set ?? '', /; Path=\/; HttpOnly; SameSite=Strict/)
    assert.equal(first.headers.location, '/')
    const cookie = set?.split(';')[0] ?? ''
    assert.equal((await send('GET', '/v1/me', { bare: true, headers: { cookie } })).status, 200)
    assert.equal(cookie.includes(server.token), false)
    assert.equal((await send('GET', path, { bare: true })).status, 401)
    const foreign = { cookie, origin: 'http://attacker.example' }
    assert.equal(
      (await send('POST', '/v1/tokens', { bare: true, headers: foreign, body: '{"name":"x","role":"admin"}' })).status,
      403,
    )
    assert.equal((await send('POST', '/v1/logout', { bare: true, headers: { cookie } })).status, 200)
    assert.equal((await send('GET', '/v1/me', { bare: true, headers: { cookie } })).status, 401)
  })

  test('artifacts with scripts are downloads in a sandbox, never pages of ours', async () => {
    const run = await newRun()
    const evil = '<script>fetch("/v1/tokens",{method:"POST"})</script>'
    for (const file of ['a.html', 'a.svg', 'a.xml', 'a.htm', 'a.js', 'a', 'a.pdf', "a'b.html"]) {
      const path = `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/${file}`
      assert.equal((await send('PUT', path, { body: Buffer.from(evil) })).status, 200)
      for (const address of [path, `/get-artifact?run_id=${run}&path=${encodeURIComponent(file)}`]) {
        const { headers, text } = await send('GET', address)
        assert.equal(text, evil)
        assert.match(headers['content-disposition'] ?? '', /^attachment/)
        assert.match(String(headers['content-security-policy']), /sandbox/)
        assert.equal(headers['x-content-type-options'], 'nosniff')
      }
    }
  })

  test('what a request holds comes back as JSON, never as HTML', async () => {
    const evil = encodeURIComponent('<script>alert(1)</script>')
    for (const path of [
      `/v1/${evil}`,
      `/v1/runs/${evil}`,
      `/v1/runs?limit=${evil}`,
      `/api/2.0/mlflow/${evil}`,
      `/get-artifact?run_id=${evil}`,
      `/login/${evil}`,
      '/v1/%zz<script>',
    ]) {
      const answer = await send('GET', path)
      assert.ok(answer.status >= 400, path)
      assert.match(answer.headers['content-type'] ?? '', /^application\/json/, path)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', path)
    }
  })
})

describe('requests that the server is made to send', () => {
  test('no address that a caller stores is visited', async () => {
    const trap = await openTrap()
    const url = `http://127.0.0.1:${trap.port}/latest/meta-data`
    const run = await newRun()
    await mlflow('experiments/create', { name: 'ssrf', artifact_location: url })
    await mlflow('registered-models/create', { name: 'ssrf' })
    await mlflow('model-versions/create', { name: 'ssrf', source: url, run_link: url })
    await mlflow('runs/set-tag', { run_id: run, key: 'mlflow.source.name', value: url })
    await mlflow('runs/log-inputs', {
      run_id: run,
      datasets: [{ dataset: { name: 'd', digest: 'x', source_type: 'http', source: JSON.stringify({ url }) } }],
    })
    const endpoint = { project: 'p', model: 'ssrf', monitor: { webhook: url } }
    await send('PUT', '/v1/endpoints/ssrf', { body: JSON.stringify(endpoint) })
    await send('PUT', '/v1/endpoints/ssrf/monitor', { body: JSON.stringify(endpoint.monitor) })
    for (const path of [
      '/api/2.0/mlflow/model-versions/get-download-uri?name=ssrf&version=1',
      '/model-versions/get-artifact?name=ssrf&version=1&path=a',
      '/v1/models/ssrf/versions/1',
      `/v1/${encodeURIComponent(url)}`,
      '/v1/endpoints/ssrf',
    ]) {
      const answer = await send('GET', path)
      assert.ok(answer.status < 500, `${path}: ${answer.text}`)
    }
    await never('a visit', trap.visits, 30, () => send('GET', '/v1/health'))
    trap.close()
  })
})

describe('code where only data belongs', () => {
  const yaml = (text: string) => async (): Promise<Answer> => {
    const made = await send('POST', '/v1/trees', { body: tar([{ path: 'a.py', body: 'x = 1' }]) })
    const { digest } = JSON.parse(made.text) as { digest: string }
    return send('POST', '/v1/pipelines', { body: JSON.stringify({ text, tree: digest }) })
  }
  const STEPS = 'pipeline: {steps: {a: {run: "a:main"}}}\n'

  for (const tag of [
    '!!python/object/apply:os.system',
    '!!python/object/new:os.system',
    '!!js/function',
    '!ruby/object:Gem',
    '!!java.net.URL',
    '!exec',
    'tag:yaml.org,2002:python/name:os.system',
  ]) {
    test(`the tag ${tag} in slipway.yaml is a fault at its line`, async () => {
      const written = tag.startsWith('tag:') ? `!<${tag}>` : tag
      const answer = await yaml(`project: p\n${STEPS}model: ${written} ["touch ${mark}"]\n`)()
      assert.equal(answer.status, 422, answer.text)
      assert.match(answer.text, /slipway\.yaml:3/)
      assert.equal(existsSync(mark), false)
    })
  }

  test('keys of the prototype change nothing', async () => {
    const evil =
      '{"__proto__":{"role":"admin","project":"x"},"constructor":{"prototype":{"role":"admin"}},"name":"v","role":"viewer"}'
    const made = await send('POST', '/v1/tokens', { body: evil })
    assert.ok(made.status === 200 || made.status === 400, made.text)
    await send('POST', '/v1/pipeline-runs', { body: '{"project":"p","params":{"__proto__":{"polluted":1}}}' })
    await yaml(`project: p\n${STEPS}__proto__: {polluted: 1}\n`)()
    const token = JSON.parse((await send('POST', '/v1/tokens', { body: '{"name":"v","role":"viewer"}' })).text) as {
      token: string
    }
    const me = await send('GET', '/v1/me', { bare: true, headers: { authorization: `Bearer ${token.token}` } })
    assert.equal((JSON.parse(me.text) as { role: string }).role, 'viewer')
    assert.equal(me.text.includes('polluted'), false)
  })

  test('names with commands in them are data', async () => {
    for (const name of [
      `$(touch ${mark})`,
      `\`touch ${mark}\``,
      `; touch ${mark} #`,
      `| touch ${mark}`,
      `\n touch ${mark}\n`,
      '-rf',
      "'; DROP TABLE runs; --",
    ]) {
      const run = await mlflow('runs/create', {
        experiment_id: '0',
        run_name: name,
        tags: [{ key: 'mlflow.source.name', value: name }],
      })
      assert.equal(run.status, 200, run.text)
      for (const answer of [
        await mlflow('registered-models/create', { name }),
        await mlflow('experiments/create', { name }),
        await send('PUT', `/v1/endpoints/${encodeURIComponent(name)}`, {
          body: JSON.stringify({ project: 'p', model: name }),
        }),
        await send('PUT', '/v1/endpoints/e', { body: JSON.stringify({ project: name, model: 'm' }) }),
        await yaml(`project: ${JSON.stringify(name)}\n${STEPS}`)(),
        await yaml(`project: p\npython: {packages: [${JSON.stringify(name)}]}\n${STEPS}`)(),
      ]) {
        assert.ok(answer.status < 500, answer.text)
      }
    }
    assert.equal((await send('GET', '/v1/runs')).status, 200)
    assert.equal(existsSync(mark), false)
  })

  test('a link in an archive, and a file through it, leave nothing outside', async () => {
    for (const type of ['2', '1']) {
      const archive = tar([
        { path: 'a', type, link: loot },
        { path: 'a/pwned', body: 'x' },
      ])
      assert.equal((await send('POST', '/v1/trees', { body: archive })).status, 400)
    }
    assert.equal(existsSync(mark), false)
  })

  for (const [what, text] of [
    ['a tag that calls a command', `flavors: !!python/object/apply:os.system ["touch ${mark}"]\n`],
    ['no YAML', 'flavors: [\n'],
    ['a list', '- 1\n'],
    ['a signature of nulls', 'flavors: {}\nsignature: {inputs: "[null, 1]", outputs: "[[]]"}\n'],
    ['a signature that is text', 'flavors: {}\nsignature: {inputs: "{", outputs: 1}\n'],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n`,
    ],
    ['bytes', '\0\x01\x02\xff'],
  ] as const) {
    test(`an MLmodel file that holds ${what} is no fault of the server, and runs nothing`, async () => {
      const run = await newRun()
      const path = `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/model/MLmodel`
      assert.equal((await send('PUT', path, { body: Buffer.from(text, 'latin1') })).status, 200)
      await mlflow('registered-models/create', { name: 'evil' })
      const made = await mlflow('model-versions/create', { name: 'evil', source: `runs:/${run}/model`, run_id: run })
      assert.ok(made.status < 500, made.text)
      assert.ok((await send('GET', '/v1/models/evil/versions')).status < 500)
      assert.equal(existsSync(mark), false)
    })
  }
})

describe('work that grows faster than the request', () => {
  for (const [what, ask] of [
    [
      'a boundary of 60 kB',
      () =>
        send('POST', '/v1/tokens', {
          headers: { 'content-type': `multipart/form-data; boundary=${'-'.repeat(10_000)}` },
          body: '-'.repeat(60_000),
        }),
    ],
    [
      'spaces in a credential',
      () => send('GET', '/v1/me', { bare: true, headers: { authorization: `Basic ${' '.repeat(8000)}x` } }),
    ],
    ['semicolons in a cookie', () => send('GET', '/v1/me', { bare: true, headers: { cookie: ';'.repeat(12_000) } })],
    ['quotes in a filter', () => mlflow('runs/search', { experiment_ids: ['0'], filter: "'".repeat(20_000) })],
    [
      'a filter of 20,000 ANDs',
      () =>
        mlflow('runs/search', {
          experiment_ids: ['0'],
          filter: `params.a = 'x'${" AND params.a = 'x'".repeat(20_000)}`,
        }),
    ],
    [
      'a pattern of per cents',
      () => mlflow('runs/search', { experiment_ids: ['0'], filter: `params.a LIKE '${'%a'.repeat(5000)}'` }),
    ],
    [
      'a version range',
      () =>
        send('POST', '/v1/pipelines', {
          body: JSON.stringify({
            tree: `sha256:${'0'.repeat(64)}`,
            text: `project: p\npython: {requires: ">=1${'.1'.repeat(50_000)}x"}\n`,
          }),
        }),
    ],
    [
      'a deep YAML',
      () =>
        send('POST', '/v1/pipelines', {
          body: JSON.stringify({ tree: `sha256:${'0'.repeat(64)}`, text: `project: ${'['.repeat(20_000)}` }),
        }),
    ],
  ] as const) {
    test(`${what} is answered for less than 3 seconds of CPU`, async () => {
      const before = cpuSeconds()
      const answer = await ask()
      assert.ok(answer.status < 500, answer.text.slice(0, 300))
      const spent = cpuSeconds() - before
      assert.ok(spent < 3, `${spent} s`)
    })
  }
})

/** What the server has spent so far: unlike time it does not depend on what else the machine does. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  // of its own and of the kernel for it, in hundredths of a second
  return (Number(fields[11]) + Number(fields[12])) / 100
}

test('after all of it nothing was taken for a fault of the server', () => assert.equal(server.errors(), ''))
