/** MLflow's error dialect: each code with the status and class its client expects, and Slipway's own problems in its words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problem } from '../contract/errors.ts'
import type { Problem } from '../contract/errors.ts'
import { invalid, missing, mlflowFailure, mlflowProblem } from './wire.ts'

function rendered(error: Problem) {
  const { status, headers, body } = mlflowFailure(error, 'r1')
  return { status, headers, body: JSON.parse(body as string) as Record<string, unknown> }
}

// statuses of mlflow/exceptions.py, but for INVALID_STATE, which is no fault of the server
for (const [code, status, sqlstate, errorClass] of [
  ['INVALID_PARAMETER_VALUE', 400, 'KAM00', 'INVALID_PARAMETER_VALUE'],
  ['BAD_REQUEST', 400, 'KAM00', 'INVALID_PARAMETER_VALUE'],
  ['RESOURCE_ALREADY_EXISTS', 400, 'KAM00', 'RESOURCE_ALREADY_EXISTS'],
  ['RESOURCE_DOES_NOT_EXIST', 404, 'KAM00', 'RESOURCE_NOT_FOUND'],
  ['NOT_FOUND', 404, 'KAM00', 'RESOURCE_NOT_FOUND'],
  ['ENDPOINT_NOT_FOUND', 404, 'KAM00', 'RESOURCE_NOT_FOUND'],
  ['UNAUTHENTICATED', 401, undefined, undefined],
  ['PERMISSION_DENIED', 403, 'KAM00', 'PERMISSION_DENIED'],
  ['RESOURCE_CONFLICT', 409, undefined, undefined],
  ['INVALID_STATE', 400, 'XXM00', 'CLIENT_INTERNAL_ERROR'],
  ['RESOURCE_EXHAUSTED', 429, undefined, undefined],
  ['INTERNAL_ERROR', 500, 'XXM00', 'CLIENT_INTERNAL_ERROR'],
  ['NOT_IMPLEMENTED', 501, undefined, undefined],
  ['TEMPORARILY_UNAVAILABLE', 503, 'XXM00', 'CLIENT_INTERNAL_ERROR'],
  ['DEADLINE_EXCEEDED', 504, undefined, undefined],
] as const) {
  test(`${code} is ${status}, with its message as it was given`, () => {
    const { status: sent, headers, body } = rendered(mlflowProblem(code, 'What {is} wrong: 100%.'))
    assert.equal(sent, status)
    assert.equal(headers['content-type'], 'application/json; charset=utf-8')
    assert.deepEqual(body, {
      error_code: code,
      message: 'What {is} wrong: 100%.',
      ...(sqlstate !== undefined && { sqlstate, error_class: errorClass }),
      ...(status >= 500 && { request_id: 'r1' }),
    })
  })
}

for (const [error, status, code] of [
  [problem('bad_request', { detail: 'x' }), 400, 'INVALID_PARAMETER_VALUE'],
  [problem('invalid_field', { field: 'f', value: 1, expected: 'y' }), 400, 'INVALID_PARAMETER_VALUE'],
  [problem('malformed_body', { expected: 'JSON', detail: 'x' }), 400, 'INVALID_PARAMETER_VALUE'],
  [problem('unauthenticated', { detail: 'x' }), 401, 'UNAUTHENTICATED'],
  [problem('forbidden', { role: 'r', verb: 'v', resource: 'x' }), 403, 'PERMISSION_DENIED'],
  [problem('untrusted_origin', { header: 'h', value: 'v' }), 403, 'PERMISSION_DENIED'],
  [problem('not_found', { what: 'run', id: 'r' }), 404, 'RESOURCE_DOES_NOT_EXIST'],
  [problem('no_route', { method: 'GET', path: '/x' }), 404, 'ENDPOINT_NOT_FOUND'],
  [problem('method_not_allowed', { method: 'PUT', path: '/x', allowed: 'GET' }), 405, 'BAD_REQUEST'],
  [problem('conflict', { detail: 'x' }), 409, 'RESOURCE_CONFLICT'],
  [problem('gate_refused', { model: 'm', version: '1', alias: 'a', detail: 'x' }), 409, 'RESOURCE_CONFLICT'],
  [problem('already_exists', { what: 'x', id: 'y' }), 400, 'RESOURCE_ALREADY_EXISTS'],
  [problem('payload_too_large', { limit: 1 }), 413, 'INVALID_PARAMETER_VALUE'],
  [problem('unprocessable', { detail: 'x' }), 422, 'INVALID_PARAMETER_VALUE'],
  [problem('too_many_requests', { what: 'x' }), 429, 'RESOURCE_EXHAUSTED'],
  [problem('internal', {}), 500, 'INTERNAL_ERROR'],
  [problem('corrupt_blob', { digest: 'd' }), 500, 'INTERNAL_ERROR'],
  [problem('upstream_failed', { what: 'x', detail: 'y' }), 502, 'INTERNAL_ERROR'],
  [problem('unavailable', { what: 'x', detail: 'y' }), 503, 'TEMPORARILY_UNAVAILABLE'],
  [problem('deadline_exceeded', { what: 'x', limit: 1 }), 504, 'DEADLINE_EXCEEDED'],
  [problem('storage_full', {}), 507, 'INTERNAL_ERROR'],
] as const) {
  test(`Slipway's own ${error.code} is ${code} with ${status}, message and advice together`, () => {
    const { status: sent, body } = rendered(error)
    assert.deepEqual([sent, body['error_code']], [status, code])
    assert.equal(body['message'], `${error.message}. ${error.help}`)
    assert.equal(body['request_id'], status >= 500 ? 'r1' : undefined)
  })
}

test('a body of another type is an invalid parameter, as MLflow words it', () => {
  const { status, body } = rendered(problem('unsupported_media_type', { value: 'x', expected: 'application/json' }))
  assert.deepEqual([status, body['error_code']], [400, 'INVALID_PARAMETER_VALUE'])
  assert.equal(body['message'], "Bad Request. Content-Type must be one of ['application/json'].")
})

test('a client is told when to come back in whole seconds, never at once, and how to say who it is', () => {
  const retry = (retry_after: unknown) =>
    rendered(problem('too_many_requests', { what: 'x', retry_after })).headers['retry-after']
  assert.deepEqual([0, 0.2, 1, 1.01, 60].map(retry), ['1', '1', '1', '2', '60'])
  assert.deepEqual([undefined, '5'].map(retry), [undefined, undefined])
  assert.equal(
    rendered(problem('unauthenticated', { detail: 'x' })).headers['www-authenticate'],
    'Basic realm="slipway"',
  )
  assert.equal(rendered(problem('forbidden', { role: 'r' })).headers['www-authenticate'], undefined)
})

test('the same refusals on the native API are the rows of its own table', () => {
  assert.deepEqual([invalid('x').code, invalid('x').status], ['bad_request', 400])
  const gone = missing('No run r', 'run', 'r')
  assert.deepEqual([gone.code, gone.message], ['not_found', 'run "r" does not exist'])
  assert.equal(rendered(gone).body['message'], 'No run r')
  assert.deepEqual(
    (['RESOURCE_ALREADY_EXISTS', 'PERMISSION_DENIED', 'INTERNAL_ERROR', 'NOT_IMPLEMENTED'] as const).map(
      (code) => mlflowProblem(code, 'x').code,
    ),
    ['conflict', 'forbidden', 'bad_request', 'unprocessable'],
  )
})
