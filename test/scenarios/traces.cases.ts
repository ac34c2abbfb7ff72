/** Traces of the unmodified mlflow client and of a plain OpenTelemetry exporter, and requests that are none, against a running server. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { startTestApp } from '../app.ts'
import { mlflowOutput } from '../output.ts'
import type { Output } from '../output.ts'
import type { App } from '../../src/options.ts'
import { prng } from '../../src/stats/prng.ts'
import { otlpRequest } from '../otlp.ts'
import { startPostgres } from '../postgres.ts'
import { MLFLOW_CLIENT } from '../clients/packages.ts'
import { testEnv } from '../python-env.ts'

const PARTS = ['nested_spans', 'equality', 'errors', 'search', 'tags_and_assessments', 'opentelemetry', 'deletion']

/** The cases on one kind of database. */
export function traceCases(database: 'SQLite' | 'PostgreSQL'): void {
  describe(`traces on ${database}`, () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'slipway-traces-'))
    let app: App
    let token = ''
    let stopDatabase = async (): Promise<void> => undefined

    before(async () => {
      const server = database === 'PostgreSQL' ? await startPostgres() : undefined
      if (server !== undefined) stopDatabase = () => server.stop()
      app = await startTestApp({
        dataDir,
        ...(server !== undefined && { databaseUrl: server.url }),
      })
      token = readFileSync(app.tokenFile, 'utf8').trim()
    })
    after(async () => {
      await app.stop()
      await stopDatabase()
      rmSync(dataDir, { recursive: true, force: true })
    })

    const send = (body: Uint8Array | string, headers: Record<string, string> = {}) =>
      fetch(`${app.url}/v1/traces`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'x-mlflow-experiment-id': '0',
          'content-type': typeof body === 'string' ? 'application/json' : 'application/x-protobuf',
          ...headers,
        },
        body: typeof body === 'string' ? body : new Uint8Array(body),
      })
    const read = async (path: string) => {
      const response = await fetch(app.url + path, { headers: { authorization: `Bearer ${token}` } })
      assert.equal(response.status, 200, path)
      return (await response.json()) as Record<string, never>
    }
    const whole = (trace: string, name = 'work') =>
      otlpRequest([
        { trace, id: '01'.repeat(8), name, start: 1_700_000_000_000_000_000n, end: 1_700_000_000_002_000_000n },
        {
          trace,
          id: '02'.repeat(8),
          parent: '01'.repeat(8),
          name: 'below',
          start: 1_700_000_000_000_500_001n,
          end: 1_700_000_000_001_000_001n,
        },
      ])

    it('the mlflow client and an OpenTelemetry exporter', async () => {
      const { code, out } = await run(await testEnv(MLFLOW_CLIENT), { url: app.url, token })
      const passed = [...out.matchAll(/^passed (\w+)$/gm)].map((match) => match[1])
      assert.deepEqual(passed, PARTS, out.slice(-3000))
      assert.equal(code, 0)
    })

    it('protobuf is answered with protobuf, JSON with JSON, compressed or not', async () => {
      const json = JSON.stringify({
        resourceSpans: [
          {
            scopeSpans: [
              {
                spans: [
                  {
                    traceId: 'AB'.repeat(16),
                    spanId: '0c'.repeat(8),
                    name: 'json',
                    startTimeUnixNano: '1700000000000000001',
                    endTimeUnixNano: '1700000000000000002',
                    attributes: [{ key: 'n', value: { intValue: '9007199254740993' } }],
                  },
                ],
              },
            ],
          },
        ],
      })
      for (const [encoding, pack] of [
        ['gzip', gzipSync],
        ['deflate', deflateSync],
        ['deflate', deflateRawSync],
      ] as const) {
        const reply = await send(pack(whole('0a'.repeat(16))), { 'content-encoding': encoding })
        assert.equal(reply.status, 200, encoding)
        assert.equal(reply.headers.get('content-type'), 'application/x-protobuf')
        assert.equal((await reply.arrayBuffer()).byteLength, 0)
      }
      const reply = await send(json)
      assert.equal(reply.status, 200)
      assert.deepEqual(await reply.json(), { partialSuccess: {} })
      const { tree } = (await read(`/v1/traces/tr-${'ab'.repeat(16)}`)) as unknown as {
        tree: Record<string, unknown>[]
      }
      assert.equal(tree[0]?.['start_ns'], '1700000000000000001')
      assert.deepEqual(tree[0]?.['attributes'], {
        n: '9007199254740993',
        'mlflow.traceRequestId': `tr-${'ab'.repeat(16)}`,
      })
    })

    it('the native routes list traces and give one with its tree', async () => {
      await send(whole('0b'.repeat(16), 'native'))
      const { items } = (await read(
        `/v1/traces?limit=5&filter=${encodeURIComponent("name = 'native' OR span.name = 'none'")}`,
      )) as unknown as { items: Record<string, unknown>[] }
      assert.deepEqual(
        items.map((item) => [item['id'], item['spans'], item['duration_ms']]),
        [[`tr-${'0b'.repeat(16)}`, 2, 2]],
      )
      const trace = (await read(`/v1/traces/tr-${'0b'.repeat(16)}`)) as unknown as { tree: Record<string, unknown>[] }
      assert.deepEqual(
        trace.tree.map((span) => [span['name'], span['depth'], span['offset_us'], span['duration_us']]),
        [
          ['native', 0, 0, 2000],
          ['below', 1, 500.001, 500],
        ],
      )
      const missing = await fetch(`${app.url}/v1/traces/tr-none`, { headers: { authorization: `Bearer ${token}` } })
      assert.equal(missing.status, 404)
    })

    it('what is no export request is refused by name', async () => {
      const good = whole('0d'.repeat(16))
      const refusals: [Promise<Response>, number, RegExp][] = [
        [send(good, { 'x-mlflow-experiment-id': '' }), 422, /x-mlflow-experiment-id/],
        [send(good, { 'content-type': 'text/plain' }), 400, /Invalid Content-Type: text\/plain/],
        [send(good, { 'content-encoding': 'compress' }), 400, /Unsupported Content-Encoding: compress/],
        [send(good, { 'content-encoding': 'gzip' }), 400, /Failed to decompress gzip/],
        [send(new Uint8Array()), 400, /no spans found/],
        [send('{"resourceSpans": {}}'), 400, /resourceSpans is not a list/],
        [send('{"resourceSpans": [}'), 400, /JSON/],
        [send(otlpRequest([{ trace: '', id: '01', name: 'x', start: 0n }])), 422, /trace_id is empty/],
        [send(otlpRequest([{ trace: '01'.repeat(17), id: '01', name: 'x', start: 0n }])), 422, /17 bytes, expected 16/],
        [send(good, { 'x-mlflow-experiment-id': '999999' }), 404, /No Experiment with id=999999/],
        [send(good, { authorization: 'Bearer no' }), 401, /credential/],
        [send(gzipSync(Buffer.alloc(70 * 1024 * 1024)), { 'content-encoding': 'gzip' }), 413, /larger than/],
      ]
      for (const [answer, status, text] of refusals) {
        const reply = await answer
        const body = await reply.text()
        assert.equal(reply.status, status, body)
        assert.match(body, text)
      }
    })

    it('damaged requests never end in a fault of the server', async () => {
      const random = prng(7)
      const good = [
        whole('0e'.repeat(16)),
        Buffer.from(
          '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0e0e","spanId":"01","name":"a","attributes":[{"key":"k","value":{"doubleValue":1.5}}],"status":{"code":2}}]}]}]}',
        ),
      ]
      const statuses = new Set<number>()
      for (let round = 0; round < 400; round++) {
        const bytes = Buffer.from(good[round % 2] as Buffer)
        const damage = 1 + Math.floor(random.uniform() * 4)
        for (let i = 0; i < damage; i++) {
          bytes[Math.floor(random.uniform() * bytes.length)] = Math.floor(random.uniform() * 256)
        }
        const cut = random.uniform() < 0.3 ? bytes.subarray(0, Math.floor(random.uniform() * bytes.length)) : bytes
        const type = round % 2 === 0 ? 'application/x-protobuf' : 'application/json'
        const reply = await send(cut, { 'content-type': type })
        statuses.add(reply.status)
        assert.ok(reply.status < 500, `${reply.status} for ${cut.toString('hex')}: ${await reply.text()}`)
      }
      assert.ok(statuses.has(200) && statuses.has(400), [...statuses].join())
    })

    it('calls of MLflow with odd arguments never end in a fault of the server', async () => {
      const random = prng(11)
      const odd = [
        null,
        0,
        -1,
        1e300,
        '',
        'x',
        '\u0000',
        'a\'b"`',
        true,
        [],
        [null],
        {},
        { a: 1 },
        'tr-1',
        { trace_info: {} },
      ]
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)] as T
      const keys =
        'trace trace_ids trace_id locations filter order_by max_results page_token experiment_id experiment_ids key value assessment update_mask request_ids max_timestamp_millis view_type metric_name aggregations filter_string1 filter_string2 run_id prompt_versions timestamp_ms status tags request_metadata'.split(
          ' ',
        )
      const calls = [
        ['POST', '3.0', 'traces'],
        ['POST', '3.0', 'traces/search'],
        ['POST', '3.0', 'traces/batchGetInfos'],
        ['POST', '3.0', 'traces/metrics'],
        ['POST', '3.0', 'traces/calculate-filter-correlation'],
        ['POST', '3.0', 'traces/tr-1/assessments'],
        ['PATCH', '3.0', 'traces/tr-1/assessments/a-1'],
        ['PATCH', '3.0', 'traces/tr-1/tags'],
        ['DELETE', '3.0', 'traces/tr-1/tags'],
        ['POST', '2.0', 'traces'],
        ['PATCH', '2.0', 'traces/tr-1'],
        ['POST', '2.0', 'traces/delete-traces'],
        ['POST', '2.0', 'traces/link-to-run'],
        ['POST', '2.0', 'traces/link-prompts'],
      ] as const
      for (let round = 0; round < 500; round++) {
        const [method, version, path] = pick(calls)
        const entries = keys.filter(() => random.uniform() < 0.6).map((key) => [key, pick(odd)])
        const body = JSON.stringify(Object.fromEntries(entries))
        const reply = await fetch(`${app.url}/api/${version}/mlflow/${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body,
        })
        assert.ok(reply.status < 500, `${reply.status} for ${method} ${path} ${body}: ${await reply.text()}`)
      }
    })
  })
}

function run(python: string, server: { url: string; token: string }): Promise<Output> {
  return mlflowOutput(
    { python, file: 'mlflow_traces.py', env: { MLFLOW_ENABLE_ASYNC_TRACE_LOGGING: 'false' }, limitMs: 270_000 },
    server,
  )
}
