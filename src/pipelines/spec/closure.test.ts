/** Imports are read without running code, and a closure holds what they reach. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonical, hashOf } from './canonical.ts'
import { closureOf } from './closure.ts'
import { criticalPath, downstream, sortSteps } from './graph.ts'
import { definesName, readImports } from './imports.ts'
import { nearlyEqual } from '../run/reproduce.ts'
import { nextPause } from '../run/retry.ts'
import type { AttemptRow } from '../context/rows.ts'

test('every form of import is found, and none inside text', () => {
  const { imports, dynamic } = readImports(`
"""import hidden_in_a_docstring"""
import os, numpy as np  # import hidden_in_a_comment
from . import sibling
from ..above import (one,
    two as second,  # with a comment
)
from package.module import *
text = 'import hidden_in_text'
def f():
    import lazy.inside
    try: import tried
    except ImportError: pass
import a \\
    , b
`)
  assert.deepEqual(
    imports.map(({ level, module, names }) => [level, module, names.join(' ')]),
    [
      [0, 'os', ''],
      [0, 'numpy', ''],
      [1, '', 'sibling'],
      [2, 'above', 'one two'],
      [0, 'package.module', '*'],
      [0, 'lazy.inside', ''],
      [0, 'tried', ''],
      [0, 'a', ''],
      [0, 'b', ''],
    ],
  )
  assert.deepEqual(dynamic, [])
  assert.deepEqual(readImports('importlib.import_module(name)\nrunpy.run_path(p)').dynamic, ['importlib', 'runpy'])
  assert.deepEqual(readImports('model.eval()\ncursor.execute(x)').dynamic, [])
})

test('names of the top level are found', () => {
  for (const source of [
    'def main(): pass',
    'async def main(): ...',
    'class main: pass',
    'main = f(1)',
    'from x import main',
    'from x import *',
    'from x import y as main',
  ]) {
    assert.ok(definesName(source, 'main'), source)
  }
  for (const source of ['# def main(): pass', '"""\ndef main(): pass\n"""', 'def mains(): pass', 'main == 1']) {
    assert.ok(!definesName(source, 'main'), source)
  }
})

const FILES: Record<string, string> = {
  'flights/__init__.py': '',
  'flights/train.py': 'from .shared import tables\nfrom flights.other import f\nimport pandas\n',
  'flights/shared/__init__.py': '',
  'flights/shared/tables.py': 'import flights.deep.leaf\n',
  'flights/deep/leaf.py': '',
  'flights/other.py': '',
  'flights/unused.py': 'import flights.train\n',
  'flights/dynamic.py': 'import importlib\nx = importlib.import_module("flights." + "unused")\n',
  'flights/data.json': '{}',
  'src/lib.py': '',
  'README.md': '',
  'tests/test_train.py': '',
  '.gitignore': '',
  'slipway.yaml': '',
}
const tree = Object.keys(FILES).map((path) => ({ path, size: 1, digest: `digest of ${path}`, executable: false }))
const sources = new Map(Object.entries(FILES).filter(([path]) => path.endsWith('.py')))

test('a closure holds the module, what it imports, and data; not tests, prose or other modules', () => {
  assert.deepEqual(Object.keys(closureOf('flights.train:main', tree, sources).files), [
    'flights/__init__.py',
    'flights/train.py',
    'flights/shared/__init__.py',
    'flights/shared/tables.py',
    'flights/deep/leaf.py',
    'flights/other.py',
    'flights/data.json',
  ])
  assert.ok('src/lib.py' in closureOf('lib:main', tree, sources).files)
})

test('code that imports by computed names, and commands, depend on every file', () => {
  const dynamic = closureOf('flights.dynamic:main', tree, sources)
  assert.ok('flights/unused.py' in dynamic.files)
  assert.match(dynamic.warnings[0] ?? '', /flights\/dynamic\.py uses importlib/)
  assert.ok('flights/unused.py' in closureOf(['python', 'x.py'], tree, sources).files)
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
