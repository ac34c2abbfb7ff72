/** Routing, cache and guardrails in words, and the change that a form asks for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheWords, guardrailWords, optionsAsked, optionsForm } from './endpoint-options.ts'
import type { OptionsForm } from './endpoint-options.ts'

test('a form asks for what differs from the endpoint, and for nothing else', () => {
  const before = { routing: 'cost', cache: { ttl_s: 60, share: 'key' } } as const
  const form = optionsForm(before)
  assert.deepEqual(form, { routing: 'cost', cache: 'key', seconds: '60' })
  const asked = (more: Partial<OptionsForm>, of: Parameters<typeof optionsAsked>[0] = before) =>
    optionsAsked(of, { ...optionsForm(of), ...more })
  assert.equal(asked({}), undefined)
  assert.deepEqual(asked({ routing: 'latency' }), { routing: 'latency' })
  assert.deepEqual(asked({ cache: 'none' }), { cache: null })
  assert.deepEqual(asked({ cache: 'none', seconds: 'x' }), { cache: null })
  assert.deepEqual(asked({ seconds: '2592000' }), { cache: { ttl_s: 2_592_000, share: 'key' } })
  for (const seconds of ['', '0', '-1', '1.5', 'x', '2592001']) assert.equal(asked({ seconds }), undefined, seconds)
  const bare = { routing: 'weighted', cache: null } as const
  assert.equal(asked({}, bare), undefined)
  assert.deepEqual(asked({ cache: 'endpoint' }, bare), { cache: { ttl_s: 3600, share: 'endpoint' } })
})

test('a cache says for how long and for whom; a guardrail what it does to what, and where texts go', () => {
  assert.equal(cacheWords({ cache: null }), 'no cache')
  assert.match(cacheWords({ cache: { ttl_s: 3600, share: 'key' } }), /^cache for .*, for each key its own$/)
  const common = { name: 'x', on: 'both', action: 'block' } as const
  for (const [one, words] of [
    [
      { ...common, kind: 'pii', action: 'redact', find: ['email'] },
      'redacts personal data (email) in requests and answers',
    ],
    [{ ...common, kind: 'secrets', on: 'answer' }, 'blocks secrets in answers'],
    [
      { ...common, kind: 'length', most: 5000, action: 'flag' },
      'notes more than 5,000 characters in requests and answers',
    ],
    [{ ...common, kind: 'regex', patterns: ['a', 'b'] }, 'blocks what fits one of 2 patterns in requests and answers'],
    [
      { ...common, kind: 'hook', on: 'request', url: 'https://r.example:8443/***', timeout_ms: 1, on_fault: 'pass' },
      'blocks what r.example:8443, which is sent the texts, does not allow in requests',
    ],
  ] as const)
    assert.equal(guardrailWords(one as Parameters<typeof guardrailWords>[0]), words)
})
