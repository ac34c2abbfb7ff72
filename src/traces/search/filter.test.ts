/** The search grammar of traces: what binds stronger, what each name means and may be compared with, where it ends. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Problem } from '../../contract/errors.ts'
import { prng } from '../../stats/prng.ts'
import { refuses } from '../bench.cases.ts'
import { parseTraceFilter, parseTraceOrder } from './filter.ts'
import type { TraceFilter } from './filter.ts'

/** A filter in brackets, names as they were written. */
function shown(filter: TraceFilter | undefined): string {
  if (filter === undefined) return 'all'
  if (filter.kind === 'not') return `[not ${shown(filter.part)}]`
  if (filter.kind === 'compare') return `${filter.field.name} ${filter.operator} ${JSON.stringify(filter.value)}`
  return `[${filter.kind} ${filter.parts.map(shown).join(', ')}]`
}

describe('what binds stronger', () => {
  const trees: readonly (readonly [string, string])[] = [
    ['name = "a"', 'name = "a"'],
    ["name = 'a' OR name = 'b' AND name = 'c'", '[or name = "a", [and name = "b", name = "c"]]'],
    ["name = 'a' AND name = 'b' OR name = 'c'", '[or [and name = "a", name = "b"], name = "c"]'],
    ["(name = 'a' OR name = 'b') AND name = 'c'", '[and [or name = "a", name = "b"], name = "c"]'],
    ["name = 'a' and name = 'b' And name = 'c'", '[and name = "a", name = "b", name = "c"]'],
    ["(name = 'a' AND name = 'b') AND name = 'c'", '[and [and name = "a", name = "b"], name = "c"]'],
    ["NOT name = 'a' AND name = 'b'", '[and [not name = "a"], name = "b"]'],
    ["not (name = 'a' or NOT name = 'b')", '[not [or name = "a", [not name = "b"]]]'],
    ["NOT NOT name = 'a'", '[not [not name = "a"]]'],
    ["((name = 'a'))", 'name = "a"'],
    ["name in ('a', 'b')", 'name IN ["a","b"]'],
    ["name NOT in ('a')", 'name NOT IN ["a"]'],
    ["name rlike 'a'", 'name REGEXP "a"'],
    ["name regexp 'a'", 'name REGEXP "a"'],
    ['tags.a is null', 'tags.a IS NULL null'],
    ['tags.a IS not NULL', 'tags.a IS NOT NULL null'],
    ['timestamp >= -1.5e3', 'timestamp >= -1500'],
    ['feedback.s = 2', 'feedback.s = 2'],
    ["feedback.s = '2'", 'feedback.s = "2"'],
    ['', 'all'],
    [' \n\t', 'all'],
  ]
  for (const [text, tree] of trees) test(JSON.stringify(text), () => assert.equal(shown(parseTraceFilter(text)), tree))
  test('nothing is no condition', () => assert.equal(parseTraceFilter(undefined), undefined))
})

describe('what a name means', () => {
  const fields: readonly (readonly [name: string, place: string, key: string, type: string])[] = [
    ['trace_id', 'column', 'trace_id', 'text'],
    ['request_id', 'column', 'trace_id', 'text'],
    ['client_request_id', 'column', 'client_request_id', 'text'],
    ['status', 'column', 'state', 'text'],
    ['trace.STATE', 'column', 'state', 'text'],
    ['attributes.Name', 'column', 'name', 'text'],
    ['attr.experiment_id', 'column', 'experiment_id', 'text'],
    ['timestamp', 'column', 'start_ms', 'number'],
    ['timestamp_ms', 'column', 'start_ms', 'number'],
    ['attribute.request_time', 'column', 'start_ms', 'number'],
    ['execution_time', 'column', 'duration_ms', 'number'],
    ['execution_time_ms', 'column', 'duration_ms', 'number'],
    ['end_time', 'column', 'end_ms', 'number'],
    ['END_TIME_MS', 'column', 'end_ms', 'number'],
    ['run_id', 'run', 'mlflow.sourceRun', 'text'],
    ['metadata.`mlflow.sourceRun`', 'run', 'mlflow.sourceRun', 'text'],
    ['prompt', 'prompt', '', 'text'],
    ['tags.mlflow.linkedPrompts', 'prompt', '', 'text'],
    ['tag.a', 'tag', 'a', 'text'],
    ['tags.`A b`', 'tag', 'A b', 'text'],
    ['tags.mlflow.traceName', 'column', 'name', 'text'],
    ['tags.mlflow.artifactLocation', 'column', 'artifact_uri', 'text'],
    ['tags.mlflow.trace.spansLocation', 'column', 'spans_location', 'text'],
    ['metadata.a.b', 'metadata', 'a.b', 'text'],
    ['request_metadata.a', 'metadata', 'a', 'text'],
    ['span.name', 'span', 'name', 'text'],
    ['span.type', 'span', 'type', 'text'],
    ['span.status', 'span', 'status', 'text'],
    ['span.attributes.a.b', 'attribute', 'a.b', 'text'],
    ['span.attributes.`a b`', 'attribute', 'a b', 'text'],
    ['feedback.score', 'feedback', 'score', 'either'],
    ['expectation.a.b', 'expectation', 'a.b', 'either'],
    ['issue.id', 'issue', 'id', 'text'],
  ]
  for (const [name, place, key, type] of fields) {
    test(name, () => {
      const filter = parseTraceFilter(`${name} = ${type === 'number' ? '1' : "'x/y'"}`)
      assert.ok(filter?.kind === 'compare')
      const { field } = filter
      assert.deepEqual([field.place, field.key, field.type], [place, key, type])
    })
  }
  test('words of a trace are looked for in what its spans are', () => {
    for (const name of ['trace.text', 'span.content']) {
      const filter = parseTraceFilter(`${name} LIKE '%a%'`)
      assert.ok(filter?.kind === 'compare')
      assert.deepEqual([filter.field.place, filter.field.key], ['span', 'content'])
    }
  })
})

const NUMERIC = ['=', '!=', '>', '>=', '<', '<=']
const LISTED = ['=', '!=', 'IN', 'NOT IN', 'LIKE', 'ILIKE', 'RLIKE']
const NULLS = ['IS NULL', 'IS NOT NULL']
const EVERY = [...new Set([...NUMERIC, ...LISTED, ...NULLS])]

describe('what a name may be compared with', () => {
  const allowed: readonly (readonly [string, readonly string[]])[] = [
    ['name', LISTED],
    ['status', LISTED],
    ['run_id', LISTED],
    ['timestamp', NUMERIC],
    ['execution_time', NUMERIC],
    ['end_time', NUMERIC],
    ['prompt', ['=']],
    ['tags.mlflow.linkedPrompts', ['=']],
    ['issue.id', ['=']],
    ['tags.a', [...LISTED, ...NULLS]],
    ['tags.mlflow.traceName', [...LISTED, ...NULLS]],
    ['metadata.a', [...LISTED, ...NULLS]],
    ['metadata.mlflow.sourceRun', [...LISTED, ...NULLS]],
    ['trace.text', ['LIKE', 'ILIKE']],
    ['span.content', ['LIKE', 'ILIKE']],
    ['span.name', LISTED],
    ['span.attributes.a', LISTED],
    ['feedback.a', [...NUMERIC, 'LIKE', 'ILIKE', 'RLIKE', ...NULLS]],
    ['expectation.a', [...NUMERIC, 'LIKE', 'ILIKE', 'RLIKE', ...NULLS]],
  ]
  for (const [name, operators] of allowed) {
    test(name, () => {
      for (const operator of EVERY) {
        const value = NUMERIC.includes(operator) && operators.includes('>') ? '1' : "'x'"
        const right = operator.endsWith('NULL') ? '' : operator.endsWith('IN') ? `(${value})` : value
        const parse = () => parseTraceFilter(`${name} ${operator} ${right}`)
        if (operators.includes(operator)) assert.doesNotThrow(parse, `${name} ${operator}`)
        else refuses(parse, /Invalid comparator/, `${name} ${operator}`)
      }
    })
  }
})

describe('what is refused', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ["toString.a = 'x'", /Invalid entity type 'toString'/],
    ["constructor = 'x'", /Invalid attribute key 'constructor'/],
    ["run.name = 'x'", /Invalid entity type 'run'/],
    ["issue.name = 'x'", /Invalid issue key 'name' specified for a filter/],
    ["span.id = 'x'", /Invalid span attribute 'id'/],
    ["span.attributes = 'x'", /Invalid span attribute/],
    ["'name' = 'x'", /Invalid clause/],
    ["name 'x'", /Invalid clause/],
    ['name =', /Invalid clause/],
    ["name = 'a' name = 'b'", /Invalid clause\(s\) in filter string: 'name = 'b''/],
    ["name = 'a' AND OR name = 'b'", /Invalid attribute key 'OR'|Invalid clause/],
    ["(name = 'a'", /Invalid clause/],
    ["name = 'a')", /Invalid clause\(s\) in filter string: '\)'/],
    ['()', /Invalid clause/],
    ["name IN 'a'", /Invalid clause/],
    ['name IN ()', /Expected a quoted string|Invalid clause/],
    ["name IN ('a' 'b')", /Invalid clause/],
    ["name IN ('a',)", /Expected a quoted string|Invalid clause/],
    ['name IN (1)', /Expected a quoted string value for name/],
    ['tags.a IS', /Invalid clause/],
    ["tags.a IS 'x'", /Invalid clause/],
    ['tags.a NOT NULL', /Invalid clause/],
    ['name = 5', /Expected a quoted string value for name.*Got value 5/],
    ["timestamp = '5'", /Expected a number value for timestamp/],
    ['timestamp = 1e999', /Expected a number value/],
    ['feedback.a = b', /Expected a quoted string or a number value for feedback\.a/],
    [`name RLIKE '(a'`, /Invalid regular expression '\(a'/],
    [`name RLIKE '${'a'.repeat(501)}'`, /501 characters; at most 500/],
    ["name = 'a\0'", /character 0/],
  ]
  for (const [text, message] of bad)
    test(JSON.stringify(text).slice(0, 60), () => refuses(() => parseTraceFilter(text), message, text))

  test('what nests deeper than 20 levels', () => {
    const nested = (open: string, close: string, depth: number) =>
      `${open.repeat(depth)}name = 'a'${close.repeat(depth)}`
    assert.equal(shown(parseTraceFilter(nested('(', ')', 20))), 'name = "a"')
    refuses(() => parseTraceFilter(nested('(', ')', 21)), /deeper than 20 levels/, 'parentheses')
    assert.ok(parseTraceFilter(nested('NOT ', '', 20)))
    refuses(() => parseTraceFilter(nested('NOT ', '', 21)), /deeper than 20 levels/, 'NOT')
    assert.ok(parseTraceFilter(nested('NOT (', ')', 10)))
    refuses(() => parseTraceFilter(nested('NOT (', ')', 11)), /deeper than 20 levels/, 'both')
    const side = Array.from({ length: 100 }, () => nested('(', ')', 19)).join(' OR ')
    assert.ok(parseTraceFilter(side), 'side by side is not deep')
  })

  test('more than 200 comparisons, wherever they stand', () => {
    const list = (count: number) => Array.from({ length: count }, (_, at) => `name = '${at}'`)
    assert.ok(parseTraceFilter(list(200).join(' AND ')))
    refuses(() => parseTraceFilter(list(201).join(' OR ')), /more than 200 comparisons/, 'flat')
    const halves = `(${list(100).join(' AND ')}) OR NOT (${list(101).join(' OR ')})`
    refuses(() => parseTraceFilter(halves), /more than 200 comparisons/, 'in two parts')
  })

  test('property: any row of words is a filter or a refusal, at once', () => {
    const random = prng(17)
    const words = [
      "name = 'x'",
      'tags.a IS NULL',
      "span.name IN ('a', 'b')",
      'timestamp > 5',
      'feedback.s',
      '=',
      'NOT',
      'AND',
    ]
    words.push('OR', 'AND', 'OR', '(', ')', ',', "'x'", '5', '`', 'IN')
    const counts = { taken: 0, refused: 0 }
    for (let round = 0; round < 4000; round++) {
      const length = 1 + Math.floor(random.uniform() * 9)
      const text = Array.from({ length }, () => words[Math.floor(random.uniform() * words.length)]).join(' ')
      try {
        parseTraceFilter(text)
        counts.taken += 1
      } catch (error) {
        assert.ok(error instanceof Problem && error.status === 400, `${text}: ${String(error)}`)
        counts.refused += 1
      }
    }
    assert.ok(counts.taken > 50 && counts.refused > 2000, JSON.stringify(counts))
  })
})

describe('orders', () => {
  for (const [clause, key, descending] of [
    ['timestamp', 'start_ms', false],
    ['timestamp asc', 'start_ms', false],
    ['timestamp_ms Desc', 'start_ms', true],
    [' tags.`a b`  DESC ', 'a b', true],
    ['request_metadata.k', 'k', false],
    ['run_id DESC', 'mlflow.sourceRun', true],
    ['tags.mlflow.traceName', 'name', false],
    ['end_time DESC', 'end_ms', true],
  ] as const) {
    test(clause, () => {
      const order = parseTraceOrder(clause)
      assert.deepEqual([order.field.key, order.descending], [key, descending])
    })
  }

  for (const clause of [
    '',
    'timestamp up',
    'timestamp DESC name',
    "'timestamp'",
    'timestamp, name',
    '`',
    '5',
    "name = 'a'",
  ]) {
    test(`refuses ${JSON.stringify(clause)}`, () =>
      refuses(() => parseTraceOrder(clause), /Invalid order_by clause '.*'\. Could not be parsed/, clause))
  }

  for (const clause of [
    'feedback.a',
    'expectation.a',
    'span.name',
    'span.attributes.a',
    'issue.id',
    'prompt',
    'trace.text',
  ]) {
    test(`refuses to order by ${clause}`, () =>
      refuses(() => parseTraceOrder(clause), /Invalid \w+ key '.*' specified for order_by/, clause))
  }
})
