/** MLflow's calls about traces over HTTP, in both versions of its protocol: what they take, answer and refuse, and who may. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertRefused, INVALID, MISSING, partOf } from '../../test/mlflow-calls.ts'
import type { MlflowAnswer } from '../../test/mlflow-calls.ts'
import { newTrace } from './bench.cases.ts'
import { placeOf, serveTraces, START, START_MS, V2, V3 } from './http.fixture.ts'
import type { ServedTraces } from './http.fixture.ts'

describe('traces over HTTP', () => {
  let traces: ServedTraces
  let experiment = ''
  before(async () => {
    traces = await serveTraces(['admin', 'viewer', 'service'])
    experiment = await traces.newExperiment()
  })
  after(() => traces.stop())

  const call: ServedTraces['call'] = (...given) => traces.call(...given)
  const idsOf = (answer: MlflowAnswer, key: 'trace_id' | 'request_id' = 'trace_id') =>
    ((partOf(answer, 'traces') ?? []) as Record<string, unknown>[]).map((trace) => trace[key])
  const search = (sent: object, role?: 'viewer') =>
    call('POST', `${V3}/search`, { locations: [placeOf(experiment)], ...sent }, role)

  describe('the record of a trace', () => {
    it('is written, given back as it was sent, and read by its id and among others', async () => {
      const trace_info = {
        trace_id: `tr-${newTrace()}`,
        client_request_id: 'c-1',
        trace_location: placeOf(experiment),
        request_preview: 'asked',
        response_preview: 'answered',
        request_time: START,
        execution_duration: '1.250s',
        state: 'OK',
        trace_metadata: { 'mlflow.user': 'ann' },
        tags: { team: 'a', 'mlflow.traceName': 'named' },
      }
      const written = await call('POST', V3, { trace: { trace_info } })
      const uri = `mlflow-artifacts:/${experiment}/traces/${trace_info.trace_id}/artifacts`
      const expected = { ...trace_info, tags: { ...trace_info.tags, 'mlflow.artifactLocation': uri } }
      assert.deepEqual(partOf(written, 'trace', 'trace_info'), expected)
      assert.deepEqual(
        partOf(await call('GET', `${V3}/${trace_info.trace_id}`, {}, 'viewer'), 'trace', 'trace_info'),
        expected,
      )
      const other = await traces.newTrace()
      const infos = await call('POST', `${V3}/batchGetInfos`, {
        trace_ids: [other, 'tr-none', trace_info.trace_id, other],
      })
      assert.deepEqual(
        (partOf(infos, 'trace_infos') as { trace_id: string }[]).map((info) => info.trace_id),
        [other, trace_info.trace_id],
      )
      assert.deepEqual(partOf(infos, 'trace_infos', 1), expected)
    })

    it('comes with its spans, whole or as much as there is', async () => {
      const id = await traces.newTrace({ name: 'whole' })
      const trace = await call('GET', `${V3}/get`, { trace_id: id }, 'viewer')
      assert.equal(partOf(trace, 'trace', 'trace_info', 'trace_id'), id)
      assert.equal(partOf(trace, 'trace', 'spans', 0, 'name'), 'whole')
      assert.equal(partOf(trace, 'trace', 'spans', 0, 'trace_id'), Buffer.from(id.slice(3), 'hex').toString('base64'))
      const bare = { trace_id: `tr-${newTrace()}`, request_time: START, trace_location: placeOf(experiment) }
      await call('POST', V3, { trace: { trace_info: bare } })
      const part = await call('GET', `${V3}/get`, { trace_id: bare.trace_id, allow_partial: true })
      assert.deepEqual(partOf(part, 'trace', 'spans'), [])
      const batch = await call('GET', `${V3}/batchGet`, { trace_ids: [bare.trace_id, id, 'tr-none'] })
      assert.equal((partOf(batch, 'traces') as object[]).length, 1, 'one without spans is not whole')
      assert.deepEqual(partOf(batch, 'traces', 0), partOf(trace, 'trace'))
      const over = Array.from({ length: 501 }, (_, at) => `t${at}`)
      await assertRefused(call('GET', `${V3}/batchGet`, { trace_ids: over }), INVALID, /At most 500 traces/)
    })
  })

  describe('the older protocol', () => {
    it('begins a trace, ends it and reads it', async () => {
      const begun = await call('POST', V2, {
        experiment_id: experiment,
        timestamp_ms: START_MS,
        request_metadata: [{ key: 'm', value: '1' }],
        tags: [{ key: 't', value: '1' }, { key: 'bare' }],
      })
      const info = partOf(begun, 'trace_info') as Record<string, unknown>
      const id = String(info['request_id'])
      assert.deepEqual(info, {
        request_id: id,
        experiment_id: experiment,
        timestamp_ms: START_MS,
        status: 'IN_PROGRESS',
        request_metadata: [{ key: 'm', value: '1' }],
        tags: [
          { key: 'bare', value: '' },
          { key: 't', value: '1' },
          { key: 'mlflow.artifactLocation', value: `mlflow-artifacts:/${experiment}/traces/${id}/artifacts` },
        ],
      })
      const ended = await call('PATCH', `${V2}/${id}`, {
        timestamp_ms: START_MS + 250,
        status: 'ERROR',
        request_metadata: [{ key: 'm', value: '2' }],
      })
      assert.deepEqual(
        [partOf(ended, 'trace_info', 'status'), partOf(ended, 'trace_info', 'execution_time_ms')],
        ['ERROR', 250],
      )
      assert.deepEqual(partOf(ended, 'trace_info', 'request_metadata'), [{ key: 'm', value: '2' }])
      assert.deepEqual((await call('GET', `${V2}/${id}/info`, {}, 'viewer')).body, ended.body)
      await assertRefused(call('PATCH', `${V2}/none`, {}), MISSING, /'none' not found/)
      await assertRefused(call('PATCH', `${V2}/${id}`, { status: 'FINE' }), INVALID, /"FINE" for parameter 'state'/)
    })

    it('counts from now in the experiment 0 where nothing is said, in a state that is none', async () => {
      const begun = await call('POST', V2, {})
      assert.equal(partOf(begun, 'trace_info', 'experiment_id'), '0')
      assert.ok(Math.abs(Number(partOf(begun, 'trace_info', 'timestamp_ms')) - Date.now()) < 60_000)
      const ended = await call('PATCH', `${V2}/${String(partOf(begun, 'trace_info', 'request_id'))}`, {})
      assert.equal(partOf(ended, 'trace_info', 'status'), 'TRACE_STATUS_UNSPECIFIED')
      assert.ok(Number(partOf(ended, 'trace_info', 'execution_time_ms')) < 60_000)
    })

    it('searches in pages', async () => {
      const own = await traces.newExperiment()
      const ids = [await traces.newTrace({ experiment: own, at: 0 }), await traces.newTrace({ experiment: own, at: 5 })]
      const first = await call(
        'GET',
        V2,
        { experiment_ids: [own], max_results: 1, order_by: ['timestamp_ms ASC'] },
        'viewer',
      )
      const page_token = partOf(first, 'next_page_token')
      const asked = { experiment_ids: [own], max_results: 1, order_by: ['timestamp_ms ASC'], page_token }
      const second = await call('GET', V2, asked)
      assert.deepEqual([...idsOf(first, 'request_id'), ...idsOf(second, 'request_id')], ids)
      assert.equal(second.body['next_page_token'], undefined)
      assert.equal(partOf(second, 'traces', 0, 'status'), 'OK')
      await assertRefused(call('GET', V2, {}), INVALID, /'experiment_ids'/)
    })
  })

  describe('search', () => {
    it('goes through the places that are named, in the order that is asked', async () => {
      const [one, other] = [await traces.newExperiment(), await traces.newExperiment()]
      const early = await traces.newTrace({ experiment: one, at: 0, name: 'sought' })
      const late = await traces.newTrace({ experiment: other, at: 9, name: 'sought' })
      const locations = [placeOf(one), { mlflowExperiment: { experimentId: other } }, placeOf('999999')]
      assert.deepEqual(idsOf(await search({ locations }, 'viewer')), [late, early], 'newest first')
      assert.deepEqual(idsOf(await search({ locations, order_by: ['timestamp ASC'] })), [early, late])
      assert.deepEqual(idsOf(await search({ locations: [placeOf(one)], filter: "name = 'sought'" })), [early])
      assert.deepEqual((await search({ locations: [placeOf('999999')] })).body, { traces: [] })
    })

    for (const [sent, text] of [
      [{ locations: undefined }, /'locations'/],
      [{ locations: 'all' }, /expected a list/],
      [{ max_results: 501 }, /max_results.*at most 500/],
      [{ max_results: 0 }, /max_results/],
      [{ filter: 'status = OK' }, /quoted string/],
      [{ filter: 5 }, /'filter'/],
      [{ order_by: Array<string>(9).fill('timestamp') }, /9 clauses; at most 8/],
      [{ order_by: [''] }, /order_by\[0\]/],
      [{ page_token: '!' }, /page token/],
    ] as const) {
      it(`refuses ${JSON.stringify(sent).slice(0, 60)}`, () => assertRefused(search(sent), INVALID, text))
    }

    it('takes as many orders as there may be, and a page as large', async () => {
      const order_by = Array<string>(8).fill('timestamp')
      assert.equal((await search({ order_by, max_results: 500 })).status, 200)
    })
  })

  describe('figures', () => {
    const metrics = (more: object, role?: 'viewer') => call('POST', `${V3}/metrics`, { ...asked(), ...more }, role)
    const asked = () => ({
      experiment_ids: [experiment],
      view_type: 'TRACES',
      metric_name: 'latency',
      aggregations: [{ aggregation_type: 'AVG' }],
    })

    it('are asked for by names or by numbers', async () => {
      const own = await traces.newExperiment()
      await traces.newTrace({ experiment: own })
      for (const [view_type, kind] of [
        ['TRACES', 'PERCENTILE'],
        [1, 4],
      ]) {
        const aggregations = [{ aggregation_type: kind, percentile_value: '90' }]
        const found = await metrics({ experiment_ids: [own], view_type, aggregations }, 'viewer')
        assert.deepEqual(found.body, {
          data_points: [{ metric_name: 'latency', dimensions: {}, values: { 'P90.0': 1000 } }],
        })
      }
    })

    for (const [more, text] of [
      [{ experiment_ids: undefined }, /'experiment_ids'/],
      [{ view_type: 'RUNS' }, /view_type/],
      [{ view_type: 0 }, /view_type/],
      [{ aggregations: [{ aggregation_type: 'MEDIAN' }] }, /aggregations\[0\]\.aggregation_type/],
      [{ aggregations: [{ aggregation_type: 'PERCENTILE' }] }, /Invalid percentile_value none for PERCENTILE/],
      [
        { aggregations: [{ aggregation_type: 'PERCENTILE', percentile_value: 100.5 }] },
        /Invalid percentile_value 100\.5/,
      ],
      [{ aggregations: [{ aggregation_type: 'PERCENTILE', percentile_value: -1 }] }, /Invalid percentile_value -1/],
      [{ aggregations: [{ aggregation_type: 'AVG', percentile_value: 50 }] }, /Invalid percentile_value 50 for AVG/],
      [{ max_results: 1001 }, /max_results.*at most 1000/],
      [{ metric_name: 'toString' }, /metric_name must be one of/],
    ] as const) {
      it(`refuses ${JSON.stringify(more)}`, () => assertRefused(metrics(more), INVALID, text))
    }

    for (const at of [0, 100]) {
      it(`takes the percentile ${at}`, async () => {
        const aggregations = [{ aggregation_type: 'PERCENTILE', percentile_value: at }]
        assert.equal((await metrics({ aggregations })).status, 200)
      })
    }

    it('two filters are compared below a third', async () => {
      const own = await traces.newExperiment()
      for (const name of ['a', 'a', 'b']) await traces.newTrace({ experiment: own, name })
      const filters = { filter_string1: "name = 'a'", filter_string2: "status = 'OK'" }
      const sent = { experiment_ids: [own], ...filters, base_filter: "name != 'b'" }
      const found = await call('POST', `${V3}/calculate-filter-correlation`, sent, 'viewer')
      const { filter1_count, filter2_count, joint_count, total_count, npmi } = found.body
      assert.deepEqual([filter1_count, filter2_count, joint_count, total_count, npmi], [2, 2, 2, 2, 1])
      const { base_filter: _base, ...all } = sent
      assert.equal(partOf(await call('POST', `${V3}/calculate-filter-correlation`, all), 'total_count'), 3)
      for (const key of ['filter_string1', 'filter_string2', 'experiment_ids']) {
        const without = call('POST', `${V3}/calculate-filter-correlation`, { ...sent, [key]: undefined })
        await assertRefused(without, INVALID, new RegExp(`'${key}'`))
      }
    })
  })
})
