/** The side that a prediction counts for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RolloutRow } from '../context/context.ts'
import { armOf } from './values.ts'

const rollout = { version: '2', stable_version: '1', canary_at: 1000 } as RolloutRow
const arm = (ver: string, role: 'stable' | 'canary' | 'shadow', more: { at?: number; fb?: boolean } = {}) =>
  armOf(rollout, { ver, role, at: 1000, ...more })

test('is that of the version which its key was given to', () => {
  assert.deepEqual([arm('2', 'canary'), arm('1', 'stable')], [1, 0])
  assert.equal(arm('1', 'stable', { fb: true }), 1, 'stable answered for a candidate that failed')
  assert.equal(arm('2', 'canary', { fb: true }), 1)
})

test('is none of what nobody was answered, of other versions, and of other roles', () => {
  assert.deepEqual(
    [
      arm('2', 'shadow'),
      arm('1', 'shadow'),
      arm('3', 'canary'),
      arm('3', 'stable'),
      arm('2', 'stable'),
      arm('1', 'canary'),
    ],
    [undefined, undefined, undefined, undefined, undefined, undefined],
  )
})

test('is none before callers met the candidate, to the millisecond', () => {
  assert.deepEqual([arm('2', 'canary', { at: 999 }), arm('1', 'stable', { at: 999 })], [undefined, undefined])
  assert.equal(armOf({ ...rollout, canary_at: null }, { ver: '2', role: 'canary', at: 5000 }), undefined)
  assert.equal(armOf({ ...rollout, stable_version: null }, { ver: '1', role: 'stable', at: 5000 }), undefined)
})
