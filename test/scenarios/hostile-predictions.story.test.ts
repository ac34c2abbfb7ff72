/**
 * Callers that mean harm against a deployed model, one lowered and one in a Python scorer, in the protocols of the gateway: no fault of ours,
 * no process lost, memory bounded, and a caller beside them gets what scikit-learn says.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { createClient } from '../../src/client/client.ts'
import { servingApi } from '../../src/contract/serving.ts'
import type { ControlArguments, ControlReady } from '../fixtures/serving-control.ts'
import { servingModels } from '../serving-models.ts'
import type { ServingModels } from '../serving-models.ts'
import { sendRaw, statusesIn } from '../fixtures/raw-socket.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'hostile-predictions-'))
let models: ServingModels
let child: ChildProcess
let ready: ControlReady
/** Gateway and scorer, and what starts them, before anything odd was sent. */
let serving: ReturnType<typeof processes> = []

/** Endpoints by how their model runs. */
const MODELS = { lowered: '1', scored: '2' } as const
type Name = keyof typeof MODELS
const NAMES = Object.keys(MODELS) as Name[]

before(async () => {
  models = await servingModels()
  const versions = { '1': models.files('hgb'), '2': models.files('hgb', true) }
  const given: ControlArguments = { dataDir, versions }
  const script = join(import.meta.dirname, '../fixtures/serving-control.ts')
  child = spawn(process.execPath, [script, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    said += chunk.toString('utf8')
    if (said.includes('\n')) break
  }
  ready = JSON.parse(said) as ControlReady
  const admin = createClient({ url: ready.url, token: ready.tokens.admin })
  for (const [name, version] of Object.entries(MODELS)) {
    await admin.call(servingApi.putEndpoint, { params: { name }, body: { project: 'p', model: 'm', threshold: 0.5 } })
    const { variants } = await admin.call(servingApi.deploy, { params: { name }, body: { version } })
    assert.equal(variants[0]?.backend, name === 'lowered' ? 'native' : 'python')
  }
  for (const name of NAMES) for (let i = 0; i < 20; i++) await honest(name, i)
  serving = processes()
})
after(async () => {
  child.kill('SIGTERM')
  await new Promise((resolve) => child.once('exit', resolve))
  rmSync(dataDir, { recursive: true, force: true })
})

/** What scikit-learn was asked, and what it said. */
function oracle(i: number): { inputs: Record<string, unknown>; score: number } {
  const { score, ...inputs } = models.rows[i % models.rows.length] ?? { score: Number.NaN }
  return { inputs, score }
}

function send(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const authorization = `Bearer ${ready.tokens.service}`
  return fetch(`${ready.gatewayUrl}${path}`, {
    method: 'POST',
    body,
    headers: { authorization, 'content-type': 'application/json', ...headers },
  })
}

/** Asks for one row and holds the answer against scikit-learn's. */
async function honest(name: Name, i: number): Promise<void> {
  const { inputs, score } = oracle(i)
  const response = await send(`/v1/endpoints/${name}:predict`, JSON.stringify({ inputs, id: `honest-${name}-${i}` }))
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const { scores } = JSON.parse(text) as { scores: number[] }
  assert.ok(Math.abs((scores[0] ?? Number.NaN) - score) < 1e-9, `${name} ${i}: ${text}, expected ${score}`)
}

/** Runs an attack while a caller of each model is answered again and again; how often. */
async function beside(attack: () => Promise<unknown>): Promise<void> {
  const over = new AbortController()
  const asked = NAMES.map(async (name) => {
    for (let count = 0; !over.signal.aborted || count < 3; count++) {
      await honest(name, count)
      // by the clock: leaves the attack its turns; how often this one is answered decides nothing
      await sleep(5)
    }
  })
  try {
    await attack()
  } finally {
    over.abort()
    await Promise.all(asked)
  }
}

const raw = (bytes: string | Buffer, ms?: number): Promise<string> => sendRaw(new URL(ready.gatewayUrl).host, bytes, ms)

const head = (path: string, more: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${ready.tokens.service}\r\n${more}\r\n\r\n`

/** Processes below the control process, by what they run, with their memory in MiB. */
function processes(): { pid: number; what: string; mib: number }[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // it has ended meanwhile
    }
  }
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === child.pid || isBelow(parents.get(pid)))
  return [...parents.keys()].filter(isBelow).flatMap((pid) => {
    try {
      const what = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      return [{ pid, what, mib: Number(kib ?? 0) / 1024 }]
    } catch {
      return []
    }
  })
}

/** Rows as JSON: a value in place of one column's, or a text in place of all rows. */
type Odd = Readonly<Record<string, string>> | string

const ROW = { distance: '500', temp: '40', dewp: '30', hour: '12', carrier: '"UA"' }

function rowOf(odd: Odd): string {
  if (typeof odd === 'string') return odd
  const pairs = Object.entries({ ...ROW, ...odd }).map(([name, value]) => `"${name}": ${value}`)
  return `{${pairs.join(', ')}}`
}

/** A tensor for each column, or the text as the data of one. */
function tensorsOf(odd: Odd): string {
  const columns = typeof odd === 'string' ? { distance: odd } : { ...ROW, ...odd }
  const tensors = Object.entries(columns).map(
    ([name, value]) =>
      `{"name": "${name}", "datatype": "${name === 'carrier' ? 'BYTES' : 'FP64'}", "shape": [1], "data": [${value}]}`,
  )
  return `{"inputs": [${tensors.join(', ')}]}`
}

interface Protocol {
  readonly path: (name: Name) => string
  readonly body: (odd: Odd) => string
}

/** The calls of each protocol with JSON. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  native: { path: (name) => `/v1/endpoints/${name}:predict`, body: (odd) => `{"inputs": [${rowOf(odd)}]}` },
  mlflow: {
    path: (name) => `/endpoints/${name}/invocations`,
    body: (odd) => `{"dataframe_records": [${rowOf(odd)}]}`,
  },
  'mlflow inputs': { path: (name) => `/endpoints/${name}/invocations`, body: (odd) => `{"inputs": ${rowOf(odd)}}` },
  sagemaker: { path: (name) => `/models/${name}/invoke`, body: (odd) => `{"instances": [${rowOf(odd)}]}` },
  vertex: {
    path: (name) => `/v1/projects/p/locations/l/endpoints/${name}:predict`,
    body: (odd) => `{"instances": [${rowOf(odd)}]}`,
  },
  kserve: { path: (name) => `/v1/models/${name}:predict`, body: (odd) => `{"instances": [${rowOf(odd)}]}` },
  oip: { path: (name) => `/v2/models/${name}/infer`, body: tensorsOf },
}

const many = (count: number, one: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => one(i)).join(',')

/** What no honest caller sends. */
const ODD: readonly (readonly [what: string, odd: Odd])[] = [
  ['nothing odd', {}],
  ['NaN', { temp: 'NaN' }],
  ['Infinity', { distance: 'Infinity' }],
  ['-Infinity', { distance: '-Infinity' }],
  ['1e999', { distance: '1e999' }],
  ['-1e999', { hour: '-1e999' }],
  ['4,300 digits', { distance: '9'.repeat(4300) }],
  ['4,301 digits as a whole number', { hour: '9'.repeat(4301) }],
  ['2^63', { hour: '9223372036854775808' }],
  ['a fraction as whole', { hour: '1.5' }],
  ['a text as number', { distance: '"far"' }],
  ['a number as text', { carrier: '5' }],
  ['true as number', { distance: 'true' }],
  ['a list as number', { distance: '[1]' }],
  ['an object as text', { carrier: '{"a": 1}' }],
  ['null', { carrier: 'null' }],
  ['half a surrogate', { carrier: String.raw`"\ud800"` }],
  ['a zero byte', { carrier: String.raw`"U\u0000A"` }],
  ['a megabyte of text', { carrier: `"${'x'.repeat(1_000_000)}"` }],
  ['a key twice', rowOf({}).replace('}', ', "distance": 1}')],
  ['__proto__', rowOf({}).replace('}', ', "__proto__": {"distance": 1}}')],
  ['__proto__ alone', '{"__proto__": {"distance": 500, "temp": 40, "dewp": 30, "hour": 12, "carrier": "UA"}}'],
  ['constructor', { constructor: '1', toString: '2' }],
  ['no column', '{}'],
  ['a column too few', '{"distance": 500}'],
  ['100,000 columns', `{${many(100_000, (i) => `"c${i}": 1`)}}`],
  ['100,000 rows', many(100_000, () => rowOf({}))],
  ['deep lists', { distance: '['.repeat(50_000) + ']'.repeat(50_000) }],
  ['deep objects', { distance: `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}` }],
  ['a million numbers', `[${'1,'.repeat(1_000_000)}1]`],
  ['null as row', 'null'],
  ['a number as row', '5'],
  ['a text as row', '"x"'],
  ['no row', ''],
  ['what is cut', rowOf({}).slice(0, 40)],
]

/** No answer is ours to be blamed for; 501 is what a protocol answers to what it does not have. */
const isFault = (status: number): boolean => status >= 500 && status !== 501

/** Status and prediction of each odd row, by protocol, row and model. */
const said = new Map<string, string>()

for (const name of NAMES)
  describe(`a ${name} model`, () => {
    for (const [protocol, { path, body }] of Object.entries(PROTOCOLS))
      test(`${protocol}: odd rows are refused or answered, each by itself`, async () => {
        await beside(async () => {
          for (const [what, odd] of ODD) {
            const response = await send(path(name), body(odd))
            const text = await response.text()
            assert.ok(!isFault(response.status), `${what}: ${response.status} ${text.slice(0, 300)}`)
            assert.doesNotMatch(text.slice(0, 5000), /Traceback|\.py"|node:internal|at async/, what)
            if (what === 'nothing odd') assert.equal(response.status, 200, text)
            const found = /"predictions":\[\[([^\]]*)\]|"data":\[([^\]]*)\]/.exec(text)
            said.set(
              `${protocol}, ${what}, ${name}`,
              `${response.status} ${response.ok ? (found?.[1] ?? found?.[2]) : ''}`,
            )
          }
        })
      })

    test('binary tensors that lie are refused, those that do not are answered', async () => {
      const path = `/v2/models/${name}/infer`
      await beside(async () => {
        for (const shape of [[1], [2], [-1], [0], [2 ** 53], [2 ** 31, 2 ** 31], [1, 1], [1.5], ['1'], [], null])
          for (const size of [8, 0, 7, -8, 2 ** 53, 1e308, '8', null])
            for (const datatype of ['FP64', 'INT64', 'BYTES', 'BOOL', 'FP16', 'odd', null]) {
              const one = { name: 'distance', datatype, shape, parameters: { binary_data_size: size } }
              const json = Buffer.from(JSON.stringify({ inputs: [one] }))
              const bytes = Buffer.concat([json, Buffer.alloc(8, 0xff)])
              const length = { 'inference-header-content-length': String(json.length) }
              const response = await send(path, new Uint8Array(bytes), length)
              const text = await response.text()
              const what = JSON.stringify({ shape, size, datatype })
              assert.ok(response.status >= 400 && response.status < 500, `${what}: ${response.status} ${text}`)
            }
      })
    })

    test('bodies that are cut, lie about their length, or are framed twice are refused or closed', async () => {
      const path = `/v1/endpoints/${name}:predict`
      const body = PROTOCOLS['native']?.body({}) ?? ''
      const requests = [
        head(path, `content-length: ${body.length + 50}`) + body,
        head(path, `content-length: ${body.length - 5}`) + body,
        head(path, 'content-length: -1') + body,
        head(path, `content-length: ${body.length}, ${body.length + 1}`) + body,
        head(path, `content-length: ${body.length}\r\ntransfer-encoding: chunked`) + body,
        head(path, 'transfer-encoding: chunked') + `zz\r\n${body}\r\n0\r\n\r\n`,
        head(path, 'transfer-encoding: chunked') + `${body.length.toString(16)}\r\n${body}\r\n`,
        head(path, 'transfer-encoding: chunked') + 'fffffffffffffffff\r\n{',
        head(path, 'transfer-encoding: chunked') +
          `${body.length.toString(16)};${'x'.repeat(50_000)}\r\n${body}\r\n0\r\n\r\n`,
        head(path, `content-encoding: gzip\r\ncontent-length: ${body.length}`) + body,
        head(path, `content-type: application/json\r\ncontent-type: text/csv\r\ncontent-length: ${body.length}`) + body,
        head(path, `host: other\r\ncontent-length: ${body.length}`) + body,
        head(`/v2/models/${name}/infer`, `inference-header-content-length: 9\r\ncontent-length: ${body.length}`) + body,
      ]
      await beside(async () => {
        for (const answer of await Promise.all(requests.map((request) => raw(request))))
          for (const status of statusesIn(answer)) assert.ok(!isFault(status) || status === 505, answer.slice(0, 300))
      })
    })

    test('requests behind each other on one connection get their own answers, in order', async () => {
      const path = `/v1/endpoints/${name}:predict`
      const count = 120
      const one = (i: number): string => {
        const body = i % 4 === 3 ? '{"inputs": {' : JSON.stringify({ inputs: oracle(i).inputs })
        const last = i === count - 1 ? 'connection: close\r\n' : ''
        return head(path, `${last}content-length: ${Buffer.byteLength(body)}`) + body
      }
      await beside(async () => {
        const text = await raw(Array.from({ length: count }, (_, i) => one(i)).join(''), 60_000)
        const answers = text.split(/(?=HTTP\/1\.1 \d{3})/)
        assert.equal(answers.length, count)
        for (const [i, answer] of answers.entries()) {
          assert.deepEqual(statusesIn(answer), [i % 4 === 3 ? 400 : 200], `${i}: ${answer}`)
          const score = /"scores":\[([^\]]+)\]/.exec(answer)?.[1]
          if (i % 4 !== 3) assert.ok(Math.abs(Number(score) - oracle(i).score) < 1e-9, `${i}: ${answer}`)
        }
      })
    })

    test('many callers at once each get the answer to their own row, beside as many that are refused', async () => {
      await beside(async () => {
        for (let round = 0; round < 5; round++)
          await Promise.all(
            Array.from({ length: 64 }, async (_, i) => {
              if (i % 2 === 0) return honest(name, round * 64 + i)
              const response = await send(
                `/v1/endpoints/${name}:predict`,
                PROTOCOLS['native']?.body({ distance: '"far"' }) ?? '',
              )
              assert.equal(response.status, 400, await response.text())
            }),
          )
      })
    })
  })

test('bombs of every encoding are refused by size in bounded memory', async () => {
  const zeros = Buffer.alloc(256 * 1024 * 1024, 0x20)
  const bombs = {
    gzip: gzipSync(zeros),
    deflate: deflateSync(zeros),
    br: brotliCompressSync(zeros, { params: { 1: 1 } }),
  }
  const total = (): number => processes().reduce((sum, { mib }) => sum + mib, 0)
  const start = total()
  let most = start
  const watch = setInterval(() => (most = Math.max(most, total())), 50)
  await beside(async () => {
    const asked = NAMES.flatMap((name) =>
      Object.entries(bombs).flatMap(([encoding, body]) =>
        [1, 2].map(async () => {
          const headers = { 'content-encoding': encoding }
          const response = await send(`/v1/endpoints/${name}:predict`, new Uint8Array(body), headers)
          await response.text()
          return response.status
        }),
      ),
    )
    assert.deepEqual(new Set(await Promise.all(asked)), new Set([413]))
  })
  clearInterval(watch)
  assert.ok(most - start < 400, `${Math.round(most - start)} MiB more than ${Math.round(start)}`)
})

test('a lowered model and its original answer odd rows alike', () => {
  const lowered = [...said.keys()].filter((key) => key.endsWith(', lowered'))
  assert.equal(lowered.length, ODD.length * Object.keys(PROTOCOLS).length)
  for (const key of lowered) {
    const [one = '', other = ''] = [said.get(key), said.get(key.replace(/lowered$/, 'scored'))]
    const [[status, ...values], [otherStatus, ...others]] = [one.split(/[ ,]/), other.split(/[ ,]/)]
    assert.equal(status, otherStatus, key)
    if (status === '200')
      assert.ok(values.length > 0 && values.every((value) => Number.isFinite(Number.parseFloat(value))), key)
    for (const [i, value] of values.entries())
      assert.ok(value === others[i] || Math.abs(Number(value) - Number(others[i])) < 1e-9, `${key}: ${one}, ${other}`)
  }
})

test('after all of it the same processes run', async () => {
  const [were, are] = [serving, processes()].map((list) => list.map(({ pid }) => pid).toSorted((a, b) => a - b))
  assert.deepEqual(are, were)
  assert.ok(serving.some(({ what }) => /gateway/.test(what)) && serving.some(({ what }) => /python/.test(what)))
  for (const name of NAMES) for (let i = 0; i < 50; i++) await honest(name, i)
  const admin = createClient({ url: ready.url, token: ready.tokens.admin })
  for (const name of NAMES) {
    const { variants } = await admin.call(servingApi.getEndpoint, { params: { name } })
    assert.deepEqual([variants[0]?.tripped, variants[0]?.fault], [null, null])
  }
})
