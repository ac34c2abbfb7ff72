/** What was thrown becomes a reply: which code, which words, and that nothing of a fault leaks. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { problem } from '../contract/errors.ts'
import { asProblem, fromZod, slipwayFailure } from './failure.ts'

describe('a thrown value', () => {
  const disk = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  const file = (code: string): Error => Object.assign(new Error(`${code}: open '/a/secret'`), { code })
  const gone = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
  for (const [what, thrown, code] of [
    ['a full disk', disk, 'storage_full'],
    ['a full quota', file('EDQUOT'), 'storage_full'],
    ['a file that the disk does not give', file('EIO'), 'unavailable'],
    ['a file that may not be opened', file('EACCES'), 'unavailable'],
    ['a file system that became read-only', file('EROFS'), 'unavailable'],
    ['a file too many', file('EMFILE'), 'unavailable'],
    ['a file that is not there', file('ENOENT'), 'internal'],
    ['a caller that disconnects', gone, 'bad_request'],
    ['a connection of ours that breaks', reset, 'internal'],
    ['an error', new Error('a secret'), 'internal'],
    ['a text', 'a secret', 'internal'],
    ['null', null, 'internal'],
    ['undefined', undefined, 'internal'],
    ['an object with a status', { statusCode: 400, message: 'a secret' }, 'internal'],
  ] as const) {
    test(`${what} is ${code}, and its words are not told`, () => {
      const made = asProblem(thrown)
      assert.equal(made.code, code)
      assert.ok(!made.message.includes('secret'))
      assert.equal(made.cause, thrown === undefined ? undefined : thrown)
    })
  }

  test('a problem stays what it is', () => {
    const thrown = problem('conflict', { detail: 'd' })
    assert.equal(asProblem(thrown), thrown)
  })
})

describe('a refused parse', () => {
  const schema = z.strictObject({
    name: z.string().max(3),
    size: z.number().int().min(1).optional(),
    list: z.array(z.object({ at: z.number() })).optional(),
    kind: z.enum(['a', 'b']).optional(),
    step: z.union([z.literal('end'), z.number().int()]).optional(),
    gate: z
      .union([
        z.strictObject({ metric: z.string(), at_least: z.number() }),
        z.strictObject({ metric: z.string(), jump: z.number(), against: z.number() }),
        z.strictObject({ scan: z.literal('clean') }),
      ])
      .optional(),
    url: z.url().optional(),
    own: z.union([z.literal(1), z.literal(2)], { message: 'one or two' }).optional(),
  })
  const refusal = (input: unknown) => {
    const parsed = schema.safeParse(input)
    assert.ok(!parsed.success)
    return fromZod(parsed.error, 'body', input)
  }

  for (const [what, input, message] of [
    ['a wrong type', { name: 5 }, 'body.name: got 5, expected string'],
    ['a missing field', {}, 'body.name: got nothing, expected string'],
    ['a text too long', { name: 'long' }, 'body.name: got long, expected string to have <=3 characters'],
    ['a number too small', { name: 'a', size: 0 }, 'body.size: got 0, expected number to be >=1'],
    ['a fraction', { name: 'a', size: 1.5 }, 'body.size: got 1.5, expected int'],
    ['a field in a list', { name: 'a', list: [{ at: 1 }, {}] }, 'body.list.1.at: got nothing, expected number'],
    ['none of the choices', { name: 'a', kind: 'c' }, 'body.kind: got c, expected one of "a"|"b"'],
    ['an unknown field', { name: 'a', nam: 1 }, 'body: got {"name":"a","nam":1}, expected no field "nam"'],
    ['not an object', [], 'body: got [], expected object'],
    ['nothing at all', undefined, 'body: got nothing, expected object'],
    ['neither of two forms', { name: 'a', step: 'x' }, 'body.step: got x, expected "end" or number'],
    [
      'the closest of several forms',
      { name: 'a', gate: { metric: 'auc', at_least: '1' } },
      'body.gate.at_least: got 1, expected number',
    ],
    [
      'the closest of several forms, by its other fields',
      { name: 'a', gate: { metric: 'auc', jump: 1 } },
      'body.gate.against: got nothing, expected number',
    ],
    ['a text that is no URL', { name: 'a', url: 'x' }, 'body.url: got x, expected URL'],
    ['a form with words of its own', { name: 'a', own: 3 }, 'body.own: got 3, expected one or two'],
  ] as const) {
    test(`${what}: ${message}`, () => assert.equal(refusal(input).message, message))
  }

  test('tells all that is wrong in its details, at most twenty', () => {
    const { data } = refusal({ name: 5, size: 'x', kind: 'c' })
    assert.deepEqual(
      (data['issues'] as { field: string }[]).map(({ field }) => field),
      ['name', 'size', 'kind'],
    )
    const many = refusal({ name: 'a', list: Array.from({ length: 50 }, () => ({})) })
    assert.equal((many.data['issues'] as unknown[]).length, 20)
  })
})

describe('a failure in our shape', () => {
  const bodyOf = (raw: { body: unknown }) =>
    (JSON.parse(raw.body as string) as { error: Record<string, unknown> }).error

  test('has code, message, details, request id and advice', () => {
    const thrown = problem('not_found', { what: 'run', id: 'r1' })
    const raw = slipwayFailure(thrown, 'req-1')
    assert.equal(raw.status, 404)
    assert.equal(raw.headers['content-type'], 'application/json; charset=utf-8')
    assert.deepEqual(bodyOf(raw), {
      code: 'not_found',
      message: 'run "r1" does not exist',
      details: { what: 'run', id: 'r1' },
      request_id: 'req-1',
      help: thrown.help,
    })
  })

  for (const [after, header] of [
    [0, '1'],
    [0.2, '1'],
    [1, '1'],
    [1.1, '2'],
    [60, '60'],
    ['60', undefined],
    [undefined, undefined],
  ] as const) {
    test(`retry after ${after} s is the header ${header ?? 'of none'}, in whole seconds`, () => {
      const raw = slipwayFailure(problem('too_many_requests', { what: 'w', retry_after: after }), 'x')
      assert.equal(raw.headers['retry-after'], header)
    })
  }

  test('says how to authenticate on 401 alone', () => {
    assert.match(
      slipwayFailure(problem('unauthenticated', { detail: 'd' }), 'x').headers['www-authenticate'] ?? '',
      /^Bearer, Basic realm="slipway"$/,
    )
    assert.equal(slipwayFailure(problem('forbidden'), 'x').headers['www-authenticate'], undefined)
  })

  test('has neither the cause nor the stack', () => {
    const raw = slipwayFailure(problem('internal', {}, new Error('a secret')), 'x')
    assert.doesNotMatch(raw.body as string, /secret|stack|\.ts:/)
  })
})
