/** Cases: every kind of condition, orders with missing values, pages. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import { readAssessment } from '../assessments/wire.ts'
import { createAssessment } from '../assessments/assessments.ts'
import { searchTraces } from './search.ts'
import { setTraceTag } from '../tags.ts'
import { newTrace, span } from '../bench.cases.ts'
import type { TraceBench } from '../bench.cases.ts'

export function traceSearchCases(bench: TraceBench): void {
  describe('search of traces', () => {
    let experiment = ''
    /** Letter → trace id. */
    const ids = new Map<string, string>()
    const letters = (found: readonly string[]) =>
      found.map((id) => [...ids].find(([, one]) => one === id)?.[0] ?? '?').join('')
    const find = async (filter: string, order_by: string[] = ['name ASC']) => {
      const asked = { experiment_ids: [experiment], filter, order_by, max_results: 100 }
      return letters((await searchTraces(bench.room, bench.root, asked)).rows.map((row) => row.trace_id))
    }

    before(async () => {
      experiment = await bench.experiment()
      const plans = [
        { letter: 'a', kind: 'LLM', model: 'gpt', status: 1, score: 0.9, text: 'apple pie' },
        { letter: 'b', kind: 'TOOL', model: 'gpt', status: 2, score: 0.2, text: 'Banana' },
        { letter: 'c', kind: 'LLM', model: 'o.1', status: 1, score: undefined, text: 'cherry' },
      ]
      for (const [at, { letter, kind, model, status, score, text }] of plans.entries()) {
        const trace = newTrace()
        const attributes = {
          'mlflow.spanType': kind,
          'llm.model': model,
          n: BigInt(at),
          deep: at === 0,
          said: text,
          '[0]': BigInt(at),
        }
        const spans = [
          span(trace, '01'.repeat(8), { name: letter, status, at: at * 1000 }),
          span(trace, '02'.repeat(8), { name: `${letter}-call`, parent: '01'.repeat(8), at: at * 1000, attributes }),
        ]
        const [id = ''] = await bench.send(experiment, spans)
        ids.set(letter, id)
        await setTraceTag(bench.room, bench.root, id, { key: 'env.name', value: letter === 'b' ? 'dev' : 'prod' })
        if (score !== undefined) await assess(id, { assessment_name: 'score', feedback: { value: score } })
        await assess(id, { assessment_name: 'fine', feedback: { value: letter === 'a' } })
        if (letter === 'a') await assess(id, { assessment_name: 'word', expectation: { value: 'yes' } })
      }
    })
    const assess = (id: string, given: object) =>
      createAssessment(bench.room, bench.root, id, readAssessment({ source: { source_type: 'CODE' }, ...given }))

    const cases: readonly (readonly [string, string])[] = [
      ["status = 'OK'", 'ac'],
      ["trace.status != 'OK'", 'b'],
      ["status IN ('ERROR', 'IN_PROGRESS')", 'b'],
      ["name NOT IN ('a')", 'bc'],
      ["attributes.name LIKE '%'", 'abc'],
      ["tags.`env.name` = 'prod'", 'ac'],
      ["tags.env.name ILIKE 'PR%'", 'ac'],
      ['tags.none IS NULL AND tags.env.name IS NOT NULL', 'abc'],
      ["tags.mlflow.traceName = 'b'", 'b'],
      ["tags.`mlflow.trace.spansLocation` = 'TRACKING_STORE'", 'abc'],
      ['timestamp_ms > 1700000000500', 'bc'],
      ['timestamp <= 1700000000000 AND execution_time = 1000', 'a'],
      ['end_time >= 1700000002000', 'bc'],
      ["span.type = 'LLM'", 'ac'],
      ["span.name LIKE '%-call' AND span.type = 'TOOL'", 'b'],
      ["span.name = 'a' AND span.type = 'LLM'", ''],
      ["span.status = 'ERROR'", 'b'],
      ["span.attributes.llm.model = 'gpt'", 'ab'],
      ["span.attributes.`llm.model` != 'gpt'", 'c'],
      ["span.attributes.n IN ('0', '2')", 'ac'],
      ["span.attributes.deep = 'true'", 'a'],
      ["span.content LIKE '%apple%'", 'a'],
      ["trace.text ILIKE '%BANANA%'", 'b'],
      ['feedback.score > 0.5', 'a'],
      ['feedback.score < 0.5', 'b'],
      ['feedback.score = 0.9', 'a'],
      ["feedback.fine = 'true'", 'a'],
      ['feedback.score IS NULL', 'c'],
      ["expectation.word = 'yes'", 'a'],
      ["expectation.word != 'yes'", ''],
      ["status = 'OK' AND NOT (name = 'a' OR name = 'b')", 'c'],
      ["name RLIKE '^[ab]$'", 'ab'],
      ["tags.env.name RLIKE 'ro'", 'ac'],
      ["span.attributes.said RLIKE '^(apple|cherry)'", 'ac'],
      ["metadata.none = 'x'", ''],
      ["span.attributes.`$odd[0].key` = 'x' OR span.attributes.`[0]` = '1'", 'b'],
      ["client_request_id = 'x'", ''],
    ]
    for (const [filter, expected] of cases) {
      it(filter, async () => assert.equal(await find(filter), expected))
    }

    it('orders by columns and tags, what is missing last in both directions', async () => {
      await setTraceTag(bench.room, bench.root, ids.get('c') ?? '', { key: 'rank', value: '1' })
      await setTraceTag(bench.room, bench.root, ids.get('b') ?? '', { key: 'rank', value: '2' })
      assert.equal(await find('', []), 'cba')
      assert.equal(await find('', ['timestamp ASC']), 'abc')
      assert.equal(await find('', ['tags.rank ASC']), 'cba')
      assert.equal(await find('', ['tag.rank DESC']), 'bca')
      assert.equal(await find('', ['status', 'name DESC']), 'bca')
    })

    it('pages give each trace once, also in the order of what some lack', async () => {
      for (const order_by of [[], ['tags.rank DESC'], ['execution_time ASC', 'name ASC']]) {
        const seen: string[] = []
        let page_token: string | undefined
        do {
          const asked = { experiment_ids: [experiment], order_by, max_results: 1, page_token }
          const page = await searchTraces(bench.room, bench.root, asked)
          seen.push(...page.rows.map((row) => row.trace_id))
          page_token = page.next_page_token
        } while (page_token !== undefined)
        assert.deepEqual([...seen].sort(), [...ids.values()].sort(), order_by.join())
      }
    })

    it('refuses what means nothing, naming it', async () => {
      const bad: readonly (readonly [string, RegExp])[] = [
        ["invalid.filter = 'test'", /Invalid entity type 'invalid'/],
        ["nokey = 'x'", /Invalid attribute key 'nokey'/],
        ["span.color = 'x'", /Invalid span attribute 'color'/],
        ["span.content = 'x'", /Invalid comparator '='/],
        ["tags.a > 'x'", /Invalid comparator '>'/],
        ['status = OK', /quoted string/],
        ["timestamp > 'x'", /Expected a number/],
        ["feedback.score > 'high'", /Expected a number/],
        ["status = 'OK' AND", /Invalid clause/],
        ["prompt = 'a'", /name\/version/],
        ["issue.name = 'a'", /Invalid issue key/],
        ["a['b'", /Invalid clause/],
        ["name = '\u0000'", /character 0/],
        ["name RLIKE '(?=x)'", /Invalid regular expression/],
      ]
      for (const [filter, text] of bad) await refused(find(filter), 'INVALID_PARAMETER_VALUE', text)
      await refused(find('', ['feedback.score']), 'INVALID_PARAMETER_VALUE', /order_by/)
      await refused(find('', ['name SIDEWAYS']), 'INVALID_PARAMETER_VALUE', /order_by clause/)
      const asked = { experiment_ids: [experiment], max_results: 1, page_token: 'nonsense!' }
      await refused(searchTraces(bench.room, bench.root, asked), 'INVALID_PARAMETER_VALUE', /page token/)
    })
  })
}
