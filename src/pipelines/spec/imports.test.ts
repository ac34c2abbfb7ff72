/** The closure of random projects against a walk over what was written, and imports in every spelling. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { closureOf } from './closure.ts'
import { readImports } from './imports.ts'

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
  (to) => `text = "import p.${to}"`,
  (to) => `"""\nfrom p import ${to}\n"""`,
  (to) => `important = '''from . import ${to}'''`,
]

test('each module that is imported, and what that imports, is in the closure; nothing that is only written about', () => {
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
    const files = [...sources.keys(), 'data.csv'].map((path) => ({
      path,
      size: 1,
      digest: `d:${path}`,
      executable: false,
    }))
    const { files: closure, warnings } = closureOf('p.m0:main', files, sources)
    const expected = ['data.csv', 'p/__init__.py', ...[...reached].map((name) => `p/${name}.py`)]
    assert.deepEqual(Object.keys(closure).sort(), expected.sort(), `${seed}: ${JSON.stringify([...sources])}`)
    assert.deepEqual(warnings, [])
  }
})

test('code that is loaded by computed names is told by how', () => {
  const CASES: Readonly<Record<string, readonly string[]>> = {
    'importlib.import_module(x)': ['importlib'],
    '__import__(x)': ['__import__'],
    'exec(text); eval(text)': ['exec', 'eval'],
    'runpy.run_path(x)\nrunpy.run_module(y)': ['runpy'],
    'model.eval()': [],
    'self.exec(x)': [],
    'execute(x)': [],
    '# eval(x)': [],
    '"eval(x)"': [],
  }
  for (const [source, how] of Object.entries(CASES)) assert.deepEqual(readImports(source).dynamic, how, source)
})
