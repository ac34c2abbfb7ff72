/** Cases: figures over traces, spans and assessments, and how filters go together. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import { readAssessment } from '../assessments/wire.ts'
import { createAssessment } from '../assessments/assessments.ts'
import { correlate } from './correlation.ts'
import { traceMetrics } from './metrics.ts'
import type { MetricQuery } from './metrics.ts'
import { newTrace } from '../bench.cases.ts'
import type { TraceBench } from '../bench.cases.ts'

export function figureCases(bench: TraceBench): void {
  describe('figures over traces', () => {
    let experiment = ''
    const ask = (more: Partial<MetricQuery>) =>
      traceMetrics(bench.room, bench.root, {
        experiment_ids: [experiment],
        view_type: 'TRACES',
        metric_name: 'trace_count',
        aggregations: [{ aggregation_type: 'COUNT' }],
        dimensions: [],
        filters: [],
        max_results: 100,
        ...more,
      })

    before(async () => {
      experiment = await bench.experiment()
      for (let at = 0; at < 4; at++) {
        const trace = newTrace()
        const start = 1_700_000_000_000_000_000n + BigInt(at) * 40_000_000_000n
        const attributes = { 'gen_ai.usage.input_tokens': BigInt(at), 'gen_ai.usage.output_tokens': 1n }
        const name = at < 2 ? 'first' : 'second'
        const end = start + BigInt(at + 1) * 1_000_000_000n
        const [id = ''] = await bench.send(experiment, [
          { trace, id: '01'.repeat(8), name, start, end, status: at === 3 ? 2 : 1, attributes },
        ])
        const given = { assessment_name: 'score', feedback: { value: at } }
        await createAssessment(bench.room, bench.root, id, readAssessment(given))
      }
    })

    it('counts by state, in the order of the states', async () => {
      assert.deepEqual(await ask({ dimensions: ['trace_status'] }), [
        { metric_name: 'trace_count', dimensions: { trace_status: 'ERROR' }, values: { COUNT: 1 } },
        { metric_name: 'trace_count', dimensions: { trace_status: 'OK' }, values: { COUNT: 3 } },
      ])
    })

    it('means, extremes and percentiles of durations and tokens', async () => {
      const aggregations = [
        { aggregation_type: 'AVG' },
        { aggregation_type: 'MAX' },
        { aggregation_type: 'PERCENTILE', percentile_value: 50 },
      ] as const
      const [latency] = await ask({ metric_name: 'latency', aggregations })
      assert.deepEqual(latency?.values, { AVG: 2500, MAX: 4000, 'P50.0': 2500 })
      const spans = await ask({ view_type: 'SPANS', metric_name: 'latency', aggregations, dimensions: ['span_name'] })
      assert.deepEqual(
        spans.map((point) => [point.dimensions['span_name'], point.values['AVG']]),
        [
          ['first', 1500],
          ['second', 3500],
        ],
      )
      const [tokens] = await ask({ metric_name: 'total_tokens', aggregations: [{ aggregation_type: 'SUM' }] })
      assert.deepEqual(tokens?.values, { SUM: 10 })
      const scores = await ask({ view_type: 'ASSESSMENTS', metric_name: 'assessment_value', aggregations })
      assert.deepEqual(scores[0]?.values, { AVG: 1.5, MAX: 3, 'P50.0': 1.5 })
    })

    it('by time, within a range and through filters', async () => {
      const time = { time_interval_seconds: 60, start_time_ms: 1_700_000_000_000, end_time_ms: 1_700_000_100_000 }
      const byTime = await ask(time)
      assert.deepEqual(
        byTime.map((point) => [point.dimensions['time_bucket'], point.values['COUNT']]),
        [
          ['2023-11-14T22:13:00+00:00', 1],
          ['2023-11-14T22:14:00+00:00', 2],
        ],
      )
      const filtered = async (filters: string[], more = {}) => (await ask({ filters, ...more }))[0]?.values['COUNT']
      assert.equal(await filtered(["trace.status = 'OK'"]), 3)
      assert.equal(await filtered(["trace.tag.none = 'x'"]), undefined)
      const spans = { view_type: 'SPANS', metric_name: 'span_count' } as const
      assert.equal(await filtered(["span.name = 'first'", "trace.status = 'OK'"], spans), 2)
    })

    it('refuses what is not to be had', async () => {
      const none = 'INVALID_PARAMETER_VALUE'
      await refused(ask({ metric_name: 'mood' }), none, /metric_name must be one of/)
      await refused(ask({ aggregations: [{ aggregation_type: 'SUM' }] }), none, /invalid aggregation_type/)
      await refused(ask({ dimensions: ['span_name'] }), none, /invalid dimension/)
      await refused(ask({ time_interval_seconds: 60 }), none, /are required/)
      await refused(ask({ filters: ["trace.status != 'OK'"] }), none, /Expected one filter clause/)
      await refused(ask({ filters: ["model.name = 'OK'"] }), none, /Invalid identifier/)
    })

    it('says how much two filters go together', async () => {
      const asked = { experiment_ids: [experiment], filter_string1: "name = 'first'", filter_string2: "status = 'OK'" }
      const found = await correlate(bench.room, bench.root, asked)
      assert.deepEqual([found.filter1_count, found.filter2_count, found.joint_count, found.total_count], [2, 3, 2, 4])
      // log(2*4/(2*3)) / -log(2/4)
      assert.ok(Math.abs((found.npmi ?? 0) - Math.log(8 / 6) / Math.log(2)) < 1e-12)
      const never = await correlate(bench.room, bench.root, { ...asked, filter_string2: "name = 'second'" })
      assert.equal(never.npmi, -1)
      const none = await correlate(bench.room, bench.root, { ...asked, filter_string2: "name = 'x'" })
      assert.equal('npmi' in none, false)
    })
  })
}
