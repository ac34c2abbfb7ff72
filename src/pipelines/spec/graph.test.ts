/** Order, cycles, what follows a step and the critical path of random graphs, against searches through all that is possible. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { criticalPath, downstream, sortSteps } from './graph.ts'
import type { Node } from './graph.ts'

/** A graph of up to seven steps; `loops` lets a step need a later one or itself. */
function randomGraph(seed: number, loops: boolean): Node[] {
  const random = prng(seed)
  const names = Array.from({ length: 1 + random.below(7) }, (_, i) => `s${i}`)
  const nodes = names.map((name, i) => {
    const possible = loops ? names : names.slice(0, i)
    return { name, needs: possible.filter(() => random.below(4) === 0) }
  })
  // the order of the file is any order
  return nodes
    .map((node) => ({ node, key: random.uniform() }))
    .sort((a, b) => a.key - b.key)
    .map((one) => one.node)
}

/** The names that can be reached by going from a step to what it needs, at least one move. */
function reaches(nodes: readonly Node[], from: string): Set<string> {
  const needs = (name: string): readonly string[] => nodes.find((node) => node.name === name)?.needs ?? []
  let found = new Set(needs(from))
  for (let i = 0; i < nodes.length; i++) found = new Set([...found, ...[...found].flatMap((name) => [...needs(name)])])
  return found
}

/** Every chain of steps, each needing the one before it. */
function chains(nodes: readonly Node[], so: readonly string[] = []): string[][] {
  const last = so.at(-1)
  const next = nodes.filter((node) => last === undefined || node.needs.includes(last))
  return [...(so.length > 0 ? [[...so]] : []), ...next.flatMap((node) => chains(nodes, [...so, node.name]))]
}

test('each step comes after what it needs, none is lost, and the order of the file is kept where it may be', () => {
  for (let seed = 0; seed < 200; seed++) {
    const nodes = randomGraph(seed, false)
    const { order, cycle } = sortSteps(nodes)
    assert.equal(cycle, undefined)
    assert.deepEqual(order.toSorted(), nodes.map((node) => node.name).sort())
    for (const { name, needs } of nodes) {
      for (const need of needs) assert.ok(order.indexOf(need) < order.indexOf(name), `${need} before ${name}`)
    }
    const sorted = order.map((name) => nodes.find((node) => node.name === name) ?? { name, needs: [] })
    assert.deepEqual(sortSteps(sorted).order, order, 'what is in order stays as it is')
  }
})

test('a cycle is found where there is one, and is a chain that returns to its first', () => {
  let found = 0
  for (let seed = 0; seed < 300; seed++) {
    const nodes = randomGraph(seed, true)
    const { cycle } = sortSteps(nodes)
    const looped = nodes.some(({ name }) => reaches(nodes, name).has(name))
    assert.equal(cycle !== undefined, looped, JSON.stringify(nodes))
    if (cycle === undefined) continue
    found++
    assert.equal(cycle[0], cycle.at(-1))
    assert.equal(new Set(cycle).size, cycle.length - 1, 'no other name comes twice')
    for (const [i, name] of cycle.slice(0, -1).entries()) {
      assert.ok(nodes.find((node) => node.name === name)?.needs.includes(cycle[i + 1] ?? ''))
    }
  }
  assert.ok(found > 50)
})

test('a need that is no step is passed over', () => {
  assert.deepEqual(sortSteps([{ name: 'a', needs: ['gone'] }]), { order: ['a'], cycle: undefined })
  assert.deepEqual(sortSteps([]), { order: [], cycle: undefined })
})

test('what follows a step is all that reaches it, cycles or not', () => {
  for (let seed = 0; seed < 100; seed++) {
    const nodes = randomGraph(seed, seed % 2 === 0)
    for (const { name } of nodes) {
      const expected = nodes.filter((node) => node.name === name || reaches(nodes, node.name).has(name))
      assert.deepEqual([...downstream(nodes, name)].sort(), expected.map((node) => node.name).sort())
    }
  }
})

test('the critical path is as long as the longest of all chains', () => {
  for (let seed = 0; seed < 60; seed++) {
    const nodes = randomGraph(seed, false)
    const random = prng(seed + 1000)
    const durations = new Map(nodes.map((node) => [node.name, random.below(100)]))
    const length = (chain: readonly string[]): number =>
      chain.reduce((sum, name) => sum + (durations.get(name) ?? 0), 0)
    const { path, ms } = criticalPath(nodes, durations)
    assert.equal(ms, length(path))
    assert.equal(ms, Math.max(...chains(nodes).map(length)))
    for (const [i, name] of path.entries()) {
      if (i > 0) assert.ok(nodes.find((node) => node.name === name)?.needs.includes(path[i - 1] ?? ''))
    }
  }
  assert.deepEqual(criticalPath([], new Map()), { path: [], ms: 0 })
  assert.deepEqual(criticalPath([{ name: 'a', needs: [] }], new Map()), { path: ['a'], ms: 0 })
})

test('a chain of any length is sorted, and so is a circle of that length', () => {
  const chain = Array.from({ length: 20_000 }, (_, i) => ({ name: `s${i}`, needs: i === 0 ? [] : [`s${i - 1}`] }))
  const names = chain.map(({ name }) => name)
  assert.deepEqual(sortSteps(chain.toReversed()), { order: names, cycle: undefined })
  const [first, ...rest] = chain
  const circle = sortSteps([{ name: first?.name ?? '', needs: ['s19999'] }, ...rest])
  assert.equal(circle.cycle?.length, 20_001)
})
