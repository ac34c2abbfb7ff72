/** Assessments as MLflow's messages say them: read in both spellings, refused by name, written back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refuses } from '../bench.cases.ts'
import { numberOf, readAssessment, wireAssessment } from './wire.ts'
import type { AssessmentRow } from './wire.ts'

const read = (more: object) => readAssessment({ assessment_name: 'q', ...more })

/** The same object with its names as protobuf's JSON spells them. */
function camelCased(snake: object): object {
  const camel = (name: string) => name.replace(/_[a-z]/g, (part) => part.slice(1).toUpperCase())
  return Object.fromEntries(Object.entries(snake).map(([name, value]) => [camel(name), value as unknown]))
}

describe('reading', () => {
  test('what is not said is undefined, but for who assesses', () => {
    assert.deepEqual(readAssessment({}), {
      assessment_id: undefined,
      kind: undefined,
      name: undefined,
      source_type: 'SOURCE_TYPE_UNSPECIFIED',
      source_id: 'default',
      span_id: undefined,
      value: null,
      error: undefined,
      rationale: undefined,
      metadata: undefined,
      overrides: undefined,
      valid: undefined,
      created_ms: undefined,
    })
  })

  test('everything, in snake_case and in camelCase alike', () => {
    const error = { error_code: 'E', error_message: 'broke' }
    const snake = {
      assessment_id: 'a-1',
      assessment_name: 'q',
      span_id: '0a',
      source: { source_type: 'CODE', source_id: 'f.py' },
      create_time: '2023-11-14T22:13:20.5Z',
      feedback: { value: [1], error },
      rationale: 'why',
      metadata: { someKey: 'v' },
      overrides: 'a-0',
      valid: false,
    }
    const expected = {
      assessment_id: 'a-1',
      kind: 'feedback',
      name: 'q',
      source_type: 'CODE',
      source_id: 'f.py',
      span_id: '0a',
      value: [1],
      error,
      rationale: 'why',
      metadata: { someKey: 'v' },
      overrides: 'a-0',
      valid: false,
      created_ms: 1_700_000_000_500,
    }
    assert.deepEqual(readAssessment(snake), expected)
    assert.deepEqual(readAssessment({ ...camelCased(snake), source: camelCased(snake.source) }), expected)
  })

  for (const [given, type] of [
    ['HUMAN', 'HUMAN'],
    ['llm_judge', 'LLM_JUDGE'],
    ['AI_JUDGE', 'LLM_JUDGE'],
    [0, 'SOURCE_TYPE_UNSPECIFIED'],
    [1, 'HUMAN'],
    [3, 'CODE'],
    [undefined, 'SOURCE_TYPE_UNSPECIFIED'],
  ] as const) {
    test(`the source ${given} is ${type}`, () => {
      assert.equal(read({ source: { source_type: given } }).source_type, type)
    })
  }

  test('values: an error of feedback alone, an expectation also as JSON text, an issue by its name', () => {
    assert.equal(read({ feedback: {}, error: 'outside' }).error, 'outside')
    assert.equal(read({ feedback: { error: 'inside' }, error: 'outside' }).error, 'inside')
    assert.equal(read({ expectation: { value: 1 }, error: 'outside' }).error, undefined)
    assert.deepEqual(read({ expectation: { value: { a: 1 } } }).value, { a: 1 })
    const packed = (serialized_value: object) => read({ expectation: { value: 'not this', serialized_value } }).value
    assert.deepEqual(packed({ value: '[1, null]' }), [1, null])
    assert.deepEqual(packed({ serializationFormat: 'JSON_FORMAT', value: '"t"' }), 't')
    assert.equal(read({ feedback: { value: 1, serialized_value: { value: '2' } } }).value, 1)
    assert.equal(read({ issue: { issue_name: 'iss-1', value: 5 } }).value, 'iss-1')
    assert.equal(read({ issue: {} }).value, '')
  })

  test('texts have their limits, and none the character 0', () => {
    assert.equal(read({ rationale: 'a\0b' }).rationale, 'a\ufffdb')
    assert.equal(read({ rationale: 'x'.repeat(100_000) }).rationale?.length, 100_000)
    assert.equal(readAssessment({ assessment_name: 'x'.repeat(250) }).name?.length, 250)
    assert.equal(readAssessment({ assessment_name: '' }).name, undefined)
  })

  const bad: readonly (readonly [unknown, RegExp])[] = [
    [null, /'assessment' supplied: expected an object/],
    [[], /'assessment' supplied: expected an object/],
    [{ source: 'HUMAN' }, /'assessment\.source' supplied/],
    [{ source: { source_type: 4 } }, /assessment\.source\.source_type/],
    [{ source: { source_type: 'ROBOT' } }, /expected one of SOURCE_TYPE_UNSPECIFIED, HUMAN, LLM_JUDGE, CODE/],
    [{ source: { source_id: 5 } }, /'assessment\.source\.source_id' supplied: expected text/],
    [{ feedback: 5 }, /'assessment\.feedback' supplied/],
    [{ feedback: {}, issue: {} }, /Exactly one of/],
    [
      { expectation: { serialized_value: { serialization_format: 'PICKLE', value: '1' } } },
      /"PICKLE".*Only JSON_FORMAT/,
    ],
    [{ expectation: { serialized_value: { value: '{' } } }, /serialized_value\.value': expected JSON/],
    [{ expectation: { serialized_value: {} } }, /serialized_value\.value': expected JSON/],
    [{ expectation: { serialized_value: 'x' } }, /expectation\.serialized_value' supplied/],
    [{ assessment_name: 'x'.repeat(251) }, /assessment_name' supplied: expected text of at most 250/],
    [{ rationale: 'x'.repeat(100_001) }, /rationale' supplied: expected text of at most 100000/],
    [{ span_id: 5 }, /'assessment\.span_id' supplied: expected text/],
    [{ metadata: { a: 1 } }, /'assessment\.metadata\.a': expected text/],
    [{ metadata: 'a' }, /'assessment\.metadata' supplied/],
    [{ create_time: 'yesterday' }, /assessment\.create_time.*RFC 3339/],
  ]
  for (const [sent, text] of bad) {
    test(`refuses ${JSON.stringify(sent).slice(0, 80)}`, () => {
      refuses(() => readAssessment(sent), text)
    })
  }
})

test('the number that stands for a value in sums', () => {
  const numbers: readonly (readonly [unknown, number | null])[] = [
    [0.5, 0.5],
    [-3, -3],
    [true, 1],
    [false, 0],
    ['yes', 1],
    [' YES ', 1],
    ['No', 0],
    ['true', null],
    ['1', null],
    ['', null],
    [Number.NaN, null],
    [Infinity, null],
    [null, null],
    [undefined, null],
    [[1], null],
  ]
  for (const [value, number] of numbers) assert.equal(numberOf(value), number, JSON.stringify(value))
})

describe('writing', () => {
  const ROW: AssessmentRow = {
    assessment_id: 'a-1',
    trace_id: 'tr-1',
    position: 3,
    kind: 'feedback',
    name: 'q',
    source_type: 'HUMAN',
    source_id: 'ann',
    span_id: null,
    value: '0.5',
    number: 0.5,
    error: null,
    rationale: null,
    metadata: null,
    overrides: null,
    valid: 1,
    created_ms: 1_700_000_000_000,
    updated_ms: 1_700_000_000_250,
  }

  test('what a row does not have is left out, and neither place nor number is told', () => {
    assert.deepEqual(wireAssessment(ROW), {
      assessment_id: 'a-1',
      assessment_name: 'q',
      trace_id: 'tr-1',
      source: { source_type: 'HUMAN', source_id: 'ann' },
      create_time: '2023-11-14T22:13:20.000Z',
      last_update_time: '2023-11-14T22:13:20.250Z',
      feedback: { value: 0.5 },
      valid: true,
    })
  })

  test('what it has is written', () => {
    const full = wireAssessment({
      ...ROW,
      span_id: '0a',
      error: '{"error_code":"E"}',
      rationale: 'why',
      metadata: '{"a":"b"}',
      overrides: 'a-0',
      valid: 0,
    }) as Record<string, unknown>
    assert.deepEqual(
      [full['span_id'], full['feedback'], full['rationale'], full['metadata'], full['overrides'], full['valid']],
      ['0a', { value: 0.5, error: { error_code: 'E' } }, 'why', { a: 'b' }, 'a-0', false],
    )
  })

  for (const [kind, value, written] of [
    ['feedback', '{"a":[1]}', { value: { a: [1] } }],
    ['expectation', '"t"', { value: 't' }],
    ['expectation', 'null', { value: null }],
    ['expectation', '[1]', { serialized_value: { serialization_format: 'JSON_FORMAT', value: '[1]' } }],
    ['expectation', '{"a":1}', { serialized_value: { serialization_format: 'JSON_FORMAT', value: '{"a":1}' } }],
    ['issue', '"iss-1"', { issue_name: 'iss-1' }],
  ] as const) {
    test(`${kind} of ${value}`, () => {
      const wire = wireAssessment({ ...ROW, kind, value }) as Record<string, unknown>
      assert.deepEqual(wire[kind], written)
      assert.deepEqual(readAssessment(wire).value, JSON.parse(value), 'and read back it is the same')
    })
  }
})
