/** Tests of errors in each dialect. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dialect } from '../../table/llm.ts'
import { failureIn, failureOf, type Failure } from './failures.ts'

const NONE = { type: null, code: null, param: null }

test('an error is written as clients of each dialect know it', () => {
  const failure: Failure = { status: 400, message: 'no', type: null, code: 'bad_thing', param: 'n' }
  assert.deepEqual(failureIn('chat', failure), {
    error: { message: 'no', type: 'invalid_request_error', param: 'n', code: 'bad_thing' },
  })
  assert.deepEqual(failureIn('generate', failure), { error: { code: 400, message: 'no', status: 'INVALID_ARGUMENT' } })
  assert.deepEqual(failureIn('converse', failure), { message: 'no' })
  assert.deepEqual(failureIn('responses', { ...failure, type: 'server_error' }), {
    error: { message: 'no', type: 'server_error', param: 'n', code: 'bad_thing' },
  })
})

test('types and names go by the status', () => {
  const cases: [status: number, anthropic: string, google: string][] = [
    [400, 'invalid_request_error', 'INVALID_ARGUMENT'],
    [401, 'authentication_error', 'UNAUTHENTICATED'],
    [403, 'permission_error', 'PERMISSION_DENIED'],
    [404, 'not_found_error', 'NOT_FOUND'],
    [413, 'request_too_large', 'INVALID_ARGUMENT'],
    [422, 'api_error', 'INVALID_ARGUMENT'],
    [429, 'rate_limit_error', 'RESOURCE_EXHAUSTED'],
    [500, 'api_error', 'INTERNAL'],
    [502, 'api_error', 'UNAVAILABLE'],
    [503, 'api_error', 'UNAVAILABLE'],
    [504, 'api_error', 'DEADLINE_EXCEEDED'],
    [529, 'overloaded_error', 'UNAVAILABLE'],
  ]
  for (const [status, type, name] of cases) {
    const failure = { status, message: 'no', ...NONE }
    assert.deepEqual(failureIn('messages', failure), { type: 'error', error: { type, message: 'no' } })
    assert.deepEqual(failureIn('generate', failure), { error: { code: status, message: 'no', status: name } })
  }
})

test('errors of the providers are read', () => {
  const cases: [upstream: Dialect, status: number, body: unknown, failure: Partial<Failure>][] = [
    [
      'chat',
      400,
      { error: { message: 'long', type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' } },
      { message: 'long', type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' },
    ],
    [
      'chat',
      404,
      { error: { message: 'none', type: 'NotFoundError', param: null, code: 404 } },
      { message: 'none', type: 'NotFoundError' },
    ],
    [
      'chat',
      400,
      { object: 'error', message: 'flat', type: 'BadRequestError', code: 40303 },
      { message: 'flat', type: 'BadRequestError', code: '40303' },
    ],
    ['chat', 400, { error: 'just a text' }, { message: 'just a text' }],
    ['chat', 422, { detail: 'not found' }, { message: 'not found' }],
    [
      'messages',
      529,
      { type: 'error', error: { type: 'overloaded_error', message: 'busy' }, request_id: 'r' },
      { message: 'busy', type: 'overloaded_error' },
    ],
    ['messages', 400, { type: 'error', message: 'odd' }, { message: 'odd' }],
    [
      'generate',
      429,
      { error: { code: 429, message: 'quota', status: 'RESOURCE_EXHAUSTED' } },
      { message: 'quota', type: 'RESOURCE_EXHAUSTED' },
    ],
    [
      'generate',
      400,
      [{ error: { code: 400, message: 'listed', status: 'INVALID_ARGUMENT' } }],
      { message: 'listed', type: 'INVALID_ARGUMENT' },
    ],
    ['converse', 400, { message: 'bad model' }, { message: 'bad model' }],
    ['converse', 403, { Message: 'signature' }, { message: 'signature' }],
    ['chat', 502, '<html>bad gateway</html>', { message: '<html>bad gateway</html>' }],
    ['chat', 500, '', { message: 'the provider answered 500' }],
    ['chat', 500, undefined, { message: 'the provider answered 500' }],
    ['chat', 500, { error: { message: 5, code: {} } }, { message: 'the provider answered 500' }],
    ['chat', 500, [], { message: 'the provider answered 500' }],
  ]
  for (const [upstream, status, body, failure] of cases)
    assert.deepEqual(
      failureOf(upstream, status, body),
      { status, message: '', ...NONE, ...failure },
      JSON.stringify(body),
    )
  assert.equal(failureOf('chat', 500, 'x'.repeat(9999)).message.length, 500)
})
