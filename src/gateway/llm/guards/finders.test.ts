/** Finders against published examples and against what looks like them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PII_KINDS } from '../../../contract/llm/options.ts'
import { guardFault } from './fault.ts'
import { finderOf } from './finders.ts'
import type { Find } from './findings.ts'
import { piiFinder } from './pii.ts'
import { fits, schemaFault } from './schema.ts'
import { findSecrets } from './secrets.ts'

const findPii = piiFinder(PII_KINDS)

function taken(find: Find, text: string): string[] {
  return find(text).map(({ from, to, what }) => `${what}: ${text.slice(from, to)}`)
}

/** What stands between brackets is to be found. */
const PII: readonly (readonly [what: string, text: string])[] = [
  ['email', 'mail [joe.bloggs+tag@mail.example.co.uk].'],
  ['email', '([müller@bücher.example])'],
  // the networks' own test numbers
  ['card', 'pay with [4111 1111 1111 1111] now'],
  ['card', '[4111111111111111], [378282246310005] and [5555-5555-5555-4444]'],
  ['card', '12 [6011 1111 1111 1117] 34'],
  ['iban', 'to [GB82 WEST 1234 5698 7654 32] please'],
  ['iban', '[DE89370400440532013000]'],
  ['us_ssn', 'ssn [123-45-6789].'],
  ['ip', 'from [192.168.0.1], [2001:db8::1] and [::1]'],
  ['phone', 'call [+1 212 555 0123] or [+442079460958] or [(212) 555-0123]'],
  ['phone', 'ring [030 12345678], [020 7946 0958]'],
]

for (const [what, marked] of PII) {
  test(`finds ${marked}`, () => {
    const expected = [...marked.matchAll(/\[([^\]]*)\]/g)].map(([, one]) => `${what}: ${one}`)
    assert.deepEqual(taken(findPii, marked.replace(/[[\]]/g, '')), expected)
  })
}

const INNOCENT = [
  'version 1.2.3.4.5, v1.2.3.4 and 300.1.1.1 of 2024-05-06 at 12:34:56',
  '01-02-2024 or 2024-01-02 03:04:05, 1733234567 and 1733234567890',
  '4111 1111 1111 1112 and 1234567812345670',
  'GB82 WEST 1234 5698 7654 33 and 000-12-3456, 666-12-3456, 123-00-4567',
  'id a4111111111111111b, @decorator, a@b, std::vector, 550e8400-e29b-41d4-a716-446655440000',
  'the pages 12-45-67 and 3.14159265358979',
]

for (const text of INNOCENT) test(`finds nothing in: ${text}`, () => assert.deepEqual(taken(findPii, text), []))

const letters = 'Ab1'.repeat(40)
const SECRETS = [
  `sk-proj-${letters.slice(0, 40)}`,
  `sk-ant-api03-${letters.slice(0, 60)}`,
  'AKIAIOSFODNN7EXAMPLE',
  `ghp_${letters.slice(0, 36)}`,
  `github_pat_${letters.slice(0, 60)}`,
  'xoxb-123456789012-abcdefghij',
  `AIza${letters.slice(0, 35)}`,
  `glpat-${letters.slice(0, 20)}`,
  `hf_${letters.slice(0, 34)}`,
  'slw_t1.0123456789abcdef0123456789abcdef',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
  `-----BEGIN RSA PRIVATE KEY-----\n${letters}\n-----END RSA PRIVATE KEY-----`,
  'Authorization: Basic dXNlcjpwYXNz',
]

for (const secret of SECRETS) {
  test(`finds ${secret.slice(0, 24)}`, () => {
    const found = findSecrets(`see: ${secret} !`)
    assert.deepEqual(
      found.map(({ from, to }) => [from, to]),
      [[5, 5 + secret.length]],
    )
  })
}

test('finds no secrets in prose', () => {
  for (const text of ['sk-learn-compatible-estimators', 'a bearer of-good-news-for-all', '-----BEGIN CERTIFICATE-----'])
    assert.deepEqual(findSecrets(text), [])
})

test('expressions find each place, and what cannot be read is a fault', () => {
  const rail = (patterns: string[]) => ({ kind: 'regex', name: 'r', on: 'both', action: 'flag', patterns }) as const
  const finder = finderOf(rail(['(?i)titan', 'x*']))
  assert.deepEqual(taken(finder?.find ?? (() => []), 'Titan xx TITAN'), [
    'pattern 1: Titan',
    'pattern 2: xx',
    'pattern 1: TITAN',
  ])
  assert.equal(guardFault(rail(['a+'])), null)
  assert.match(guardFault(rail(['ok', '('])) ?? '', /^patterns\[1\]: /)
  assert.match(guardFault(rail(['(?=a)'])) ?? '', /patterns\[0\]/)
})

test('schemas hold values, and what is not understood is a fault', () => {
  const schema = {
    type: 'object',
    properties: { n: { type: 'integer', minimum: 1 }, tags: { type: 'array', items: { $ref: '#/$defs/tag' } } },
    required: ['n'],
    additionalProperties: false,
    $defs: { tag: { enum: ['a', 'b'] } },
  }
  assert.equal(schemaFault(schema), null)
  const cases: [unknown, boolean][] = [
    [{ n: 1, tags: ['a'] }, true],
    [{ n: 0 }, false],
    [{ n: 1.5 }, false],
    [{ n: 1, tags: ['c'] }, false],
    [{ n: 1, x: 1 }, false],
    [{}, false],
    [[], false],
  ]
  for (const [value, expected] of cases) assert.equal(fits(schema, value), expected, JSON.stringify(value))
  const conditional = JSON.parse(
    '{"if":{"type":"string"},"then":{"pattern":"^a","maxLength":2},"else":{"not":{"const":3}}}',
  ) as unknown
  assert.equal(schemaFault(conditional), null)
  assert.deepEqual(
    ['a🙂', 'b', 'abc', 3, 4].map((one) => fits(conditional, one)),
    [true, false, false, false, true],
  )
  const faults = [{ unevaluatedProperties: false }, { type: 'text' }, { format: 'hostname' }, { $ref: 'x.json' }, 5]
  for (const fault of [...faults, { properties: { a: { pattern: '(?=x)' } } }])
    assert.notEqual(schemaFault(fault), null)
  assert.equal(fits({ $ref: '#' }, 1), false)
})
