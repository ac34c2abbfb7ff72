/** Patterns of callers: what is taken, what is refused by name, and that no pattern takes more than linear time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patternFault, postgresPattern, sqliteRegexp } from './regexp.ts'

test('a match anywhere counts; anchors, classes and case as everyone knows them', () => {
  const matches = sqliteRegexp()
  assert.equal(matches('net[0-3]$', 'deep net2'), 1)
  assert.equal(matches('^net', 'deep net2'), 0)
  assert.equal(matches('(?i)NET\\d+', 'deep net2'), 1)
  assert.equal(matches('a|b', 'c'), 0)
  assert.equal(matches('x', null), null)
})

for (const [pattern, reason] of [
  ['(a', /missing closing/],
  ['(?=a)b', /\(\? is not supported/],
  ['(?<name>a)', /\(\? is not supported/],
  ['(a)\\1', /invalid escape/],
  ['\\pL', /\\p is not supported/],
  ['a{5000}', /5000 steps long; at most 1000/],
  ['((a{10}){10}b){10}', /1010 steps long/],
  [`(?:${'x'.repeat(480)}){1000}`, /480000 steps long/],
  ['[](]{600}(b|c){401}', /1803 steps long/],
  ['x'.repeat(501), /501 characters; at most 500/],
] as const) {
  test(`refuses ${pattern.slice(0, 20)}`, () => assert.match(patternFault(pattern) ?? '', reason))
}

test('a pattern that makes backtracking matchers hang is answered', () => {
  assert.equal(patternFault('^(a+)+$'), undefined)
  const matches = sqliteRegexp()
  // a backtracking matcher would need ages
  assert.equal(matches('^(a|a)*(a+)+$', `${'a'.repeat(20_000)}!`), 0)
})

test('repetitions that are short enough are taken, however they are written', () => {
  for (const pattern of ['((a{10}){10}b){9}', 'x{999}', '[](]{500}', '\\({900}', 'a{3,}', '(?i)(net){2,30}'])
    assert.equal(patternFault(pattern), undefined, pattern)
})

test('the spelling for PostgreSQL', () => {
  assert.equal(postgresPattern('(?i)\\bnet\\d\\z'), '(?ip)\\ynet\\d\\Z')
  assert.equal(postgresPattern('a\\\\b'), '(?p)a\\\\b')
})
