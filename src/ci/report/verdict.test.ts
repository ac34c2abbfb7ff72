/** The verdict of a change by how its run ended. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Failure } from '../../contract/pipelines.ts'
import { gate } from '../report.fixture.ts'
import { decide } from './verdict.ts'
import type { EndedRun } from './verdict.ts'

const run = (outcome: EndedRun['outcome'], failure?: Failure): EndedRun => ({
  outcome,
  message: 'was so',
  registered: null,
  steps: [{ name: 'a', failure: null }, ...(failure === undefined ? [] : [{ name: 'b', failure: { class: failure } }])],
})

describe('a change', () => {
  it('is passed when every gate is', () => {
    assert.deepEqual(decide(run('succeeded'), [gate(), gate()], false), {
      verdict: 'passed',
      reason: 'all 2 gates are passed',
    })
    assert.equal(decide(run('succeeded'), [], false).verdict, 'passed')
  })

  it('is failed when a gate fails or has no data, though another waits', () => {
    for (const outcome of ['failed', 'no_data'] as const) {
      const gates = [gate(), gate({ outcome: 'waiting', name: 'w' }), gate({ outcome, name: 'f', reason: 'too low' })]
      assert.deepEqual(decide(run('refused'), gates, false), { verdict: 'failed', reason: 'f: too low' })
    }
  })

  it('waits when that is all', () => {
    assert.equal(decide(run('refused'), [gate(), gate({ outcome: 'waiting' })], false).verdict, 'waiting')
  })

  for (const [failure, verdict] of [
    ['user', 'failed'],
    ['out_of_memory', 'failed'],
    ['timeout', 'failed'],
    ['environment', 'error'],
    ['infrastructure', 'error'],
    ['preempted', 'error'],
  ] as const) {
    it(`whose step failed by ${failure} is ${verdict}`, () => {
      assert.deepEqual(decide(run('failed', failure), [], true), { verdict, reason: 'was so' })
    })
  }

  it('has no verdict when its run was cancelled, or failed without a step', () => {
    assert.equal(decide(run('cancelled'), [], true).verdict, 'error')
    assert.equal(decide(run('failed'), [], true).verdict, 'error')
  })

  it('that registered nothing is passed, and one that was refused stays so when its version is gone', () => {
    assert.equal(decide(run('succeeded'), [], true).verdict, 'passed')
    assert.equal(decide(run('refused'), [], true).verdict, 'failed')
    const gone = decide({ ...run('succeeded'), registered: { version: '4' } }, [], true)
    assert.deepEqual(gone, { verdict: 'passed', reason: 'the run succeeded; its version 4 is gone' })
  })
})
