/** MLflow's calls about traces over HTTP, in both versions of its protocol: what they take, answer and refuse, and who may. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertRefused, FORBIDDEN, INVALID, MISSING, partOf } from '../../test/mlflow-calls.ts'
import type { MlflowAnswer } from '../../test/mlflow-calls.ts'
import { newTrace, span } from './bench.cases.ts'
import { serveTraces } from './http.fixture.ts'
import type { ServedTraces } from './http.fixture.ts'

const V2 = '2.0/mlflow/traces'
const V3 = '3.0/mlflow/traces'
const START = '2023-11-14T22:13:20.000Z'
const START_MS = 1_700_000_000_000

describe('traces over HTTP', () => {
  let traces: ServedTraces
  let experiment = ''
  before(async () => {
    traces = await serveTraces(['admin', 'viewer', 'service'])
    experiment = await newExperiment()
  })
  after(() => traces.stop())

  const call: ServedTraces['call'] = (...given) => traces.call(...given)
  let made = 0
  const newExperiment = async () =>
    String(partOf(await call('POST', '2.0/mlflow/experiments/create', { name: `traces ${++made}` }), 'experiment_id'))
  const newRun = async (experiment_id: string) =>
    String(partOf(await call('POST', '2.0/mlflow/runs/create', { experiment_id }), 'run', 'info', 'run_id'))
  const newSpans = (more: { experiment?: string; at?: number; name?: string; run?: string } = {}) => {
    const { at = 0, name = 'work', ...place } = more
    return traces.sendSpans([span(newTrace(), '01'.repeat(8), { at, name, status: 1 })], { experiment, ...place })
  }
  const place = (id: string) => ({ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: id } })
  const idsOf = (answer: MlflowAnswer, key: 'trace_id' | 'request_id' = 'trace_id') =>
    ((partOf(answer, 'traces') ?? []) as Record<string, unknown>[]).map((trace) => trace[key])
  const search = (sent: object, role?: 'viewer') =>
    call('POST', `${V3}/search`, { locations: [place(experiment)], ...sent }, role)
  const tagsOf = async (id: string) =>
    partOf(await call('GET', `${V3}/${id}`), 'trace', 'trace_info', 'tags') as Record<string, string>

  describe('the record of a trace', () => {
    it('is written, given back as it was sent, and read by its id and among others', async () => {
      const trace_info = {
        trace_id: `tr-${newTrace()}`,
        client_request_id: 'c-1',
        trace_location: place(experiment),
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
      const other = await newSpans()
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
      const id = await newSpans({ name: 'whole' })
      const trace = await call('GET', `${V3}/get`, { trace_id: id }, 'viewer')
      assert.equal(partOf(trace, 'trace', 'trace_info', 'trace_id'), id)
      assert.equal(partOf(trace, 'trace', 'spans', 0, 'name'), 'whole')
      assert.equal(partOf(trace, 'trace', 'spans', 0, 'trace_id'), Buffer.from(id.slice(3), 'hex').toString('base64'))
      const bare = { trace_id: `tr-${newTrace()}`, request_time: START, trace_location: place(experiment) }
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
      const own = await newExperiment()
      const ids = [await newSpans({ experiment: own, at: 0 }), await newSpans({ experiment: own, at: 5 })]
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
      const [one, other] = [await newExperiment(), await newExperiment()]
      const early = await newSpans({ experiment: one, at: 0, name: 'sought' })
      const late = await newSpans({ experiment: other, at: 9, name: 'sought' })
      const locations = [place(one), { mlflowExperiment: { experimentId: other } }, place('999999')]
      assert.deepEqual(idsOf(await search({ locations }, 'viewer')), [late, early], 'newest first')
      assert.deepEqual(idsOf(await search({ locations, order_by: ['timestamp ASC'] })), [early, late])
      assert.deepEqual(idsOf(await search({ locations: [place(one)], filter: "name = 'sought'" })), [early])
      assert.deepEqual((await search({ locations: [place('999999')] })).body, { traces: [] })
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
      const own = await newExperiment()
      await newSpans({ experiment: own })
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
      const own = await newExperiment()
      for (const name of ['a', 'a', 'b']) await newSpans({ experiment: own, name })
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

  for (const version of [V2, V3]) {
    describe(`changes by ${version}`, () => {
      it('tags are set, without a value as the empty text, and removed', async () => {
        const id = await newSpans()
        assert.deepEqual((await call('PATCH', `${version}/${id}/tags`, { key: 'a', value: '1' })).body, {})
        await call('PATCH', `${version}/${id}/tags`, { key: 'b' })
        const { a, b } = await tagsOf(id)
        assert.deepEqual([a, b], ['1', ''])
        assert.deepEqual((await call('DELETE', `${version}/${id}/tags`, { key: 'a' })).body, {})
        assert.equal('a' in (await tagsOf(id)), false)
        await assertRefused(call('DELETE', `${version}/${id}/tags`, { key: 'a' }), MISSING, /No trace tag with key 'a'/)
        await assertRefused(call('PATCH', `${version}/${id}/tags`, { value: 'x' }), INVALID, /'key'/)
      })

      it('a value of a tag is cut to 8000 characters, a name of one is refused beyond 250', async () => {
        const id = await newSpans()
        await call('PATCH', `${version}/${id}/tags`, { key: 'k'.repeat(250), value: `${'x'.repeat(7999)}😀y` })
        const value = (await tagsOf(id))['k'.repeat(250)] ?? ''
        assert.equal(value, `${'x'.repeat(7999)}😀`)
        const long = call('PATCH', `${version}/${id}/tags`, { key: 'k'.repeat(251), value: '' })
        await assertRefused(long, INVALID, /maximum length of 250/)
      })

      it('traces are deleted by time and by id', async () => {
        const experiment_id = await newExperiment()
        const ids: string[] = []
        for (const at of [0, 1, 2]) ids.push(await newSpans({ experiment: experiment_id, at }))
        const remove = (more: object) => call('POST', `${version}/delete-traces`, { experiment_id, ...more })
        assert.deepEqual((await remove({ max_timestamp_millis: START_MS + 5, max_traces: 1 })).body, {
          traces_deleted: 1,
        })
        assert.deepEqual((await remove({ request_ids: [ids[2]] })).body, { traces_deleted: 1 })
        assert.deepEqual((await remove({ request_ids: [ids[2]] })).body, { traces_deleted: 0 })
        assert.deepEqual(idsOf(await search({ locations: [place(experiment_id)] })), [ids[1]])
        for (const [more, text] of [
          [{}, /Either `max_timestamp_millis`/],
          [{ max_timestamp_millis: 1, request_ids: ['a'] }, /Only one of/],
          [{ request_ids: ['a'], max_traces: 1 }, /`max_traces` can't be specified/],
          [{ max_timestamp_millis: 1, max_traces: 0 }, /positive integer, received 0/],
          [{ request_ids: ['a'], experiment_id: undefined }, /'experiment_id'/],
        ] as const) {
          await assertRefused(remove(more), INVALID, text)
        }
        await assertRefused(remove({ experiment_id: '999999', request_ids: ['a'] }), MISSING, /999999/)
      })

      it('traces are linked to runs and to prompts', async () => {
        const own = await newExperiment()
        const [run_id, id] = [await newRun(own), await newSpans({ experiment: own })]
        assert.deepEqual((await call('POST', `${version}/link-to-run`, { trace_ids: [id], run_id })).body, {})
        const prompt_versions = [{ name: 'ask', version: 3 }]
        assert.deepEqual((await call('POST', `${version}/link-prompts`, { trace_id: id, prompt_versions })).body, {})
        const find = async (filter: string) => idsOf(await search({ locations: [place(own)], filter }))
        assert.deepEqual(await find(`run_id = '${run_id}' AND prompt = 'ask/3'`), [id])
        const none = call('POST', `${version}/link-to-run`, { trace_ids: [id], run_id: 'none' })
        await assertRefused(none, MISSING, /Run with id=none not found/)
        const lost = call('POST', `${version}/link-prompts`, { trace_id: 'tr-none', prompt_versions })
        await assertRefused(lost, MISSING, /'tr-none' not found/)
        const bare = call('POST', `${version}/link-prompts`, { trace_id: id, prompt_versions: [{ name: 'ask' }] })
        await assertRefused(bare, INVALID, /prompt_versions\[0\]\.version/)
      })
    })
  }

  it('an assessment is made, read, changed by a mask in either form, and removed', async () => {
    const id = await newSpans()
    const path = `${V3}/${id}/assessments`
    const assessment = {
      assessment_name: 'good',
      feedback: { value: 3 },
      source: { source_type: 'HUMAN', source_id: 'ann' },
      create_time: START,
    }
    const created = await call('POST', path, { assessment })
    const { assessment_id, ...rest } = partOf(created, 'assessment') as Record<string, unknown>
    assert.match(String(assessment_id), /^a-[0-9a-f]{32}$/)
    assert.deepEqual(rest, { ...assessment, trace_id: id, last_update_time: START, valid: true })
    const one = `${path}/${String(assessment_id)}`
    assert.deepEqual((await call('GET', one, {}, 'viewer')).body, created.body)
    const change = (update_mask: unknown, more: object) => call('PATCH', one, { assessment: more, update_mask })
    const renamed = await change('assessment_name', { assessment_name: 'better', rationale: 'not named by the mask' })
    assert.deepEqual(
      [partOf(renamed, 'assessment', 'assessment_name'), partOf(renamed, 'assessment', 'rationale')],
      ['better', undefined],
    )
    const changed = await change({ paths: ['feedback', 'rationale'] }, { feedback: { value: 4 }, rationale: 'why' })
    assert.deepEqual(
      [partOf(changed, 'assessment', 'feedback'), partOf(changed, 'assessment', 'rationale')],
      [{ value: 4 }, 'why'],
    )
    const info = await call('GET', `${V3}/${id}`)
    assert.deepEqual(partOf(info, 'trace', 'trace_info', 'assessments'), [partOf(changed, 'assessment')])
    await assertRefused(change('source', {}), INVALID, /'source' for parameter 'update_mask'/)
    await assertRefused(change(undefined, {}), INVALID, /'update_mask'/)
    await assertRefused(call('POST', path, {}), INVALID, /'assessment'/)
    assert.deepEqual((await call('DELETE', one)).body, {})
    await assertRefused(call('GET', one), MISSING, /not found for trace/)
    await assertRefused(call('GET', `${V3}/tr-none/assessments/a-1`), MISSING, /'tr-none' not found/)
  })

  it('who may only look changes nothing, and a program that predicts does not look', async () => {
    const id = await newSpans()
    const run_id = await newRun(experiment)
    const writes = BOTH_VERSIONS.flatMap((version): (readonly [string, string, object])[] => [
      ['POST', version, { trace: {} }],
      ['PATCH', `${version}/${id}/tags`, { key: 'a', value: '1' }],
      ['DELETE', `${version}/${id}/tags`, { key: 'mlflow.traceName' }],
      ['POST', `${version}/delete-traces`, { experiment_id: experiment, request_ids: [id] }],
      ['POST', `${version}/link-to-run`, { trace_ids: [id], run_id }],
      ['POST', `${version}/link-prompts`, { trace_id: id, prompt_versions: [{ name: 'a', version: '1' }] }],
    ])
    const ofAssessments = [
      ['POST', `${V3}/${id}/assessments`, { assessment: {} }],
      ['PATCH', `${V3}/${id}/assessments/a-1`, { assessment: {}, update_mask: 'valid' }],
      ['DELETE', `${V3}/${id}/assessments/a-1`, {}],
      ['PATCH', `${V2}/${id}`, {}],
    ] as const
    for (const [method, path, sent] of [...writes, ...ofAssessments]) {
      await assertRefused(call(method, path, sent, 'viewer'), FORBIDDEN, /viewer/)
    }
    await assertRefused(call('GET', `${V3}/${id}`, {}, 'service'), FORBIDDEN, /service/)
    assert.equal((await tagsOf(id))['mlflow.traceName'], 'work')
  })
})

const BOTH_VERSIONS = [V2, V3]
