/** Malformed HTTP, JSON, paths, queries, archives, uploads and project files: each is answered 4xx with words that name the fault, and the server goes on. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { paxName, tar } from '../fixtures/tar.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

interface Answer {
  readonly status: number
  readonly text: string
}

/** What is wrong, how it is sent, and the words (or the status) that the answer must have. */
type Case = readonly [what: string, send: () => Promise<Answer>, says: RegExp | number]

const MB = 1024 * 1024
let server: TestServer
let run = ''

before(async () => {
  server = await startTestServer({ env: { SLIPWAY_LOG_LEVEL: 'error' } })
  const made = await send('POST', '/api/2.0/mlflow/runs/create', '{"experiment_id":"0"}')
  run = (JSON.parse(made.text) as { run: { info: { run_id: string } } }).run.info.run_id
  await send('POST', '/api/2.0/mlflow/registered-models/create', '{"name":"m"}')
})
after(() => server.stop())

type Body = string | Uint8Array

async function send(method: string, path: string, body?: Body, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${server.token}`,
      ...(typeof body === 'string' && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: body as string }),
  })
  return { status: response.status, text: await response.text() }
}

/** Writes bytes to the port and reads until the server closes; `$` stands for the lines that every good request has. */
function raw(text: string): () => Promise<Answer> {
  return () => {
    const good = `Host: 127.0.0.1\r\nAuthorization: Bearer ${server.token}\r\nConnection: close\r\n`
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1', () =>
      socket.write(Buffer.from(text.replace('$', good), 'latin1')),
    )
    let got = ''
    socket.on('data', (part) => (got += part.toString()))
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(got)?.[1] ?? 0), text: got }))
    // a server that has answered may hang up on what was not sent yet
    socket.on('error', (error) => {
      if (got === '') reject(error)
    })
    return promise
  }
}

const get = (path: string) => () => send('GET', path)
const post = (path: string, body: Body, headers?: Record<string, string>) => () => send('POST', path, body, headers)
const token = (body: Body, headers?: Record<string, string>) => post('/v1/tokens', body, headers)
const mlflow = (path: string, body: unknown) => () => send('POST', `/api/2.0/mlflow/${path}`, JSON.stringify(body))
const ofRun = (path: string, body: object) => () => mlflow(path, { run_id: run, ...body })()
const artifacts = '/api/2.0/mlflow-artifacts'
const tree = (body: Uint8Array) => post('/v1/trees', body)
const project = (text: string) => async () => {
  const made = JSON.parse((await send('POST', '/v1/trees', tar([{ path: 'a.py', body: 'x = 1' }]))).text) as {
    digest: string
  }
  return send('POST', '/v1/pipelines', JSON.stringify({ text, tree: made.digest }))
}
const step = (lines: string): string => `project: p\npipeline:\n  steps:\n    a:\n${lines}`

const HTTP: Case[] = [
  ['words that are no request', raw('hello\r\n\r\n'), 400],
  ['a TLS greeting', raw('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), 400],
  ['a method that does not exist', raw('FETCH /v1/me HTTP/1.1\r\n$\r\n'), 400],
  ['another version of HTTP', raw('GET /v1/me HTTP/9.9\r\n$\r\n'), 400],
  ['no Host', raw('GET /v1/me HTTP/1.1\r\nConnection: close\r\n\r\n'), 400],
  ['a header without colon', raw('GET /v1/me HTTP/1.1\r\nnonsense\r\n$\r\n'), 400],
  ['a header name with a space', raw('GET /v1/me HTTP/1.1\r\nX Y: 1\r\n$\r\n'), 400],
  ['NUL in a header', raw('GET /v1/me HTTP/1.1\r\nX: a\0b\r\n$\r\n'), 400],
  ['NUL in the address', raw('GET /v1/runs/\0 HTTP/1.1\r\n$\r\n'), 400],
  ['a space in the address', raw('GET /v1/runs/a b HTTP/1.1\r\n$\r\n'), 400],
  ['a header of 70 kB', raw(`GET /v1/me HTTP/1.1\r\nX: ${'y'.repeat(70_000)}\r\n$\r\n`), /larger than 16384 bytes/],
  ['an address of 70 kB', raw(`GET /v1/runs?filter=${'y'.repeat(70_000)} HTTP/1.1\r\n$\r\n`), 431],
  ['two lengths', raw('POST /v1/tokens HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n$\r\n{}x'), 400],
  ['a negative length', raw('POST /v1/tokens HTTP/1.1\r\nContent-Length: -1\r\n$\r\n'), 400],
  [
    'length and chunks together',
    raw('POST /v1/tokens HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n$\r\n0\r\n\r\n'),
    400,
  ],
  [
    'a chunk whose size is no number',
    raw(
      'POST /v1/tokens HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n$\r\nzz\r\n{}\r\n0\r\n\r\n',
    ),
    400,
  ],
  ['an unknown transfer encoding', raw('POST /v1/tokens HTTP/1.1\r\nTransfer-Encoding: secret\r\n$\r\n{}'), 400],
  ['a whole other server in the request line', raw('GET http://attacker.example/v1/me HTTP/1.1\r\n$\r\n'), /40[0-9]/],
  ['CONNECT', raw('CONNECT attacker.example:443 HTTP/1.1\r\n$\r\n'), /^(HTTP\/1\.1 4|$)/],
]

const JSONS: Case[] = [
  ['half an object', token('{"name":'), /not valid JSON/],
  ['single quotes', token("{'name':'a'}"), /not valid JSON/],
  ['NaN', token('{"name":NaN}'), /not valid JSON/],
  ['a comma too many', token('{"name":"a",}'), /not valid JSON/],
  ['a raw control character in a string', token('{"name":"a\u0001"}'), /not valid JSON/],
  ['a byte order mark', token('\ufeff{"name":"a","role":"viewer"}'), /not valid JSON/],
  [
    'bytes that are not UTF-8',
    token(Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d), { 'content-type': 'application/json' }),
    /UTF-8/,
  ],
  ['UTF-16', token(Buffer.from('{"name":"é"}', 'utf16le'), { 'content-type': 'application/json' }), /JSON/],
  ['half of a surrogate pair', token('{"name":"\\ud800","role":"viewer"}'), /surrogate/],
  ['half of a pair on MLflow’s wire', mlflow('experiments/create', { name: '\ud800' }), /surrogate/],
  ['a key twice', token('{"name":"a","role":"viewer","role":"admin"}'), /"role\\?" stands twice/],
  ['a list where an object belongs', token('[]'), /expected object/],
  ['null', token('null'), /expected object/],
  ['a number for a name', token('{"name":1,"role":"viewer"}'), /body\.name/],
  ['an object for a name', token('{"name":{"$gt":""},"role":"viewer"}'), /body\.name/],
  ['an unknown role', token('{"name":"a","role":"root"}'), /body\.role/],
  ['a number beyond all bounds', token('{"name":"a","role":"viewer","expires_in_days":1e999}'), /expires_in_days/],
  [
    'a fraction where a whole number belongs',
    token('{"name":"a","role":"viewer","expires_in_days":1.5}'),
    /expires_in_days/,
  ],
  ['a negative number of days', token('{"name":"a","role":"viewer","expires_in_days":-1}'), /expires_in_days/],
  [
    '100,000 lists in each other',
    post('/v1/pipeline-runs', `{"params":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    /nests deeper/,
  ],
  [
    'the same on MLflow’s wire',
    post('/api/2.0/mlflow/runs/create', `{"experiment_id":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    /nests deeper/,
  ],
  [
    'four million objects',
    post('/v1/endpoints/e/labels', `{"labels":[${'{},'.repeat(4_000_000)}{}]}`),
    /2000001 values or more; at most 2000000 are taken/,
  ],
  [
    'deep lists inside a JSON string on MLflow’s wire',
    post('/api/2.0/mlflow/runs/create', JSON.stringify(`{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)),
    /nests deeper than 100/,
  ],
  ['10 MB of text', token(`{"name":"${'a'.repeat(10 * MB)}","role":"viewer"}`), /larger than 1048576 bytes/],
  ['10 MB on MLflow’s wire', mlflow('experiments/create', { name: 'a'.repeat(10 * MB) }), /larger than/],
  ['a form', token('name=a&role=viewer', { 'content-type': 'application/x-www-form-urlencoded' }), /content type/],
  ['a form of parts without boundary', token('x', { 'content-type': 'multipart/form-data' }), /content type/],
  ['JSON inside a JSON string that is none', post('/api/2.0/mlflow/runs/create', '"{"'), /does not hold JSON/],
]

const PATHS: Case[] = [
  ['an address that cannot be decoded', get('/v1/runs/%zz'), /%zz/],
  ['an address in broken UTF-8', get('/v1/runs/%ff'), /%ff/],
  ['NUL in a name', get('/v1/endpoints/a%00b'), /path\.name/],
  ['.. as a name', get('/v1/endpoints/%2e%2e'), 404],
  ['.. with a slash in a name', get('/v1/endpoints/..%2f..%2fetc%2fpasswd'), /path\.name/],
  ['.. in the name of a model', get('/v1/models/..%2fm'), /path\.name/],
  ['a name of 5,000 letters', get(`/v1/endpoints/${'a'.repeat(5000)}`), /long/],
  ['a version that is no number', get('/v1/models/m/versions/1e3'), /version number/],
  ['a method that the path does not have', () => send('PATCH', '/v1/me'), /allowed: GET/],
  ['a path that does not exist', get('/v1/everything'), /no route/],
  ['an unknown path of MLflow', get('/api/2.0/mlflow/everything'), /"error_code":"ENDPOINT_NOT_FOUND"/],
  ['a negative limit', get('/v1/runs?limit=-1'), /query\.limit/],
  ['a limit beyond the largest', get('/v1/runs?limit=99999999999999999999'), /query\.limit/],
  ['a limit that is no number', get('/v1/runs?limit=ten'), /query\.limit/],
  ['a limit twice', get('/v1/runs?limit=1&limit=2'), /query\.limit/],
  ['a page token that is none', get('/v1/pipelines?page_token=%27%3B--'), /page_token/],
  ['a page token of runs that is none', get('/v1/runs?page_token=%27%3B--'), /page token/],
  ['a filter that does not end', get(`/v1/runs?filter=${encodeURIComponent("params.a = 'x")}`), /filter/i],
  ['a filter with SQL in it', get(`/v1/runs?filter=${encodeURIComponent('1=1; DROP TABLE runs')}`), /filter|1=1/i],
  ['a filter in 5,000 parentheses', get(`/v1/runs?filter=${'('.repeat(5000)}`), /filter|nest|paren/i],
  ['an order that does not exist', get('/v1/runs?order_by=password'), /order_by|password/],
  ['a time that is none', get('/v1/models-at?time=yesterday'), /query\.time/],
  ['no time at all', get('/v1/models-at'), /query\.time/],
  [
    '51 runs to compare',
    get(`/v1/runs/compare?ids=${Array.from({ length: 51 }, (_, i) => `r${i}`).join(',')}`),
    /query\.ids/,
  ],
]

const TRACKING: Case[] = [
  ['a metric that is text', ofRun('runs/log-metric', { key: 'a', value: 'high', timestamp: 1 }), /value/],
  ['a metric without time', ofRun('runs/log-metric', { key: 'a', value: 1 }), /timestamp/],
  ['a step beyond 64 bits', ofRun('runs/log-metric', { key: 'a', value: 1, timestamp: 1, step: 1e30 }), /step/],
  ['a time beyond all calendars', ofRun('runs/log-metric', { key: 'a', value: 1, timestamp: 1e300 }), /timestamp/],
  ['a metric named ..', ofRun('runs/log-metric', { key: '../../a', value: 1, timestamp: 1 }), /\.\.\/\.\.\/a/],
  ['a param whose name is 10,000 letters', ofRun('runs/log-parameter', { key: 'a'.repeat(10_000), value: 'x' }), /key/],
  ['a tag without key', ofRun('runs/set-tag', { value: 'x' }), /key/],
  [
    '1,001 metrics at once',
    ofRun('runs/log-batch', {
      metrics: Array.from({ length: 1001 }, (_, i) => ({ key: `k${i}`, value: 1, timestamp: 1 })),
    }),
    /1000|metrics/,
  ],
  ['metrics that are no list', ofRun('runs/log-batch', { metrics: { a: 1 } }), /metrics/],
  ['a status that does not exist', ofRun('runs/update', { status: 'DONE' }), /status/],
  ['a run that is NUL', mlflow('runs/update', { run_id: '\0' }), /NUL/],
  ['an experiment whose number is none', mlflow('runs/create', { experiment_id: '../0' }), /experiment/i],
  [
    'artifacts kept at a file of the server',
    mlflow('experiments/create', { name: 'x1', artifact_location: 'file:///etc/../passwd' }),
    /artifact/i,
  ],
  ['a search of 10^9 runs', mlflow('runs/search', { experiment_ids: ['0'], max_results: 1e9 }), /max_results/],
  ['a model named ../m', mlflow('registered-models/create', { name: '../m' }), /name/i],
  ['a model named NUL', mlflow('registered-models/create', { name: 'a\0' }), /name/i],
  ['a model of 10,000 letters', mlflow('registered-models/create', { name: 'a'.repeat(10_000) }), /name/],
  ['an alias with a slash', mlflow('registered-models/alias', { name: 'm', alias: '../x', version: '1' }), /alias/i],
  [
    'an alias that means something else',
    mlflow('registered-models/alias', { name: 'm', alias: 'latest', version: '1' }),
    /reserved/,
  ],
  ['a version that is text', mlflow('registered-models/alias', { name: 'm', alias: 'a', version: 'one' }), /version/],
  ['a version made of /etc', mlflow('model-versions/create', { name: 'm', source: 'file:///etc' }), /source/],
  [
    'a version made of a run that is not there',
    mlflow('model-versions/create', { name: 'm', source: 'runs:/none/model' }),
    /source/,
  ],
  [
    'a version made of ..',
    mlflow('model-versions/create', { name: 'm', source: 'mlflow-artifacts:/0/../../etc' }),
    /source/,
  ],
]

const put = (path: string, body: object) => () => send('PUT', path, JSON.stringify(body))
const create = (path: string, body: object) => post(path, JSON.stringify(body))
const rule = { project: 'default', name: 'r', stage: 'active', older_than_days: 1 }

/** Names and texts that come in a body: the same on both databases, although only one of them refuses NUL by itself. */
const NAMES: Case[] = [
  ['NUL in the name of a token', create('/v1/tokens', { name: 'a\0b', role: 'viewer' }), /NUL/],
  ['NUL in the project of a token', create('/v1/tokens', { name: 'a', role: 'viewer', project: 'p\0' }), /NUL|project/],
  ['NUL in the name of a saved search', create('/v1/searches', { name: 'a\0', query: {} }), /NUL|name|query/],
  ['NUL in the name of a rule', create('/v1/retention', { ...rule, name: 'a\0' }), /NUL|name/],
  ['an endpoint of the project ..', put('/v1/endpoints/e1', { project: '../p', model: 'm' }), /project|body/],
  [
    'an endpoint whose model is 10 MB',
    put('/v1/endpoints/e1', { project: 'default', model: 'm'.repeat(10 * MB) }),
    /larger/,
  ],
  ['a rule whose name is 10 MB', create('/v1/retention', { ...rule, name: 'a'.repeat(10 * MB) }), /larger/],
  ['a search whose filter is 10 MB', create('/v1/searches', { name: 'a', filter: 'a'.repeat(10 * MB) }), /larger/],
  ['a tag whose key is NUL', ofRun('runs/set-tag', { key: '\0', value: 'x' }), /key|NUL/],
  ['a param whose value has NUL', ofRun('runs/log-parameter', { key: 'n', value: 'a\0b' }), /NUL|value/],
  ['an experiment whose name has NUL', mlflow('experiments/create', { name: 'a\0b' }), /NUL|name/],
  ['an experiment without name', mlflow('experiments/create', { name: '' }), /name/],
  ['a tag of 10 MB', ofRun('runs/set-tag', { key: 'a', value: 'x'.repeat(10 * MB) }), /larger|value|long/],
  [
    'a label for a prediction that is NUL',
    create('/v1/endpoints/e1/labels', { labels: [{ prediction_id: '\0', label: 1 }] }),
    /NUL|prediction_id|e1/,
  ],
  ['metrics by NUL in a query', get('/v1/runs?metrics=%00'), /NUL|metrics/],
  ['a project that is NUL in a query', get('/v1/pipelines?project=%00'), /NUL|project/],
]

const UPLOADS: Case[] = [
  ...['../x', '..%2fx', '%2e%2e/x', '%252e%252e%252fx', 'a/..%5cx', '%00', 'a%00.txt', 'C:%5cx', 'a%23b', 'a%0ab'].map(
    (path): Case => [
      `an artifact at ${path}`,
      // by hand, because fetch itself resolves ".."
      raw(`PUT ${artifacts}/artifacts/0/r/artifacts/${path} HTTP/1.1\r\nContent-Length: 1\r\n$\r\nx`),
      /Invalid path/,
    ],
  ),
  [
    'an artifact whose path is 3,000 letters',
    () => send('PUT', `${artifacts}/artifacts/0/r/${'a/'.repeat(1500)}b`, Buffer.from('x')),
    /Invalid path/,
  ],
  [
    'a range beyond the file',
    async () => {
      const path = `${artifacts}/artifacts/0/${run}/artifacts/r.txt`
      assert.equal((await send('PUT', path, Buffer.from('abc'))).status, 200)
      return send('GET', path, undefined, { range: 'bytes=10-20' })
    },
    /outside the file/,
  ],
  [
    'a file of a run at ..',
    () => send('GET', `/get-artifact?run_id=${run}&path=..%2f..%2fetc%2fpasswd`),
    /Invalid path/,
  ],
  ['an upload in -1 parts', post(`${artifacts}/mpu/create/0/r/artifacts`, '{"path":"a","num_parts":-1}'), /num_parts/],
  [
    'an upload in 10^9 parts',
    post(`${artifacts}/mpu/create/0/r/artifacts`, '{"path":"a","num_parts":1000000000}'),
    /num_parts/,
  ],
  ['an upload without path', post(`${artifacts}/mpu/create/0/r/artifacts`, '{}'), /path/],
  ['an upload that is a list', post(`${artifacts}/mpu/create/0/r/artifacts`, '[]'), /path|object/],
  ['a part of no upload', () => send('PUT', `${artifacts}/mpu/parts/none/1`, Buffer.from('x')), /none/],
  ['a part numbered x', () => send('PUT', `${artifacts}/mpu/parts/none/x`, Buffer.from('x')), /part/i],
]

const ARCHIVES: Case[] = [
  ['nothing', tree(new Uint8Array(0)), /too early/],
  ['text', tree(Buffer.from('hello '.repeat(200))), /checksum/],
  ['a gzip', tree(Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(1020, 7)])), /checksum|uncompressed/],
  ['a symbolic link', tree(tar([{ path: 'a', type: '2', link: '/etc/passwd' }])), /a\\" is a link/],
  ['a hard link', tree(tar([{ path: 'a', type: '1', link: 'b' }])), /a\\" is a link/],
  ['a link that leaves by ..', tree(tar([{ path: 'a/b', type: '2', link: '../../../etc' }])), /a\/b\\" is a link/],
  [
    'a file behind a link',
    tree(
      tar([
        { path: 'd', type: '2', link: '/etc' },
        { path: 'd/passwd', body: 'x' },
      ]),
    ),
    /d\\" is a link/,
  ],
  ['a device', tree(tar([{ path: 'null', type: '3' }])), /device/],
  ['a pipe', tree(tar([{ path: 'pipe', type: '6' }])), /device/],
  ['an absolute path', tree(tar([{ path: '/etc/cron.d/x', body: 'x' }])), /etc\/cron/],
  ['..', tree(tar([{ path: 'a/../../x', body: 'x' }])), /a\/\.\.\/\.\.\/x/],
  ['.. in a pax header', tree(tar([paxName('../x'), { path: 'a', body: 'x' }])), /\.\.\/x/],
  [
    '.. in a long name',
    tree(
      tar([
        { path: 'long', type: 'L', body: '../../x\0' },
        { path: 'a', body: 'x' },
      ]),
    ),
    /\.\.\/\.\.\/x/,
  ],
  ['a path of a Windows drive', tree(tar([{ path: 'C:/x', body: 'x' }])), /C:\/x/],
  ['backslashes', tree(tar([{ path: String.raw`..\x`, body: 'x' }])), /plain relative path/],
  ['a wrong checksum', tree(tar([{ path: 'a', body: 'x', brokenChecksum: true }])), /checksum/],
  [
    'the same file twice',
    tree(
      tar([
        { path: 'a', body: '1' },
        { path: './a', body: '2' },
      ]),
    ),
    /a\\" is there twice/,
  ],
  ['a file that ends too early', tree(tar([{ path: 'a', body: 'x', size: 5000 }], true)), /too early/],
  ['a bomb: a file of 4 petabytes', tree(tar([{ path: 'a', size: 2 ** 52 }])), /larger than/],
  ['a header of 1 GB', tree(tar([{ path: 'pax', type: 'x', size: 2 ** 30 }])), /header larger/],
  [
    'a file that is also a folder',
    tree(
      tar([
        { path: 'a', body: '1' },
        { path: 'a/b', body: '2' },
      ]),
    ),
    /"?a/,
  ],
]

const PROJECTS: Case[] = [
  ['not YAML', project('project: [unclosed'), /slipway\.yaml:1/],
  ['a list', project('- a\n- b'), /slipway\.yaml:1/],
  ['a tab', project('project: p\n\tpipeline: 1'), /slipway\.yaml:2/],
  ['a key twice', project('project: p\nproject: q\n'), /slipway\.yaml:2/],
  ['an unknown key', project(`${step('      run: a:main\n')}colour: blue\n`), /colour/],
  [
    'a bomb of aliases',
    project(
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(
        /./g,
        (c) =>
          `${c}: &${c} [${Array(10)
            .fill(`*${String.fromCharCode(c.charCodeAt(0) - 1)}`)
            .join(',')}]\n`,
      )}`,
    ),
    /alias/i,
  ],
  [
    'a circle of steps',
    project(
      'project: p\npipeline:\n  steps:\n    a: {run: "a:main", after: [b]}\n    b: {run: "a:main", after: [a]}\n',
    ),
    /slipway\.yaml:\d.*(cycle|circle|each other|itself)/i,
  ],
  ['a step that needs what nobody makes', project(step('      run: a:main\n      inputs: {x: z.out}\n')), /z/],
  ['a step that is a shell command', project(step('      run: a:main; rm -rf /\n')), /module:function/],
  ['a step named ../a', project('project: p\npipeline:\n  steps:\n    ../a: {run: "a:main"}\n'), /\.\.\/a/],
  ['memory of -1', project(step('      run: a:main\n      resources: {memory: -1}\n')), /memory/],
  [
    'a tree that is not there',
    post('/v1/pipelines', JSON.stringify({ text: step('      run: a:main\n'), tree: `sha256:${'0'.repeat(64)}` })),
    /tree|0000/,
  ],
  [
    'a digest that is none',
    post('/v1/pipelines', JSON.stringify({ text: 'project: p', tree: '../../etc/passwd' })),
    /body\.tree/,
  ],
]

let versions = 0
/** Uploads an MLmodel file, registers it, and asks an endpoint to answer with it. */
const model = (text: string) => async () => {
  const path = `${artifacts}/artifacts/0/${run}/artifacts/model${++versions}/MLmodel`
  assert.equal((await send('PUT', path, Buffer.from(text, 'latin1'))).status, 200)
  const made = await mlflow('model-versions/create', {
    name: 'm',
    source: `runs:/${run}/model${versions}`,
    run_id: run,
  })()
  if (made.status !== 200) return made
  await send('PUT', '/v1/endpoints/m', '{"project":"default","model":"m"}')
  const { version } = (JSON.parse(made.text) as { model_version: { version: string } }).model_version
  return send('POST', '/v1/endpoints/m/deploy', JSON.stringify({ version }))
}
const inputs = (json: string) => model(`flavors: {}\nsignature: {inputs: '${json}'}\n`)

const MODELS: Case[] = [
  ['an MLmodel file that is no YAML', model('flavors: [\n'), /MLmodel file cannot be read/],
  ['one of bytes', model('\0\x01\xff'), /MLmodel file cannot be read|without a signature/],
  ['one that is a list', model('- 1\n'), /without a signature/],
  [
    'one with a bomb of aliases',
    model(`a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n`),
    /alias/i,
  ],
  ['a signature that is no JSON', inputs('{'), /signature cannot be read/],
  ['a signature without inputs', inputs('[]'), /no inputs/],
  ['a signature of nulls', inputs('[null]'), /no columns/],
  ['columns without names', inputs('[{"type":"double"},{"type":"long"}]'), /without names/],
  ['a column of an unknown type', inputs('[{"name":"a","type":"quaternion"}]'), /quaternion/],
  [
    'a tensor of unknown dimensions',
    inputs('[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,-1,-1,1,1,1,1]}}]'),
    /tensors/,
  ],
  [
    'a tensor of -5 columns',
    inputs('[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,-5]}}]'),
    /tensors/,
  ],
  [
    'a tensor of 10^12 columns',
    inputs('[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,1000000000000]}}]'),
    /tensors|columns/,
  ],
  ['a version that does not exist', post('/v1/endpoints/m/deploy', '{"version":"999"}'), /999/],
  ['a version that is no number', post('/v1/endpoints/m/deploy', '{"version":"../1"}'), /\.\.\/1/],
]

for (const [group, cases] of Object.entries({
  HTTP,
  JSON: JSONS,
  'paths and queries': PATHS,
  tracking: TRACKING,
  names: NAMES,
  uploads: UPLOADS,
  archives: ARCHIVES,
  models: MODELS,
  'project files': PROJECTS,
})) {
  describe(group, () => {
    for (const [what, call, says] of cases) {
      test(what, async () => {
        const answer = await call()
        const told = `${answer.status} ${answer.text.slice(0, 400)}`
        if (typeof says === 'number') assert.equal(answer.status, says, told)
        else assert.match(answer.text, says, told)
        assert.ok((answer.status >= 400 && answer.status < 500) || answer.text === '', told)
        assert.ok(answer.text.length < 20_000, `an answer of ${answer.text.length} characters`)
        assert.equal((await send('GET', '/v1/health')).status, 200)
      })
    }
  })
}

test('after all of it the same process answers, and nothing was taken for a fault of its own', async () => {
  const me = await send('GET', '/v1/me')
  assert.equal(me.status, 200)
  assert.equal(server.errors(), '')
  assert.equal((await send('GET', `/v1/runs/${run}`)).status, 200)
})
