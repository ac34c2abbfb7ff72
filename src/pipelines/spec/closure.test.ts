/** A closure holds what imports reach, steps are sorted, and what keys and retries are made of. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonical, hashOf } from './canonical.ts'
import type { Closure } from './closure.ts'
import { specOf, type Files } from './edits.fixture.ts'
import { criticalPath, downstream, sortSteps } from './graph.ts'
import { nearlyEqual } from '../proof/contents.ts'
import { nextPause } from '../run/retry.ts'
import type { AttemptRow } from '../context/rows.ts'

const FILES: Files = {
  'flights/__init__.py': '',
  'flights/train.py': 'from .shared import tables\nfrom flights.other import f\nimport pandas\ndef main(): ...\n',
  'flights/shared/__init__.py': '',
  'flights/shared/tables.py': 'import flights.deep.leaf\n',
  'flights/deep/leaf.py': '',
  'flights/other.py': '',
  'flights/unused.py': 'import flights.train\n',
  'flights/dynamic.py': 'import importlib\nx = importlib.import_module("flights." + "unused")\ndef main(): ...\n',
  'flights/data.json': '{}',
  'src/lib.py': 'def main(): ...\n',
  'README.md': '',
  'tests/test_train.py': '',
  '.slipwayignore': '/README.md\n',
}

/** The closure of a step that runs this. */
async function closureOf(run: string): Promise<Closure> {
  const spec = await specOf({ ...FILES, 'slipway.yaml': `project: p\npipeline: {steps: {a: {run: ${run}}}}\n` })
  return spec.steps[0]?.code ?? { files: {}, warnings: [] }
}

test('a closure holds the module, what it imports, and data; no other modules, and nothing that is left out', async () => {
  assert.deepEqual(Object.keys((await closureOf('flights.train:main')).files), [
    'flights/__init__.py',
    'flights/data.json',
    'flights/deep/leaf.py',
    'flights/other.py',
    'flights/shared/__init__.py',
    'flights/shared/tables.py',
    'flights/train.py',
  ])
  assert.ok('src/lib.py' in (await closureOf('lib:main')).files)
})

test('code that imports by computed names, and commands, depend on every file', async () => {
  const dynamic = await closureOf('flights.dynamic:main')
  assert.ok('flights/unused.py' in dynamic.files && !('README.md' in dynamic.files))
  assert.match(dynamic.warnings[0] ?? '', /flights\/dynamic\.py uses importlib/)
  assert.ok('flights/unused.py' in (await closureOf('[python, x.py]')).files)
})

test('steps are sorted, cycles named, and the critical path is the longest', () => {
  const nodes = [
    { name: 'd', needs: ['b', 'c'] },
    { name: 'a', needs: [] },
    { name: 'b', needs: ['a'] },
    { name: 'c', needs: ['a'] },
  ]
  assert.deepEqual(sortSteps(nodes).order, ['a', 'b', 'c', 'd'])
  assert.deepEqual(sortSteps([...nodes, { name: 'e', needs: ['f'] }, { name: 'f', needs: ['e'] }]).cycle, [
    'e',
    'f',
    'e',
  ])
  assert.deepEqual([...downstream(nodes, 'b')].sort(), ['b', 'd'])
  const durations = new Map([
    ['a', 1],
    ['b', 5],
    ['c', 7],
    ['d', 1],
  ])
  assert.deepEqual(criticalPath(nodes, durations), { path: ['a', 'c', 'd'], ms: 9 })
})

test('equal values have one text and one hash', () => {
  assert.equal(canonical({ b: 1, a: [1, { d: undefined, c: 'x' }] }), '{"a":[1,{"c":"x"}],"b":1}')
  assert.equal(hashOf({ a: 1, b: 2 }), hashOf({ b: 2, a: 1 }))
  assert.notEqual(hashOf({ a: 1 }), hashOf({ a: '1' }))
  assert.throws(() => canonical(Number.NaN), /no canonical form/)
})

test('budgets are counted by cause, and pauses grow', () => {
  const failed = (cause: string, count: number, state = 'failed'): AttemptRow[] =>
    Array.from(
      { length: count },
      () => ({ state, failure: { class: cause, message: '', traceback: null } }) as AttemptRow,
    )
  assert.equal(nextPause('user', failed('user', 1), {}, 0), undefined)
  assert.equal(nextPause('user', failed('user', 1), { user: 1 }, 1), 1000)
  assert.equal(nextPause('infrastructure', failed('infrastructure', 1, 'lost'), {}, 0), 0)
  assert.equal(nextPause('infrastructure', failed('infrastructure', 3), {}, 0), 2000)
  assert.equal(nextPause('infrastructure', failed('infrastructure', 6), {}, 0), undefined)
  assert.equal(nextPause('preempted', [...failed('infrastructure', 5), ...failed('preempted', 1)], {}, 0), 500)
})

test('metrics are equal within a relative tolerance', () => {
  assert.ok(nearlyEqual(1, 1 + 1e-12, 1e-9) && nearlyEqual(undefined, undefined, 0))
  assert.ok(!nearlyEqual(1, 1.001, 1e-9) && !nearlyEqual(undefined, 1, 1))
})
