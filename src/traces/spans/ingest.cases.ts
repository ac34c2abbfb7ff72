/** Cases: spans and records of traces in either order, exact values, projects, tags, deletion. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import { findArtifact, putArtifact } from '../../tracking/artifacts/artifacts.ts'
import { createRun } from '../../tracking/runs/runs.ts'
import { deleteTraces } from '../delete.ts'
import { linkPrompts, linkTraces } from '../records/links.ts'
import { searchTraces } from '../search/search.ts'
import { beginTrace, endTrace, readInfo, startTrace } from '../start.ts'
import type { GivenTrace } from '../start.ts'
import { deleteTraceTag, setTraceTag } from '../tags.ts'
import { newTrace, span } from '../bench.cases.ts'
import type { TraceBench } from '../bench.cases.ts'
import { readSpans, spansFile, wholeTrace, wholeTraces } from './documents.ts'

const START_MS = 1_700_000_000_000

export function ingestCases(bench: TraceBench): void {
  describe('spans and records', () => {
    it('spans before the record: the trace is widened to them, then the record counts', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const trace = newTrace()
      const [id = ''] = await bench.send(experiment, [span(trace, '02'.repeat(8), { parent: '01'.repeat(8), at: 500 })])
      const early = await readInfo(room, root, id)
      assert.equal(early.row.state, 'IN_PROGRESS')
      assert.equal(early.row.start_ms, START_MS + 500)
      assert.equal(early.row.duration_ms, 1000)
      assert.equal(early.tags.get('mlflow.trace.spansLocation'), 'TRACKING_STORE')
      await bench.send(experiment, [span(trace, '01'.repeat(8), { name: 'root', at: 100, status: 2, message: 'no' })])
      const whole = await readInfo(room, root, id)
      assert.equal(whole.row.state, 'ERROR')
      assert.equal(whole.row.start_ms, START_MS + 100)
      assert.equal(whole.row.duration_ms, 1400)
      assert.equal(whole.row.name, 'root')
      const kept = {
        tags: { 'mlflow.traceName': 'named', a: '1' },
        metadata: { 'mlflow.trace.sizeStats': '{"num_spans": 2}' },
      }
      await startTrace(room, root, { ...record(id, experiment), ...kept, start_ms: 5, duration_ms: 7 })
      await bench.send(experiment, [span(trace, '03'.repeat(8), { parent: '01'.repeat(8), at: -5000 })])
      const final = await readInfo(room, root, id)
      assert.deepEqual([final.row.start_ms, final.row.duration_ms, final.row.state], [5, 7, 'OK'])
      assert.equal(final.tags.get('a'), '1')
      assert.equal(final.tags.get('mlflow.traceName'), 'named')
      assert.equal((await readSpans(room.db, [id])).get(id)?.length, 3)
    })

    it('a span that is still open gives no end, whether it comes before or behind one that has ended', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const closed = (trace: string) => span(trace, '02'.repeat(8), { parent: '01'.repeat(8), at: 200 })
      const open = (trace: string) => ({
        trace,
        id: '03'.repeat(8),
        parent: '01'.repeat(8),
        name: 'open',
        start: closed(trace).start,
      })
      for (const order of [
        [open, closed],
        [closed, open],
      ]) {
        const trace = newTrace()
        for (const next of order) await bench.send(experiment, [next(trace)])
        const { row } = await readInfo(room, root, `tr-${trace}`)
        assert.deepEqual([row.start_ms, row.duration_ms], [START_MS + 200, 1000])
      }
      const trace = newTrace()
      for (const id of ['03', '04']) await bench.send(experiment, [{ ...open(trace), id: id.repeat(8) }])
      assert.equal((await readInfo(room, root, `tr-${trace}`)).row.duration_ms, null)
    })

    it('a span sent again replaces itself; the root comes first, then by start to the nanosecond', async () => {
      const experiment = await bench.experiment()
      const trace = newTrace()
      const close = (id: string, ns: bigint) => ({
        ...span(trace, id, { parent: 'aa'.repeat(8) }),
        start: 1_700_000_000_000_000_000n + ns,
      })
      const spans = [close('03'.repeat(8), 3n), close('01'.repeat(8), 1n), close('02'.repeat(8), 2n)]
      const [id = ''] = await bench.send(experiment, [...spans, span(trace, 'aa'.repeat(8), { at: 9000 })])
      await bench.send(experiment, [{ ...close('02'.repeat(8), 2n), name: 'again' }])
      const found = (await readSpans(bench.room.db, [id])).get(id) ?? []
      assert.deepEqual(
        found.map((one) => [one.span_id.slice(0, 2), one.name]),
        [
          ['aa', 'work'],
          ['01', 'work'],
          ['02', 'again'],
          ['03', 'work'],
        ],
      )
    })

    it('values survive to the last digit in both forms that clients read', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const trace = newTrace()
      const [id = ''] = await bench.send(experiment, [
        span(trace, 'ab'.repeat(8), {
          attributes: {
            whole: 9_007_199_254_740_993n,
            least: -9_223_372_036_854_775_808n,
            double: 1,
            tiny: 1e-7,
            nothing: null,
            yes: true,
            nan: Number.NaN,
            bytes: Uint8Array.of(0, 255),
            list: ['a', 2n, 2.5, [false]],
            nested: { a: { b: 'ü "quoted"' } },
          },
          events: [{ name: 'exception', time: 99_999n, attributes: { foo: 'bar' } }],
          links: [{ trace: '0f'.repeat(16), id: '0e'.repeat(8) }],
          kind: 3,
        }),
      ])
      const json = await wholeTrace(room, root, id, false)
      assert.match(json, /"kind":3,/)
      assert.match(json, /"key":"whole","value":\{"int_value":9007199254740993\}/)
      assert.match(json, /"int_value":-9223372036854775808/)
      assert.match(json, /"key":"double","value":\{"double_value":1\.0\}/)
      assert.match(json, /"double_value":1e-07/)
      assert.match(json, /"key":"nothing","value":\{\}/)
      assert.match(json, /"key":"nan","value":\{"double_value":"NaN"\}/)
      assert.match(json, /"bytes_value":"AP8="/)
      assert.match(json, /"start_time_unix_nano":1700000000000000001,/)
      assert.match(json, /"time_unix_nano":99999,"name":"exception","attributes":\[\{"key":"foo"/)
      const file = spansFile((await readSpans(room.db, [id])).get(id) ?? [])
      assert.match(file, /"kind": "SPAN_KIND_CLIENT", "start_time_unix_nano": 1700000000000000001, /)
      const attributes = (JSON.parse(file) as { spans: { attributes: Record<string, string> }[] }).spans[0]?.attributes
      assert.equal(attributes?.['whole'], '9007199254740993')
      assert.equal(attributes?.['double'], '1.0')
      assert.equal(attributes?.['list'], '["a", 2, 2.5, [false]]')
      assert.equal(attributes?.['nested'], '{"a": {"b": "ü \\"quoted\\""}}')
      assert.equal(attributes?.['mlflow.traceRequestId'], `"${id}"`)
    })

    it('a trace that is not whole is left out of many and refused alone, but for a part', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const [id = ''] = await bench.send(experiment, [span(newTrace(), '01'.repeat(8))])
      const metadata = { 'mlflow.trace.sizeStats': '{"num_spans": 2}' }
      await startTrace(room, root, { ...record(id, experiment), metadata })
      assert.deepEqual(await wholeTraces(room, root, [id, 'tr-none']), [])
      assert.match(await wholeTrace(room, root, id, true), /"spans":\[\{/)
      await refused(wholeTrace(room, root, id, false), 'RESOURCE_DOES_NOT_EXIST', /not fully exported yet/)
    })

    it('the resource becomes tags that do not push aside those that a user set', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const trace = newTrace()
      const resource = { 'service.name': 'shop', 'telemetry.sdk.name': 'x', 'mlflow.secret': 'x' }
      const root_span = span(trace, '01'.repeat(8), { attributes: { 'mlflow.traceTag.team': 'a', 'session.id': 's1' } })
      const [id = ''] = await bench.send(experiment, [root_span], { resource })
      await setTraceTag(room, root, id, { key: 'service.name', value: 'mine' })
      await bench.send(experiment, [span(trace, '02'.repeat(8), { parent: '01'.repeat(8) })], { resource })
      const info = await readInfo(room, root, id)
      assert.equal(info.tags.get('service.name'), 'mine')
      assert.equal(info.tags.get('team'), 'a')
      assert.equal(info.tags.has('telemetry.sdk.name') || info.tags.has('mlflow.secret'), false)
      assert.equal(info.metadata.get('mlflow.trace.session'), 's1')
      const found = (await readSpans(room.db, [id])).get(id) ?? []
      assert.equal(found[0]?.attributes.get('service.name'), 'shop')
      assert.equal(found[1]?.attributes.has('service.name'), false)
    })

    it('tokens of a trace are summed over requests, once where a parent repeats its children', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const trace = newTrace()
      const used = (input: bigint, output: bigint) => ({
        'gen_ai.usage.input_tokens': input,
        'gen_ai.usage.output_tokens': output,
      })
      const child = (id: string) => span(trace, id, { parent: '01'.repeat(8), attributes: used(10n, 5n) })
      const [id = ''] = await bench.send(experiment, [child('02'.repeat(8))])
      await bench.send(experiment, [child('03'.repeat(8))])
      const tokens = async () => (await readInfo(room, root, id)).metadata.get('mlflow.trace.tokenUsage')
      assert.equal(await tokens(), '{"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}')
      await bench.send(experiment, [span(trace, '01'.repeat(8), { attributes: used(21n, 10n) })])
      assert.equal(await tokens(), '{"input_tokens": 21, "output_tokens": 10, "total_tokens": 31}')
    })

    it('fifty requests for one trace at once lose no span', async () => {
      const experiment = await bench.experiment()
      const trace = newTrace()
      const id = (i: number) => (i + 1).toString(16).padStart(16, '0')
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          bench.send(experiment, [span(trace, id(i), { at: i, parent: 'ff'.repeat(8) })]),
        ),
      )
      const info = await readInfo(bench.room, bench.root, `tr-${trace}`)
      assert.deepEqual([info.row.start_ms, info.row.duration_ms], [START_MS, 1049])
      assert.equal((await readSpans(bench.room.db, [`tr-${trace}`])).get(`tr-${trace}`)?.length, 50)
    })
  })

  describe('traces of two projects', () => {
    it('nobody reads, changes, adds to or takes over a trace of another project', async () => {
      const { room } = bench
      const red = bench.member('red')
      const blue = bench.member('blue')
      const [ours, theirs] = [await bench.experiment(red), await bench.experiment(blue)]
      const trace = newTrace()
      const [id = ''] = await bench.send(ours, [span(trace, '01'.repeat(8))], { who: red })
      await refused(readInfo(room, blue, id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await refused(wholeTrace(room, blue, id, true), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await refused(setTraceTag(room, blue, id, { key: 'a', value: '1' }), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await refused(startTrace(room, blue, record(id, theirs)), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await refused(
        bench.send(theirs, [span(trace, '02'.repeat(8))], { who: blue }),
        'RESOURCE_DOES_NOT_EXIST',
        /not found/,
      )
      await refused(
        bench.send(ours, [span(newTrace(), '02'.repeat(8))], { who: blue }),
        'RESOURCE_DOES_NOT_EXIST',
        /No Exp/,
      )
      assert.deepEqual(await wholeTraces(room, blue, [id]), [])
      const all = { experiment_ids: [ours, theirs], max_results: 10 }
      assert.deepEqual((await searchTraces(room, blue, all)).rows, [])
      assert.equal((await searchTraces(room, red, all)).rows.length, 1)
      assert.equal((await readSpans(room.db, [id])).get(id)?.length, 1)
    })
  })

  describe('the life of a trace', () => {
    it('begins and ends by the older protocol', async () => {
      const { room, root } = bench
      const experiment_id = await bench.experiment()
      const begun = await beginTrace(room, root, {
        experiment_id,
        start_ms: 1000,
        metadata: { a: '1', b: '1' },
        tags: { t: '1' },
      })
      assert.equal(begun.row.state, 'IN_PROGRESS')
      const end = { end_ms: 3000, state: 'OK' as const, metadata: { a: '2' }, tags: { u: '2' } }
      const ended = await endTrace(room, root, begun.row.trace_id, end)
      assert.equal(ended.row.duration_ms, 2000)
      assert.deepEqual(Object.fromEntries(ended.metadata), { a: '2', b: '1' })
      assert.deepEqual([ended.tags.get('t'), ended.tags.get('u')], ['1', '2'])
      assert.equal(ended.tags.has('mlflow.trace.spansLocation'), false)
    })

    it('tags are set and removed; its name is one, its places are not the caller’s', async () => {
      const { room, root } = bench
      const [id = ''] = await bench.send(await bench.experiment(), [span(newTrace(), '01'.repeat(8))])
      await setTraceTag(room, root, id, { key: 'mlflow.traceName', value: 'other' })
      assert.equal((await readInfo(room, root, id)).row.name, 'other')
      await deleteTraceTag(room, root, id, 'mlflow.traceName')
      assert.equal((await readInfo(room, root, id)).row.name, null)
      await refused(deleteTraceTag(room, root, id, 'no'), 'RESOURCE_DOES_NOT_EXIST', /No trace tag with key 'no'/)
      const fixed = { key: 'mlflow.trace.spansLocation', value: 'x' }
      await refused(setTraceTag(room, root, id, fixed), 'INVALID_PARAMETER_VALUE', /immutable and cannot be set/)
    })

    it('tags that only the server sets are dropped where they come with a trace or a span', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const names = ['artifactLocation', 'trace.spansLocation', 'trace.archiveLocation', 'trace.archivalFailure']
      const tags = Object.fromEntries(names.map((name) => [`mlflow.${name}`, 's3://elsewhere']))
      const attributes = Object.fromEntries(
        Object.entries(tags).map(([key, value]) => [`mlflow.traceTag.${key}`, value]),
      )
      const [id = ''] = await bench.send(experiment, [span(newTrace(), '01'.repeat(8), { attributes })])
      await startTrace(room, root, { ...record(id, experiment), tags: { ...tags, mine: 'x' } })
      const begun = await beginTrace(room, root, { experiment_id: experiment, start_ms: 1, metadata: {}, tags })
      const end = { end_ms: 3, state: 'OK' as const, metadata: {}, tags }
      const ended = await endTrace(room, root, begun.row.trace_id, end)
      for (const found of [(await readInfo(room, root, id)).tags, ended.tags]) {
        assert.ok(![...found.values()].includes('s3://elsewhere'), JSON.stringify([...found]))
        assert.match(found.get('mlflow.artifactLocation') ?? '', /^mlflow-artifacts:.*\/traces\//)
      }
      const kept = await room.db.all('SELECT key FROM trace_tags WHERE value = ?', ['s3://elsewhere'])
      assert.deepEqual(kept, [])
      assert.equal((await readInfo(room, root, id)).tags.get('mine'), 'x')
      for (const key of Object.keys(tags)) {
        await refused(setTraceTag(room, root, id, { key, value: 'x' }), 'INVALID_PARAMETER_VALUE', /immutable/)
        const [code, text] = key.endsWith('archivalFailure')
          ? (['RESOURCE_DOES_NOT_EXIST', /No trace tag/] as const)
          : (['INVALID_PARAMETER_VALUE', /cannot be deleted/] as const)
        await refused(deleteTraceTag(room, root, id, key), code, text)
      }
    })

    it('attachments that came with spans of another experiment go where the record says', async () => {
      const { room, root } = bench
      const [callee, caller] = [await bench.experiment(), await bench.experiment()]
      const [id = ''] = await bench.send(callee, [span(newTrace(), '02'.repeat(8), { parent: '01'.repeat(8) })])
      const pathOf = async () =>
        `${((await readInfo(room, root, id)).tags.get('mlflow.artifactLocation') ?? '').replace(/^mlflow-artifacts:\//, '')}/attachments/a`
      const before = await pathOf()
      await putArtifact(room, root, before, Buffer.from('attached'))
      await startTrace(room, root, record(id, caller))
      const after = await pathOf()
      assert.notEqual(after, before)
      assert.equal((await findArtifact(room, root, after)).size, 8)
      await refused(findArtifact(room, root, before), 'RESOURCE_DOES_NOT_EXIST', /No such artifact/)
      await deleteTraces(room, root, { experiment_id: caller, trace_ids: [id] })
      await refused(findArtifact(room, root, after), 'RESOURCE_DOES_NOT_EXIST', /No such artifact/)
    })

    it('is linked to runs, also before it arrives, and to prompts', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const run = await createRun(room, root, { experiment_id: experiment })
      const trace = newTrace()
      await linkTraces(room, root, [`tr-${trace}`], run.run_id)
      await bench.send(experiment, [span(trace, '01'.repeat(8))])
      const [other = ''] = await bench.send(experiment, [span(newTrace(), '01'.repeat(8))], { run: run.run_id })
      await bench.send(experiment, [span(newTrace(), '01'.repeat(8))], { run: 'no such run' })
      await linkPrompts(room, root, other, [{ name: 'ask', version: '3' }])
      const find = async (filter: string) =>
        (await searchTraces(room, root, { experiment_ids: [experiment], filter, max_results: 10 })).rows.length
      assert.equal(await find(`run_id = '${run.run_id}'`), 2)
      assert.equal(await find(`prompt = 'ask/3'`), 1)
      assert.equal(await find(`prompt = 'ask/4'`), 0)
      const many = Array.from({ length: 101 }, (_, i) => `tr-${i}`)
      await refused(linkTraces(room, root, many, run.run_id), 'INVALID_PARAMETER_VALUE', /Cannot link more than 100/)
    })

    it('is deleted by id or by time, oldest first, with all that hangs on it', async () => {
      const { room, root } = bench
      const experiment_id = await bench.experiment()
      const ids: string[] = []
      for (let at = 0; at < 4; at++) {
        ids.push(...(await bench.send(experiment_id, [span(newTrace(), '01'.repeat(8), { at })])))
      }
      const doomed = { experiment_id, trace_ids: [] }
      await refused(deleteTraces(room, root, doomed), 'INVALID_PARAMETER_VALUE', /Either `max_timestamp_millis`/)
      assert.equal(await deleteTraces(room, root, { ...doomed, max_start_ms: START_MS + 10, max_traces: 1 }), 1)
      await refused(readInfo(room, root, ids[0] ?? ''), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      assert.equal(await deleteTraces(room, root, { ...doomed, trace_ids: [ids[2] ?? '', 'tr-none'] }), 1)
      assert.equal(await deleteTraces(room, root, { ...doomed, max_start_ms: START_MS + 1 }), 1)
      const left = await searchTraces(room, root, { experiment_ids: [experiment_id], max_results: 10 })
      assert.deepEqual(
        left.rows.map((row) => row.trace_id),
        [ids[3]],
      )
      const spans = await room.db.all('SELECT span_id FROM trace_spans WHERE trace_id IN (?, ?, ?)', ids.slice(0, 3))
      assert.deepEqual(spans, [])
    })
  })
}

function record(trace_id: string, experiment_id: string): GivenTrace {
  return { trace_id, experiment_id, start_ms: START_MS, state: 'OK', metadata: {}, tags: {}, assessments: [] }
}
