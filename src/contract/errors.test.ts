/** The table of errors: each row is complete, and a problem says what it was given. */
import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { describe, test } from 'node:test'
import { ERRORS, Problem, problem } from './errors.ts'
import type { ErrorCode } from './errors.ts'

const codes = Object.keys(ERRORS) as ErrorCode[]
const placeholders = (code: ErrorCode): string[] =>
  [...ERRORS[code].message.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)

describe('each row', () => {
  for (const code of codes) {
    test(`${code} has a code in snake case, a status of HTTP, a message and advice`, () => {
      const { status, message, help } = ERRORS[code]
      assert.match(code, /^[a-z]+(_[a-z]+)*$/)
      assert.ok(status >= 400 && status < 600)
      assert.ok(STATUS_CODES[status] !== undefined, `${status} is a status of HTTP`)
      assert.notEqual(message.replace(/\{\w+\}/g, '').length + placeholders(code).length, 0)
      assert.match(help, /^[A-Z].*\.?$/)
      assert.ok(help.length >= 15, 'advice that says something')
    })

    test(`${code} fills each of its placeholders`, () => {
      const names = placeholders(code)
      const data = Object.fromEntries(names.map((name) => [name, `<${name}>`]))
      const { message } = problem(code, data)
      for (const name of names) assert.ok(message.includes(`<${name}>`), name)
      assert.doesNotMatch(message, /[{}]/)
    })

    test(`${code} without data still is a sentence`, () => {
      assert.doesNotMatch(problem(code).message, /undefined|\[object|[{}]/)
    })
  }

  test('the statuses that clients rely on', () => {
    const expected: Partial<Record<ErrorCode, number>> = {
      bad_request: 400,
      invalid_field: 400,
      guardrail_blocked: 400,
      malformed_body: 400,
      unauthenticated: 401,
      forbidden: 403,
      untrusted_origin: 403,
      not_found: 404,
      no_route: 404,
      method_not_allowed: 405,
      too_slow: 408,
      conflict: 409,
      already_exists: 409,
      gate_refused: 409,
      payload_too_large: 413,
      too_many_values: 413,
      unsupported_media_type: 415,
      unsupported_encoding: 415,
      unprocessable: 422,
      too_costly: 422,
      too_many_requests: 429,
      budget_exceeded: 429,
      headers_too_large: 431,
      internal: 500,
      corrupt_blob: 500,
      corrupt_blobs: 500,
      upstream_failed: 502,
      unavailable: 503,
      storage_unreadable: 503,
      deadline_exceeded: 504,
      storage_full: 507,
      storage_corrupt: 507,
    }
    assert.deepEqual(Object.fromEntries(codes.map((code) => [code, ERRORS[code].status])), expected)
  })
})

describe('a problem', () => {
  test('names field, value and expectation', () => {
    const { message } = problem('invalid_field', {
      field: 'query.limit',
      value: '0',
      expected: 'a number of 1 or more',
    })
    assert.equal(message, 'query.limit: got 0, expected a number of 1 or more')
  })

  for (const [value, shown] of [
    ['text', 'text'],
    ['', ''],
    [5, '5'],
    [0, '0'],
    [null, 'null'],
    [undefined, 'nothing'],
    [true, 'true'],
    [[1, 'a'], '[1,"a"]'],
    [{ a: 1 }, '{"a":1}'],
    [Number.NaN, 'null'],
    ['$&', '$&'],
    ['{expected}', '{expected}'],
  ] as const) {
    test(`shows ${JSON.stringify(value) ?? 'undefined'} as ${shown}`, () => {
      const { message } = problem('invalid_field', { field: 'f', value, expected: 'e' })
      assert.equal(message, `f: got ${shown}, expected e`)
    })
  }

  test('shows the first 200 characters of a long value', () => {
    const of = (size: number): string =>
      problem('invalid_field', { field: 'f', value: 'x'.repeat(size), expected: 'e' }).message
    assert.equal(of(200), `f: got ${'x'.repeat(200)}, expected e`)
    assert.equal(of(201), `f: got ${'x'.repeat(200)}…, expected e`)
    assert.equal(of(1_000_000).length, of(201).length)
  })

  test('keeps its data and its cause, and the cause is not in the message', () => {
    const cause = new Error('a secret')
    const thrown = problem('upstream_failed', { what: 'w', detail: 'd' }, cause)
    assert.ok(thrown instanceof Problem && thrown instanceof Error)
    assert.deepEqual(
      [thrown.code, thrown.status, thrown.cause, thrown.data],
      ['upstream_failed', 502, cause, { what: 'w', detail: 'd' }],
    )
    assert.ok(!thrown.message.includes('secret'))
    assert.equal(thrown.help, ERRORS.upstream_failed.help)
    assert.ok(!('cause' in problem('internal')))
  })
})
