/** Signatures: which type may follow which, against a list of the values each holds, and what of a model file is read. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compareSignatures, readSignature } from './signature.ts'
import type { Field, Signature } from './signature.ts'

const field = (name: string, type: string, required = true): Field => ({ name, type, required })
const inputs = (...all: Field[]): Signature => ({ inputs: all, outputs: [] })

describe('types of an input', () => {
  const TYPES = ['integer', 'long', 'float', 'double', 'boolean', 'string', 'datetime', 'binary', 'tensor']
  /** Pairs besides a type and itself in which every value of the first is one of the second. */
  const WIDENS = new Set(['integer long', 'integer double', 'float double'])
  for (const from of TYPES) {
    for (const to of TYPES) {
      const fits = from === to || WIDENS.has(`${from} ${to}`)
      test(`${from} to ${to} ${fits ? 'is' : 'is not'} noticed by nobody`, () => {
        const change = compareSignatures(inputs(field('x', from)), inputs(field('x', to)))
        assert.deepEqual(change.faults, fits ? [] : [`the input "x" changes from ${from} to ${to}`])
        assert.deepEqual(change.changed, from === to ? [] : [`x: ${from} → ${to}`])
      })
    }
  }
})

describe('need of an input', () => {
  for (const [before, after, fault, changed] of [
    [true, true, undefined, undefined],
    [true, false, undefined, 'x: long → long (optional)'],
    [false, true, 'the input "x" may no longer be missing', 'x: long (optional) → long'],
    [false, false, undefined, undefined],
  ] as const) {
    test(`${before ? 'required' : 'optional'}, then ${after ? 'required' : 'optional'}`, () => {
      const change = compareSignatures(inputs(field('x', 'long', before)), inputs(field('x', 'long', after)))
      assert.deepEqual(change.faults, fault === undefined ? [] : [fault])
      assert.deepEqual(change.changed, changed === undefined ? [] : [changed])
    })
  }
  test('a new one must be optional, one that is gone is not missed', () => {
    const change = compareSignatures(
      inputs(field('old', 'long')),
      inputs(field('a', 'long'), field('b', 'long', false)),
    )
    assert.deepEqual(change.added, ['a', 'b'])
    assert.deepEqual(change.removed, ['old'])
    assert.deepEqual(change.faults, ['the new input "a" is required and callers do not send it'])
  })
})

test('outputs keep their names and their very types; where either says nothing of them there is no fault', () => {
  const outputs = (...all: Field[]): Signature => ({ inputs: [], outputs: all })
  const faults = (before: Signature, after: Signature) => compareSignatures(before, after).faults
  const both = outputs(field('p', 'double'), field('q', 'long'))
  assert.deepEqual(faults(both, both), [])
  assert.deepEqual(faults(both, outputs(field('p', 'float'))), [
    'the output "p" changes from double to float',
    'the output "q" is gone',
  ])
  assert.deepEqual(faults(outputs(field('p', 'double')), both), [], 'a further output is not read')
  assert.deepEqual(faults(both, outputs()), [])
  assert.deepEqual(faults(outputs(), both), [])
})

test('what a model file says is read as JSON text or as a list; what is no column is left out', () => {
  const column = { name: 'x', type: 'double' }
  const read = { inputs: [field('x', 'double')], outputs: [] }
  assert.deepEqual(readSignature({ inputs: JSON.stringify([column]) }), read)
  assert.deepEqual(readSignature({ inputs: [column], outputs: 'no json' }), read)
  assert.deepEqual(readSignature({ inputs: [{ ...column, required: false }], outputs: [{ type: 'long' }] }), {
    inputs: [field('x', 'double', false)],
    outputs: [field('0', 'long')],
  })
  assert.deepEqual(readSignature({ inputs: [{ name: 'y' }, { type: 'tensor' }] })?.inputs, [field('1', 'tensor')])
  for (const none of [
    undefined,
    null,
    7,
    'x',
    {},
    { inputs: [] },
    { inputs: '{}' },
    { inputs: '[' },
    { inputs: [{ name: 'x' }] },
  ])
    assert.equal(readSignature(none), null)
})
