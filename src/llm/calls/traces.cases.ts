/** Cases: calls of an endpoint with an experiment are traces there, once, and say what was used and what it cost. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment, setExperimentStage } from '../../tracking/experiments/experiments.ts'
import { readSpans } from '../../traces/spans/documents.ts'
import { logSpans } from '../../traces/spans/ingest.ts'
import { plainValue } from '../../traces/spans/values.ts'
import { readInfo } from '../../traces/start.ts'
import { callOf, folders, NOON, partOn, writeCallLog } from './call.fixture.ts'
import { spansOf } from './spans.ts'

export function traceCases(bench: Bench): void {
  describe('traces of calls', () => {
    const made = folders()
    after(() => made.remove())
    const red = () => bench.member('red')
    let experiment = ''
    before(async () => {
      experiment = await createExperiment(bench.room, red(), { name: 'calls of red' })
    })

    async function takeIn(...calls: readonly LlmCallRecord[]): Promise<void> {
      const folder = made.make()
      await writeCallLog(folder, calls)
      await partOn(bench.room, folder).drain()
    }
    const traceOf = async (id: string) => {
      const row = await bench.room.db.get<{ trace: string | null }>('SELECT trace FROM llm_calls WHERE id = ?', [id])
      assert.ok(row !== undefined, `the call ${id} is there`)
      return row.trace
    }
    async function read(id: string) {
      const trace = (await traceOf(id)) ?? ''
      const info = await readInfo(bench.room, red(), trace)
      const spans = (await readSpans(bench.room.db, [trace])).get(trace) ?? []
      const attributes = spans.map((span) => plainValue(span.attributes) as Record<string, unknown>)
      return { trace, info, spans, attributes }
    }

    it('have a span for the call and one for each attempt, with names of both conventions', async () => {
      await takeIn(
        callOf('t-whole', {
          experiment,
          kind: 'azure',
          attempts: [
            { model: 'def_1', status: 429, us: 1000, error: 'too many' },
            { model: 'def_2', status: 200, us: 5000 },
          ],
          lost: ['$.logit_bias'],
        }),
      )
      const { trace, info, spans, attributes } = await read('t-whole')
      assert.match(trace, /^tr-[0-9a-f]{32}$/)
      assert.deepEqual([info.row.state, info.row.start_ms, info.row.duration_ms], ['OK', NOON, 900])
      const [root, first, second] = spans
      assert.deepEqual(
        [first, second].map((span) => [span?.parent_id, span?.status.code, span?.status.message]),
        [
          [root?.span_id, 2, 'too many'],
          [root?.span_id, 1, ''],
        ],
      )
      const start = BigInt(NOON) * 1_000_000n
      assert.deepEqual([first?.start, first?.end], [start + 300_000n, start + 1_300_000n])
      assert.deepEqual([second?.start, second?.end], [start + 1_300_000n, start + 6_300_000n])
      const said = attributes[0] ?? {}
      const want = {
        'mlflow.spanType': 'CHAT_MODEL',
        'mlflow.llm.model': 'gpt-x',
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'azure.ai.openai',
        'gen_ai.system': 'az.ai.openai',
        'gen_ai.request.model': 'gpt-x',
        'gen_ai.response.model': 'gpt-x',
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.usage.input_tokens': 1000,
        'gen_ai.usage.output_tokens': 200,
        'gen_ai.usage.prompt_tokens': 1000,
        'gen_ai.usage.completion_tokens': 200,
        'gen_ai.usage.cache_read.input_tokens': 64,
        'slipway.llm.cost_nanodollars': 1_234_567,
        'slipway.llm.price': 'gpt-x@2026-01-01',
        'slipway.llm.key': 'tok_1',
        'slipway.llm.endpoint': 'chat',
        'slipway.llm.outcome': 'ok',
        'slipway.llm.lost': ['$.logit_bias'],
        'slipway.llm.reserved_nanodollars': 9_000_000,
        'slipway.llm.request_sha256': 'aa',
        'slipway.llm.answer_sha256': 'bb',
      }
      for (const [key, value] of Object.entries(want)) assert.deepEqual(said[key], value, key)
      assert.ok(!('mlflow.spanInputs' in said) && !('mlflow.spanOutputs' in said), 'no content where none is kept')
    })

    it('say what came from the cache, and each thing that a guardrail found', async () => {
      const guards = [
        { name: 'personal', on: 'request', action: 'redact', found: 2 },
        { name: 'rules', on: 'answer', action: 'failed', found: 1, detail: 'no answer within 2000 ms' },
      ] as const
      await takeIn(
        callOf('t-guarded', { experiment, cache: 'hit', saved: 77, guards }),
        callOf('t-bare', { experiment }),
      )
      const { spans, attributes } = await read('t-guarded')
      const said = attributes[0] ?? {}
      assert.deepEqual(
        [said['slipway.llm.cache'], said['slipway.llm.saved_nanodollars'], said['slipway.llm.guardrails']],
        ['hit', 77, ['personal', 'rules']],
      )
      const start = BigInt(NOON) * 1_000_000n
      assert.deepEqual(
        spans[0]?.events.map(({ name, time, attributes: of }) => [name, time - start, plainValue(of)]),
        [
          [
            'slipway.guardrail',
            0n,
            {
              'slipway.guardrail.name': 'personal',
              'slipway.guardrail.on': 'request',
              'slipway.guardrail.action': 'redact',
              'slipway.guardrail.found': 2,
            },
          ],
          [
            'slipway.guardrail',
            900_000_000n,
            {
              'slipway.guardrail.name': 'rules',
              'slipway.guardrail.on': 'answer',
              'slipway.guardrail.action': 'failed',
              'slipway.guardrail.found': 1,
              'slipway.guardrail.detail': 'no answer within 2000 ms',
            },
          ],
        ],
      )
      const bare = await read('t-bare')
      assert.deepEqual(bare.spans[0]?.events, [])
      assert.ok(Object.keys(bare.attributes[0] ?? {}).every((key) => !/cache$|saved|guard/.test(key)))
    })

    it('say tokens and cost of the whole trace where MLflow looks for them', async () => {
      await takeIn(callOf('t-usage', { experiment, user: 'bob' }))
      const { metadata, tags } = (await read('t-usage')).info
      assert.deepEqual(JSON.parse(metadata.get('mlflow.trace.tokenUsage') ?? ''), {
        input_tokens: 1000,
        output_tokens: 200,
        total_tokens: 1200,
        cache_read_input_tokens: 64,
        cache_creation_input_tokens: 0,
      })
      const cost = JSON.parse(metadata.get('mlflow.trace.cost') ?? '') as Record<string, number>
      assert.equal(cost['total_cost'], 0.001234567)
      assert.deepEqual([metadata.get('mlflow.trace.user'), tags.get('slipway.llm.call')], ['bob', 't-usage'])
    })

    it('have request and answer where they are kept, and a preview of them', async () => {
      const messages = [{ role: 'user', content: 'why?' }]
      const answer = { choices: [{ message: { role: 'assistant', content: 'because' } }] }
      const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`
      await takeIn(
        callOf('t-content', {
          experiment,
          content: { request: JSON.stringify({ model: 'chat', messages }), answer: JSON.stringify(answer) },
        }),
        callOf('t-nul', {
          experiment,
          model: null,
          content: {
            request: JSON.stringify({ model: 'a\0b', messages: [{ role: 'user', content: 'c\0d' }] }),
            answer: JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'e\0\ud800' } }] }),
          },
        }),
        callOf('t-deep', { experiment, content: { request: deep, answer: 'data: {"half' } }),
      )
      const { info, attributes } = await read('t-content')
      assert.deepEqual([info.row.request_preview, info.row.response_preview], ['why?', 'because'])
      assert.deepEqual(attributes[0]?.['mlflow.spanInputs'], { model: 'chat', messages })
      const nul = await read('t-nul')
      assert.deepEqual(
        [nul.info.row.request_preview, nul.attributes[0]?.['mlflow.llm.model']],
        ['c\ufffdd', 'a\ufffdb'],
      )
      const odd = (await read('t-deep')).attributes[0]
      assert.match(String(odd?.['mlflow.spanInputs']), /nests deeper than 32/)
      assert.equal(odd?.['mlflow.spanOutputs'], 'data: {"half')
    })

    it('are joined to the span of the caller', async () => {
      const [trace_id, span_id] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
      await takeIn(
        callOf('t-joined', { experiment, traceparent: `00-${trace_id}-${span_id}-01` }),
        callOf('t-zeros', { experiment, traceparent: `00-${'0'.repeat(32)}-${span_id}-01` }),
        callOf('t-nonsense', { experiment, traceparent: 'nonsense' }),
      )
      const [link, ...more] = (await read('t-joined')).spans[0]?.links ?? []
      assert.deepEqual([link?.trace_id, link?.span_id, more], [trace_id, span_id, []])
      assert.deepEqual((await read('t-zeros')).spans[0]?.links, [])
      assert.deepEqual((await read('t-nonsense')).spans[0]?.links, [])
    })

    it('say how a call failed; what the caller broke off is no failure', async () => {
      await takeIn(
        callOf('t-failed', { experiment, outcome: 'failed', status: 502, error: 'bad gateway', usage: null }),
        callOf('t-aborted', { experiment, outcome: 'aborted', status: 499 }),
        callOf('t-free', { experiment, outcome: 'refused', cost_status: 'none', cost: 0, usage: null, attempts: [] }),
        callOf('t-unknown', { experiment, cost_status: 'unknown_price', cost: null }),
      )
      const failed = await read('t-failed')
      assert.deepEqual(
        [failed.info.row.state, failed.spans[0]?.status.message, failed.attributes[0]?.['error.type']],
        ['ERROR', 'bad gateway', 'failed'],
      )
      assert.equal((await read('t-aborted')).info.row.state, 'OK')
      for (const id of ['t-free', 't-unknown']) {
        const { info, spans } = await read(id)
        assert.equal(info.metadata.get('mlflow.trace.cost'), undefined, id)
        assert.equal(spans.length, id === 't-free' ? 1 : 2)
      }
    })

    it('are not written where the experiment is gone, deleted or of another project; the call is there all the same', async () => {
      const deleted = await createExperiment(bench.room, red(), { name: 'deleted' })
      await setExperimentStage(bench.room, red(), deleted, 'deleted')
      const blue = await createExperiment(bench.room, bench.member('blue'), { name: 'blue' })
      await takeIn(
        callOf('n-deleted', { experiment: deleted }),
        callOf('n-blue', { experiment: blue }),
        callOf('n-gone', { experiment: '987654321' }),
        callOf('n-nonsense', { experiment: 'x y\n' }),
        callOf('n-none'),
        callOf('n-last', { experiment }),
      )
      for (const id of ['n-deleted', 'n-blue', 'n-gone', 'n-nonsense', 'n-none']) assert.equal(await traceOf(id), null)
      assert.notEqual(await traceOf('n-last'), null)
    })

    it('are not written over a trace that another project has; the others of the transaction are', async () => {
      const blue = bench.member('blue')
      const theirs = await createExperiment(bench.room, blue, { name: 'theirs' })
      const call = callOf('taken', { experiment })
      await logSpans(bench.room, blue, { experiment_id: theirs }, spansOf(call).slice(0, 1))
      await takeIn(call, callOf('not-taken', { experiment }))
      assert.equal(await traceOf('taken'), null)
      assert.notEqual(await traceOf('not-taken'), null)
    })

    it('of a call that is told twice are one', async () => {
      const call = callOf('t-twice', { experiment })
      await takeIn(call, call)
      await takeIn(call)
      const { spans } = await read('t-twice')
      assert.equal(spans.length, 2)
      const same = spansOf(call).map((span) => span.span_id)
      assert.deepEqual(spans.map((span) => span.span_id).sort(), same.sort())
    })
  })
}
