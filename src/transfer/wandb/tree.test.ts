/** Nested values of wandb: set, replaced and removed by their way, and flattened to names with dots. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Value, ValueMap } from '../../traces/spans/values.ts'
import { applyUpdate, leavesOf, metricOf, treeOf } from './tree.ts'
import type { Tree } from './tree.ts'

function item(way: string, value: Value): { path: string[]; value: Value } {
  return { path: way.split('>'), value }
}

function leaves(tree: ValueMap): Record<string, Value> {
  return Object.fromEntries(leavesOf(tree))
}

describe('a tree of values', () => {
  it('has a leaf for each way, and keeps dots within a key', () => {
    const tree = treeOf([item('lr', 0.1), item('model>depth', 3), item('model>kind', 'x'), item('a.b', true)])
    assert.deepEqual(leaves(tree), { lr: 0.1, 'model.depth': 3, 'model.kind': 'x', 'a.b': true })
  })

  it('keeps the last value of a way', () => {
    assert.deepEqual(leaves(treeOf([item('a>b', 1), item('a>b', 2)])), { 'a.b': 2 })
  })

  it('replaces a value by a branch and a branch by a value', () => {
    assert.deepEqual(leaves(treeOf([item('a', 1), item('a>b', 2)])), { 'a.b': 2 })
    assert.deepEqual(leaves(treeOf([item('a>b', 2), item('a>c', 3), item('a', 1)])), { a: 1 })
  })

  it('loses what is removed, and nothing else', () => {
    const tree: Tree = treeOf([item('a>b', 1), item('a>c', 2), item('d', 3)])
    applyUpdate(tree, { update: [], remove: [['a', 'b'], ['d', 'e'], ['x', 'y'], ['z']] })
    assert.deepEqual(leaves(tree), { 'a.c': 2, d: 3 })
    applyUpdate(tree, { update: [item('d', 4)], remove: [['a']] })
    assert.deepEqual(leaves(tree), { d: 4 })
  })

  it('sets before it removes in one update', () => {
    const tree: Tree = treeOf([])
    applyUpdate(tree, { update: [item('a', 1), item('b', 2)], remove: [['a']] })
    assert.deepEqual(leaves(tree), { b: 2 })
  })

  it('keeps media, lists and empty maps as leaves', () => {
    const media: ValueMap = new Map<string, Value>([
      ['_type', 'image-file'],
      ['path', 'a.png'],
    ])
    const tree = treeOf([item('image', media), item('list', [1, 2]), item('none', new Map())])
    assert.deepEqual(leaves(tree), { image: media, list: [1, 2], none: new Map() })
  })
})

describe('a metric', () => {
  for (const [value, number] of [
    [1.5, 1.5],
    [0, 0],
    [7n, 7],
    [true, 1],
    [false, 0],
    ['1', undefined],
    [null, undefined],
  ] as const)
    it(`of ${typeof value} ${String(value)} is ${number}`, () => assert.equal(metricOf(value), number))

  it('may be no finite number', () => {
    assert.ok(Number.isNaN(metricOf(Number.NaN)))
    assert.equal(metricOf(-Infinity), -Infinity)
  })

  it('is not a list or a map', () => {
    assert.deepEqual([metricOf([1]), metricOf(new Map())], [undefined, undefined])
  })
})
