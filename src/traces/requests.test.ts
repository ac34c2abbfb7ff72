/** What MLflow's messages about traces say, and which ones are refused: records, states, places, masks, pairs. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refuses } from './bench.cases.ts'
import { pairsOf, readLocations, readMask, readState, readTrace } from './requests.ts'

const INFO = { trace_id: 'tr-1', request_time: '2023-11-14T22:13:20Z' }
const ofInfo = (more: object) => readTrace({ trace_info: { ...INFO, ...more } })

describe('the record of a trace', () => {
  test('with nothing more than an id and a time', () => {
    assert.deepEqual(readTrace({ trace_info: INFO }), {
      trace_id: 'tr-1',
      experiment_id: '0',
      client_request_id: undefined,
      request_preview: undefined,
      response_preview: undefined,
      start_ms: 1_700_000_000_000,
      duration_ms: undefined,
      state: 'STATE_UNSPECIFIED',
      metadata: {},
      tags: {},
      assessments: [],
    })
  })

  test('with all of it, in snake_case and in camelCase', () => {
    const source = { source_type: 'HUMAN', source_id: 'ann' }
    const snake = {
      ...INFO,
      trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '12' } },
      client_request_id: 'c-1',
      request_preview: 'asked',
      response_preview: 'answered',
      execution_duration: '1.500s',
      state: 'ERROR',
      trace_metadata: { session_id: 'S' },
      tags: { teamName: 'a' },
      assessments: [{ assessment_name: 'good', feedback: { value: true }, source }],
    }
    const camel = {
      traceId: snake.trace_id,
      requestTime: snake.request_time,
      traceLocation: { mlflowExperiment: { experimentId: 12 } },
      clientRequestId: snake.client_request_id,
      requestPreview: snake.request_preview,
      responsePreview: snake.response_preview,
      executionDuration: snake.execution_duration,
      state: 2,
      traceMetadata: snake.trace_metadata,
      tags: snake.tags,
      assessments: [{ assessmentName: 'good', feedback: { value: true }, source: { sourceType: 1, sourceId: 'ann' } }],
    }
    const read = readTrace({ trace_info: snake })
    assert.deepEqual(readTrace({ traceInfo: camel }), read)
    const { assessments, ...rest } = read
    assert.deepEqual(rest, {
      trace_id: 'tr-1',
      experiment_id: '12',
      client_request_id: 'c-1',
      request_preview: 'asked',
      response_preview: 'answered',
      start_ms: 1_700_000_000_000,
      duration_ms: 1500,
      state: 'ERROR',
      metadata: { session_id: 'S' },
      tags: { teamName: 'a' },
    })
    assert.deepEqual(
      assessments.map((one) => [one.name, one.kind, one.value, one.source_type, one.source_id]),
      [['good', 'feedback', true, 'HUMAN', 'ann']],
    )
  })

  test('the character 0, which no database keeps, is replaced in every text', () => {
    const read = ofInfo({
      request_preview: 'a\0b',
      response_preview: '\0',
      tags: { k: '\0v' },
      trace_metadata: { m: 'v\0' },
    })
    assert.deepEqual(
      [read.request_preview, read.response_preview, read.tags, read.metadata],
      ['a\ufffdb', '\ufffd', { k: '\ufffdv' }, { m: 'v\ufffd' }],
    )
    assert.deepEqual(pairsOf([{ key: 'k', value: 'a\0' }]), { k: 'a\ufffd' })
  })

  for (const id of ['tr-1', 'a', 'x'.repeat(128), 'trace:db.table=1', '..a', 'a.b-c_d']) {
    test(`the id ${id.slice(0, 20)} is taken`, () => assert.equal(ofInfo({ trace_id: id }).trace_id, id))
  }

  for (const id of ['', '.', '..', 'a.', 'a/b', 'a\\b', 'a b', 'x'.repeat(129), 'tr-1\n', 'é', undefined]) {
    test(`the id ${JSON.stringify(id)?.slice(0, 20)} is refused, for it is a part of a path`, () => {
      refuses(() => ofInfo({ trace_id: id }), /parameter 'trace_id'/, String(id))
    })
  }

  const bad: readonly (readonly [unknown, RegExp])[] = [
    [null, /'trace' supplied: expected an object/],
    ['text', /'trace' supplied: expected an object/],
    [[], /'trace' supplied: expected an object/],
    [{}, /'trace\.trace_info' supplied/],
    [{ trace_info: [] }, /'trace\.trace_info' supplied/],
    [{ trace_info: { ...INFO, trace_id: 7 } }, /'trace_info\.trace_id' supplied: expected text/],
    [{ trace_info: { trace_id: 'tr-1' } }, /trace_info\.request_time.*RFC 3339/],
    [{ trace_info: { ...INFO, request_time: 5 } }, /'request_time' supplied: expected text/],
    [{ trace_info: { ...INFO, request_time: '2023-11-14' } }, /trace_info\.request_time.*RFC 3339/],
    [{ trace_info: { ...INFO, execution_duration: 5 } }, /execution_duration/],
    [{ trace_info: { ...INFO, execution_duration: '5' } }, /execution_duration.*expected seconds/],
    [{ trace_info: { ...INFO, state: 'FINE' } }, /"FINE" for parameter 'state'/],
    [{ trace_info: { ...INFO, state: 4 } }, /4 for parameter 'state'/],
    [{ trace_info: { ...INFO, tags: ['a'] } }, /'trace_info\.tags' supplied/],
    [{ trace_info: { ...INFO, tags: { a: 5 } } }, /'trace_info\.tags\.a': expected text/],
    [{ trace_info: { ...INFO, trace_metadata: { a: null } } }, /'trace_info\.trace_metadata\.a': expected text/],
    [{ trace_info: { ...INFO, request_preview: {} } }, /'trace_info\.request_preview' supplied: expected text/],
    [{ trace_info: { ...INFO, client_request_id: 5 } }, /'trace_info\.client_request_id' supplied: expected text/],
    [{ trace_info: { ...INFO, trace_location: 'x' } }, /'trace_info\.trace_location' supplied/],
    [
      { trace_info: { ...INFO, trace_location: { mlflow_experiment: 5 } } },
      /'trace_location\.mlflow_experiment' supplied/,
    ],
    [{ trace_info: { ...INFO, assessments: {} } }, /expected a list/],
    [{ trace_info: { ...INFO, assessments: [{}, 'x'] } }, /'assessments\[1\]' supplied: expected an object/],
  ]
  for (const [sent, text] of bad) {
    test(`refuses ${JSON.stringify(sent)}`, () => refuses(() => readTrace(sent), text, JSON.stringify(sent)))
  }
})

test('a state is said by its name or by its number, the old name of none included', () => {
  const names = ['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS']
  for (const [number, name] of names.entries()) {
    assert.deepEqual([readState(name), readState(number), readState(String(number))], [name, name, name])
  }
  assert.equal(readState(undefined), 'STATE_UNSPECIFIED')
  assert.equal(readState('TRACE_STATUS_UNSPECIFIED'), 'STATE_UNSPECIFIED')
  for (const none of ['ok', '', -1, 4, 1.5, true, null, ['OK']]) {
    refuses(() => readState(none), /for parameter 'state'/, JSON.stringify(none))
  }
})

test('places of a search give the ids of their experiments, other places none', () => {
  const locations = [
    { mlflow_experiment: { experiment_id: '5' } },
    { type: 'INFERENCE_TABLE', inference_table: { full_table_name: 'a' } },
    { mlflowExperiment: { experimentId: 7 } },
    { mlflow_experiment: { experiment_id: true } },
    { mlflow_experiment: {} },
  ]
  assert.deepEqual(readLocations(locations), ['5', '7'])
  assert.deepEqual([readLocations(undefined), readLocations(null), readLocations([])], [[], [], []])
  refuses(() => readLocations({}), /expected a list/, 'an object')
  refuses(() => readLocations([{}, 5]), /'locations\[1\]' supplied/, 'a number')
  refuses(() => readLocations([{ mlflow_experiment: 'a' }]), /'locations\[0\]\.mlflow_experiment' supplied/, 'text')
})

test('a mask is text with commas, or a message with paths', () => {
  assert.deepEqual(readMask('feedback, rationale ,name'), ['feedback', 'rationale', 'name'])
  assert.deepEqual(readMask({ paths: ['feedback', ' name '] }), ['feedback', 'name'])
  assert.deepEqual(readMask({}), [])
  refuses(() => readMask({ paths: ['a', 5] }), /'update_mask': expected names/, 'a number')
  refuses(() => readMask({ paths: 'a' }), /expected a list/, 'text')
  refuses(() => readMask(5), /'update_mask' supplied/, 'a number')
})

test('pairs become an object, one without a value the empty text, the last of a key', () => {
  assert.deepEqual(
    pairsOf([{ key: 'a', value: '1' }, undefined, { key: 'b', value: undefined }, { key: 'a', value: '2' }]),
    {
      a: '2',
      b: '',
    },
  )
})
