/** Traces for people, and their files: the native routes of one and of lists, traces.json and attachments. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { partOf } from '../../test/mlflow-calls.ts'
import { newTrace, span } from './bench.cases.ts'
import { serveTraces, V2, V3 } from './http.fixture.ts'
import type { ServedTraces } from './http.fixture.ts'

const [ROOT, CHILD, LEAF] = ['01', '02', '03'].map((byte) => byte.repeat(8)) as [string, string, string]

describe('traces for people', () => {
  let traces: ServedTraces
  before(async () => {
    traces = await serveTraces(['admin', 'viewer', 'service'])
  })
  after(() => traces.stop())

  const read = async (path: string): Promise<Record<string, unknown>> => {
    const reply = await traces.ask(path, {}, 'viewer')
    assert.equal(reply.status, 200, path)
    return (await reply.json()) as Record<string, unknown>
  }
  const treeOf = async (id: string) => (await read(`/v1/traces/${id}`))['tree'] as Record<string, unknown>[]

  it('one has its record, its assessments and its spans as a tree, times counted from the first', async () => {
    const made = await traces.call('POST', '2.0/mlflow/runs/create', { experiment_id: '0' })
    const run = String(partOf(made, 'run', 'info', 'run_id'))
    const trace = newTrace()
    const attributes = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.usage.input_tokens': 3n,
      'gen_ai.usage.output_tokens': 4n,
    }
    const id = await traces.sendSpans([
      span(trace, CHILD, { name: 'ask', parent: ROOT, at: 20, kind: 3, attributes, status: 2, message: 'no' }),
      span(trace, ROOT, { name: 'root', status: 1, attributes: { 'mlflow.traceTag.team': 'a' } }),
    ])
    await traces.call('POST', V3, {
      trace: {
        trace_info: {
          trace_id: id,
          client_request_id: 'c-1',
          request_preview: 'asked',
          response_preview: 'answered',
          request_time: '2023-11-14T22:13:20.004Z',
          execution_duration: '2s',
          state: 'ERROR',
          trace_metadata: { 'mlflow.sourceRun': run },
        },
      },
    })
    const assessment = {
      assessment_name: 'good',
      feedback: { value: [1] },
      rationale: 'why',
      source: { source_type: 'CODE' },
    }
    const assessed = await traces.call('POST', `${V3}/${id}/assessments`, { assessment })
    const { tree, assessments, metadata, ...rest } = await read(`/v1/traces/${id}`)
    assert.deepEqual(rest, {
      id,
      name: 'root',
      experiment_id: '0',
      state: 'ERROR',
      started_at: '2023-11-14T22:13:20.004Z',
      duration_ms: 2000,
      client_request_id: 'c-1',
      request_preview: 'asked',
      response_preview: 'answered',
      run_id: run,
      tokens: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
      spans: 2,
      tags: {
        team: 'a',
        'mlflow.artifactLocation': `mlflow-artifacts:/0/traces/${id}/artifacts`,
        'mlflow.traceName': 'root',
        'mlflow.trace.spansLocation': 'TRACKING_STORE',
      },
    })
    assert.equal((metadata as Record<string, string>)['mlflow.sourceRun'], run)
    const [judged] = assessments as Record<string, unknown>[]
    const { created_at, updated_at, ...said } = judged ?? {}
    assert.deepEqual(said, {
      id: partOf(assessed, 'assessment', 'assessment_id'),
      kind: 'feedback',
      name: 'good',
      value: [1],
      source_type: 'CODE',
      source_id: 'default',
      span_id: null,
      rationale: 'why',
      error: null,
      metadata: {},
      overrides: null,
      valid: true,
    })
    assert.deepEqual([created_at, updated_at], Array(2).fill(partOf(assessed, 'assessment', 'create_time')))
    assert.deepEqual(
      (tree as Record<string, unknown>[]).map((one) => [
        one['id'],
        one['parent_id'],
        one['depth'],
        one['name'],
        one['type'],
        one['kind'],
        one['status'],
        one['status_message'],
        one['offset_us'],
        one['duration_us'],
      ]),
      [
        [ROOT, null, 0, 'root', 'UNKNOWN', 'internal', 'OK', '', 0, 1_000_000],
        [CHILD, ROOT, 1, 'ask', 'CHAT_MODEL', 'client', 'ERROR', 'no', 20_000, 1_000_000],
      ],
    )
  })

  it('events and links of a span, and values that JSON has no words for', async () => {
    const trace = newTrace()
    const start = 1_700_000_000_000_000_001n
    const id = await traces.sendSpans([
      {
        ...span(trace, ROOT, {
          attributes: { big: 2n ** 60n, small: -5n, double: 2, nan: Number.NaN, none: null, raw: Uint8Array.of(1) },
        }),
        events: [{ name: 'early', time: start - 2500n, attributes: { a: 1n } }],
        links: [{ trace: '0f'.repeat(16), id: LEAF }],
      },
      // without an end, and of a kind that nobody knows
      { trace, id: LEAF, parent: ROOT, name: 'open', start: start + 1n, kind: 99 },
    ])
    const [root, open] = await treeOf(id)
    assert.deepEqual(root?.['attributes'], {
      big: '1152921504606846976',
      small: -5,
      double: 2,
      nan: 'NaN',
      none: null,
      raw: 'AQ==',
      'mlflow.traceRequestId': id,
    })
    assert.deepEqual(root?.['events'], [{ name: 'early', offset_us: -2.5, attributes: { a: 1 } }])
    assert.deepEqual(root?.['links'], [{ trace_id: `tr-${'0f'.repeat(16)}`, span_id: LEAF, attributes: {} }])
    assert.deepEqual(
      [open?.['duration_us'], open?.['kind'], open?.['start_ns'], open?.['offset_us'], open?.['status']],
      [null, 'unspecified', String(start + 1n), 0.001, 'UNSET'],
    )
  })

  it('one without spans has an empty tree, and one at the end of time a time', async () => {
    const id = `tr-${newTrace()}`
    await traces.call('POST', V3, { trace: { trace_info: { trace_id: id, request_time: '0001-01-01T00:00:00Z' } } })
    const { tree, spans, tokens, started_at, duration_ms, run_id } = await read(`/v1/traces/${id}`)
    assert.deepEqual([tree, spans, tokens, duration_ms, run_id], [[], 0, null, null, null])
    assert.equal(started_at, '1970-01-01T00:00:00.000Z')
    const late = await traces.sendSpans([{ trace: newTrace(), id: ROOT, name: 'late', start: 2n ** 64n - 1n }])
    assert.equal((await read(`/v1/traces/${late}`))['started_at'], '2554-07-21T23:34:33.709Z')
  })

  it('lists count spans, filter, order and go on by their token', async () => {
    const made = await traces.call('POST', '2.0/mlflow/experiments/create', { name: 'listed' })
    const experiment = String(partOf(made, 'experiment_id'))
    const ids: string[] = []
    for (const at of [0, 1, 2]) {
      const trace = newTrace()
      const children = Array.from({ length: at }, (_, child) =>
        span(trace, `0${child + 2}`.repeat(8), { parent: ROOT, at }),
      )
      ids.push(await traces.sendSpans([span(trace, ROOT, { name: `n${at}`, at }), ...children], { experiment }))
    }
    const list = async (query: string) => {
      const { items, next_page_token } = await read(`/v1/traces?experiment_id=${experiment}&${query}`)
      return { rows: (items as Record<string, unknown>[]).map((one) => [one['id'], one['spans']]), next_page_token }
    }
    const [one, two, three] = ids.map((id, at) => [id, at + 1])
    assert.deepEqual((await list('')).rows, [three, two, one])
    assert.deepEqual((await list('order_by=timestamp%20ASC&filter=name%20!%3D%20%27n1%27')).rows, [one, three])
    const first = await list('limit=2')
    assert.deepEqual(first.rows, [three, two])
    const rest = await list(`limit=2&page_token=${String(first.next_page_token)}`)
    assert.deepEqual([rest.rows, rest.next_page_token], [[one], undefined])
    assert.deepEqual((await list('experiment_id=999999')).rows, [three, two, one], 'one that is not there has none')
    assert.equal((await traces.ask('/v1/traces?filter=name%20%3D')).status, 400)
    assert.equal((await traces.ask('/v1/traces/tr-none')).status, 404)
    assert.equal((await traces.ask('/v1/traces', {}, 'service')).status, 403)
  })
})

describe('files of traces', () => {
  let traces: ServedTraces
  let id = ''
  before(async () => {
    traces = await serveTraces(['admin', 'service'])
    id = await traces.sendSpans([span(newTrace(), ROOT, { name: 'filed' })])
  })
  after(() => traces.stop())

  const file = (query: string, version = 'api/2.0') => traces.ask(`/${version}/mlflow/get-trace-artifact?${query}`)
  const put = async (of: string, path: string, body: string) => {
    const where = `/api/2.0/mlflow-artifacts/artifacts/0/traces/${of}/artifacts/${path}`
    const reply = await traces.ask(where, { method: 'PUT', body })
    assert.equal(reply.status, 200, await reply.text())
  }

  for (const version of ['api/2.0', 'api/3.0', 'ajax-api/2.0', 'ajax-api/3.0']) {
    it(`spans are given as traces.json below ${version}`, async () => {
      for (const key of ['request_id', 'trace_id']) {
        const reply = await file(`${key}=${id}`, version)
        assert.equal(reply.status, 200)
        assert.equal(reply.headers.get('content-disposition'), 'attachment; filename=traces.json')
        assert.equal(reply.headers.get('x-content-type-options'), 'nosniff')
        const { spans } = (await reply.json()) as { spans: Record<string, unknown>[] }
        assert.deepEqual(
          spans.map((one) => [one['name'], one['span_id'], one['parent_span_id'], one['kind']]),
          [['filed', Buffer.from(ROOT, 'hex').toString('base64'), null, 'SPAN_KIND_INTERNAL']],
        )
      }
    })
  }

  it('the file that an older client uploaded is given where no spans are kept', async () => {
    const begun = await traces.call('POST', V2, {})
    const old = String(partOf(begun, 'trace_info', 'request_id'))
    assert.equal((await file(`request_id=${old}`)).status, 404)
    await put(old, 'traces.json', '{"spans": []}')
    const reply = await file(`request_id=${old}`)
    assert.deepEqual([reply.status, await reply.text()], [200, '{"spans": []}'])
  })

  it('attachments are given by their path, under a name that no header misreads', async () => {
    for (const [path, disposition] of [
      ['a.txt', 'attachment; filename=a.txt'],
      ['deep/b-1_c.bin', 'attachment; filename=b-1_c.bin'],
      ["it's ü;.txt", `attachment; filename="it_s __.txt"; filename*=UTF-8''it%27s%20%C3%BC%3B.txt`],
    ] as const) {
      await put(id, `attachments/${path.split('/').map(encodeURIComponent).join('/')}`, `text of ${path}`)
      const reply = await file(`request_id=${id}&path=${encodeURIComponent(path)}`)
      assert.deepEqual([reply.status, await reply.text()], [200, `text of ${path}`])
      assert.equal(reply.headers.get('content-disposition'), disposition)
      assert.equal(reply.headers.get('content-type'), 'application/octet-stream')
      assert.match(reply.headers.get('content-security-policy') ?? '', /^sandbox/)
    }
    assert.equal(
      (await file(`request_id=${id}&path=`)).headers.get('content-disposition'),
      'attachment; filename=traces.json',
    )
  })

  it('what is not there, leads out of the trace, or names none is refused', async () => {
    for (const [query, status] of [
      ['', 400],
      ['request_id=', 400],
      ['request_id=tr-none', 404],
      [`request_id=${id}&path=none.txt`, 404],
      [`request_id=${id}&path=..%2Ftraces.json`, 400],
      [`request_id=${id}&path=%2Fetc%2Fpasswd`, 400],
      [`request_id=${id}&path=a%2F..%2F..%2F..%2Fx`, 400],
    ] as const) {
      const reply = await file(query)
      assert.equal(reply.status, status, `${query}: ${await reply.text()}`)
    }
    const init = `/api/2.0/mlflow/get-trace-artifact?request_id=${id}`
    assert.equal((await traces.ask(init, {}, 'service')).status, 403)
  })
})
