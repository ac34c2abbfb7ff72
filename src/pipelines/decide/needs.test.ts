/** Needs of steps that were skipped: by a condition, or because something failed, and what that means to those after them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StepRow } from '../context/rows.ts'
import type { StepSpec } from '../spec/spec.ts'
import { judgeNeeds, leftOutSteps } from './needs.ts'

/** `a b? c` are needs of a step, the optional ones with a sign; `when` those that its condition names. */
function step(name: string, needs = '', when?: string): StepSpec {
  const words = needs.split(' ').filter((word) => word !== '')
  const optional = words.filter((word) => word.endsWith('?')).map((word) => word.slice(0, -1))
  return {
    name,
    needs: words.map((word) => word.replace('?', '')),
    ...(optional.length > 0 && { optional }),
    ...(when !== undefined && { when: { text: '', steps: when.split(' ') } }),
  } as unknown as StepSpec
}

/** Rows by states; `no` is skipped by its own condition. */
function rows(states: Readonly<Record<string, string>>): StepRow[] {
  return Object.entries(states).map(([name, state]) => ({
    name,
    state: state === 'no' ? 'skipped' : state,
    decision: state === 'no' ? { expression: '', holds: false, detail: '' } : null,
  })) as unknown as StepRow[]
}

describe('steps that are left out', () => {
  const steps = [step('a'), step('b', 'a'), step('c', 'b'), step('d', 'c b'), step('e', '', 'b')]
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    [
      'by a condition, and all after it',
      { a: 'succeeded', b: 'no', c: 'skipped', d: 'skipped', e: 'skipped' },
      'b c d e',
    ],
    ['not by a failure', { a: 'failed', b: 'skipped', c: 'skipped', d: 'skipped', e: 'skipped' }, ''],
    [
      'own condition, though something failed before',
      { a: 'failed', b: 'no', c: 'skipped', d: 'waiting', e: 'waiting' },
      'b c',
    ],
    ['not where one of two failed', { a: 'succeeded', b: 'no', c: 'failed', d: 'skipped', e: 'cached' }, 'b'],
    ['none where none was skipped', { a: 'cached', b: 'succeeded', c: 'running', d: 'waiting', e: 'waiting' }, ''],
  ]
  for (const [what, states, expected] of cases)
    test(what, () => assert.equal([...leftOutSteps({ steps }, rows(states))].toSorted().join(' '), expected))

  test('in a wide diamond of 200 layers at once', () => {
    const layers = Array.from({ length: 200 }, (_, i) => [i * 2, i * 2 + 1])
    const deep = layers.flatMap((pair, i) =>
      pair.map((n) => step(`s${n}`, i === 0 ? '' : `s${i * 2 - 2} s${i * 2 - 1}`)),
    )
    const states = Object.fromEntries(deep.map(({ name }, i) => [name, i < 2 ? 'no' : 'skipped']))
    assert.equal(leftOutSteps({ steps: deep }, rows(states)).size, 400)
  })
})

describe('a step that needs others', () => {
  const cases: readonly (readonly [string, string, Readonly<Record<string, string>>, string])[] = [
    ['goes on when all are done', 'a b', { a: 'cached', b: 'succeeded' }, 'ready'],
    ['waits for one that goes on', 'a b', { a: 'cached', b: 'running' }, 'waits'],
    [
      'is skipped by one that failed, though another goes on',
      'a b',
      { a: 'failed', b: 'running' },
      'a step that it needs did not succeed',
    ],
    ['is skipped by one that was skipped', 'a b', { a: 'no', b: 'succeeded' }, 'step "a", which it needs, was skipped'],
    ['goes on without an optional one', 'a? b', { a: 'no', b: 'succeeded' }, 'ready'],
    ['waits for the others of an optional one', 'a? b', { a: 'no', b: 'running' }, 'waits'],
    [
      'does not go on without an optional one that failed',
      'a? b',
      { a: 'failed', b: 'succeeded' },
      'a step that it needs did not succeed',
    ],
    [
      'does not go on where an optional one was skipped by a failure',
      'a? b',
      { a: 'skipped', b: 'succeeded' },
      'a step that it needs did not succeed',
    ],
    [
      'does not go on where an optional one was cancelled',
      'a?',
      { a: 'cancelled', b: 'waiting' },
      'a step that it needs did not succeed',
    ],
  ]
  for (const [what, needs, states, expected] of cases)
    test(what, () => {
      // what a was skipped by, where no condition of its own says it
      const spec = { steps: [step('x'), step('a', 'x'), step('b'), step('it', needs)] }
      const found = judgeNeeds(spec, rows({ x: 'failed', ...states, it: 'waiting' }), step('it', needs))
      assert.equal(typeof found === 'object' ? found.reason : found, expected)
    })
})
