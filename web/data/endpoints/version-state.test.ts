/** What speaks against a version before it is deployed, from its scan, its last verdict and its rollouts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { againstVersion } from './version-state.ts'

type Judged = Parameters<typeof againstVersion>[0]
type Rollouts = Parameters<typeof againstVersion>[1]

const verdict = (...outcomes: readonly string[]): object => ({
  verdict: { gates: outcomes.map((outcome, i) => ({ name: `gate ${i}`, outcome })) },
})
const back = { version: '2', state: 'rolled_back', reason: 'it failed' }

const CASES: readonly (readonly [
  what: string,
  change: object,
  rollouts: readonly object[],
  expected: string | null,
])[] = [
  ['nothing is known of it', {}, [], null],
  ['its gates hold', verdict('passed'), [], null],
  ['a gate failed, one has no data', verdict('failed', 'passed', 'no_data'), [], 'refused: gate 0, gate 2'],
  ['it waits', verdict('passed', 'waiting'), [], 'waits: gate 1'],
  ['it waits and failed', verdict('failed', 'waiting'), [], 'refused: gate 0, gate 1'],
  ['its files do harm', { ...verdict('failed'), scan: { verdict: 'malicious' } }, [back], 'malicious files'],
  ['its files are unknown', { scan: { verdict: 'suspicious' } }, [], null],
  ['it was rolled back', {}, [{ ...back, version: '3' }, back], 'rolled back: it failed'],
  ['it was promoted since', {}, [{ ...back, state: 'promoted' }, back], null],
]

for (const [what, change, rollouts, expected] of CASES) {
  test(`against a version when ${what}: ${expected ?? 'nothing'}`, () => {
    const version = { version: '2', scan: null, verdict: null, ...change } as Judged
    assert.equal(againstVersion(version, rollouts as Rollouts), expected)
  })
}
