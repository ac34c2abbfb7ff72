/** The closure of random projects against a walk over what was written, and imports in every spelling. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../../stats/prng.ts'
import { specOf } from '../edits.fixture.ts'
import { dynamicIn } from './dynamic.ts'
import { definedNames, importsOf } from './imports.ts'
import { tokensOf } from './tokens.ts'

/** Spellings of an import of module `to` of the package `p`. */
const SPELLINGS: readonly ((to: string) => string)[] = [
  (to) => `import p.${to}`,
  (to) => `import os, p.${to} as x`,
  (to) => `from p import ${to}`,
  (to) => `from p import (\n    ${to},\n    other_name as y,\n)`,
  (to) => `from p.${to} import main`,
  (to) => `from . import ${to}`,
  (to) => `from .${to} import main as z`,
  (to) => `def late():\n    import p.${to}`,
  (to) => `if True: from p import ${to}`,
  (to) => `from \\\n    p import ${to}`,
  (to) => `x = 1; import p.${to}`,
]
/** Text that only looks like one. */
const DECOYS: readonly ((to: string) => string)[] = [
  (to) => `# import p.${to}`,
  (to) => `text = "import ${to}.p"`,
  (to) => `"""\nfrom p import ${to}\n"""`,
  (to) => `important = '''from . import ${to}'''`,
]

test('each module that is imported, and what that imports, is in the closure; nothing that is only written about', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = prng(seed)
    const names = Array.from({ length: 3 + random.below(5) }, (_, i) => `m${i}`)
    const imports = new Map<string, string[]>()
    const sources = new Map([['p/__init__.py', '']])
    for (const name of names) {
      const wanted = names.filter(() => random.below(4) === 0)
      const lines = wanted.map((to) => SPELLINGS[random.below(SPELLINGS.length)]?.(to) ?? '')
      const decoys = names.filter(() => random.below(3) === 0)
      for (const to of decoys) lines.push(DECOYS[random.below(DECOYS.length)]?.(to) ?? '')
      imports.set(name, wanted)
      sources.set(`p/${name}.py`, `${lines.join('\n')}\ndef main():\n    pass\n`)
    }
    const reached = new Set(['m0'])
    for (const name of reached) for (const to of imports.get(name) ?? []) reached.add(to)
    const project = 'project: p\npipeline: {steps: {a: {run: p.m0:main}}}\n'
    const spec = await specOf({ ...Object.fromEntries(sources), 'data.csv': '', 'slipway.yaml': project })
    const { files: closure = {}, warnings } = spec.steps[0]?.code ?? {}
    const expected = ['data.csv', 'p/__init__.py', ...[...reached].map((name) => `p/${name}.py`)]
    assert.deepEqual(Object.keys(closure).sort(), expected.sort(), `${seed}: ${JSON.stringify([...sources])}`)
    assert.deepEqual(warnings, [])
  }
})

test('code that is loaded by computed names is told by how', () => {
  const CASES: Readonly<Record<string, readonly string[]>> = {
    'import importlib as i\ni.import_module(x)': ['importlib', 'import_module'],
    '__import__(x)': ['__import__'],
    'exec(text); eval(text)': ['exec', 'eval'],
    'import runpy\nrunpy.run_path(x)\nrunpy.run_path(y)': ['runpy', 'run_path'],
    'model.eval()': [],
    'self.exec(x)': [],
    'execute(x)': [],
    '# eval(x)': [],
    '"eval(x)"': [],
  }
  for (const [source, how] of Object.entries(CASES)) assert.deepEqual(dynamicIn(tokensOf(source)), how, source)
})

test('every form of import is found, and none inside text', () => {
  const tokens = tokensOf(`
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
  const { imports } = importsOf(tokens)
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
  assert.deepEqual(dynamicIn(tokens), [])
})

test('names of the top level are found', () => {
  assert.ok(definedNames(tokensOf('from x import *')).has('*'))
  for (const source of [
    'def main(): pass',
    'async def main(): ...',
    'class main: pass',
    'main = f(1)',
    'from x import main',
    'from x import y as main',
  ]) {
    assert.ok(definedNames(tokensOf(source)).has('main'), source)
  }
  for (const source of ['# def main(): pass', '"""\ndef main(): pass\n"""', 'def mains(): pass', 'main == 1']) {
    assert.ok(!definedNames(tokensOf(source)).has('main'), source)
  }
})
