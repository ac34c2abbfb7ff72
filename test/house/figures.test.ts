/** Tests of the figures of the house on a small tree whose figures are counted by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { circles, folderPairs } from './circles.ts'
import { figures } from './figures.ts'
import { tree } from './fixture-tree.ts'
import { climbs, faultsOf, flows } from './flows.ts'
import { functionsOf, spread } from './lengths.ts'

test('median, 90th percentile and maximum are ranks of the sorted lengths', () => {
  assert.deepEqual(spread([]), { median: 0, p90: 0, max: 0, count: 0 })
  assert.deepEqual(spread([7]), { median: 7, p90: 7, max: 7, count: 1 })
  assert.deepEqual(spread([10, 1, 9, 2, 8, 3, 7, 4, 6, 5]), { median: 5, p90: 9, max: 10, count: 10 })
})

test('a named function is counted with its own lines, a callback with those around it', () => {
  const text = `export function outer(a: number): number {
  const inner = (b: number): number => {
    return b
  }
  return [a].map((c) => {
    return inner(c)
  })[0] ?? 0
}
declare function none(): void
abstract class Thing {
  field = async () => 1
  abstract nothing(): void
  method(): void {
  }
}
export const table = { entry: () => 2, plain: 3, ['x'](): void {
} }
`
  assert.deepEqual(
    functionsOf('a.ts', text)
      .map(({ name, line, lines }) => `${name} ${line} ${lines}`)
      .sort(),
    ["'x' 16 2", 'entry 16 1', 'field 11 1', 'inner 2 3', 'method 13 2', 'outer 1 8'],
  )
  assert.throws(() => functionsOf('a.ts', 'function ('), /a\.ts/)
})

test('circles are the parts of a graph that reach each other', () => {
  const arrows = ['ab', 'bc', 'ca', 'cd', 'de', 'ed', 'fa', 'gf'].map(([from = '', to = '']) => ({ from, to }))
  assert.deepEqual(circles(arrows), [
    ['a', 'b', 'c'],
    ['d', 'e'],
  ])
  assert.deepEqual(circles(arrows.slice(0, 2)), [])
})

test('a pair of folders is told once, whichever way its imports were met', () => {
  const arrows = [
    { from: 'b/x', to: 'a/x' },
    { from: 'a/y', to: 'b/y' },
    { from: 'a/y', to: 'c/y' },
  ]
  assert.deepEqual(folderPairs(arrows), [['a', 'b']])
})

test('the figures of a small tree are those counted by hand', (t) => {
  const root = tree(t, {
    'src/app.ts': "import './jobs/a.ts'\nimport './jobs/b.ts'\n",
    'src/jobs/a.ts': "import type { B } from './b.ts'\n\nexport function one(): void {\n}\n",
    'src/jobs/b.ts': "import './a.ts'",
    'src/jobs/a.test.ts': 'let x\nlet y\n',
    'src/store/migrations/0001_a.sql': 'CREATE TABLE a (x);\n',
    'web/page.tsx': 'export const x = 1\n',
    'python/slipway/__init__.py': '',
    'python/tests/test_a.py': 'a\n',
    'bench/main.ts': 'x()\n',
    'test/story.test.ts': 'x()\n',
    'ARCHITECTURE.md':
      '## Flows\n\n| flow | files |\n|---|---|\n| a prediction | `src/jobs/a.ts` → `src/jobs/b.ts` |\n\n## Next\n',
  })
  const lines = figures(root, { duplicates: 0 })
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('  ')),
    [
      'app.ts: 2 lines, 2 imports of 2 files (jobs 2)',
      'source files flat in the largest folder (without tests, cases, fixtures and .sql): src/jobs 2, web 1, python/slipway 1, bench 1',
      'folders with more than 25: none',
      'circles by value 0, by value or type 1, pairs of folders 0',
      'lines of a file of src, median / p90 / max: 2 / 4 / 4 of 3',
      'lines of a named function of src, median / p90 / max: 2 / 2 / 2 of 1',
      'flow "a prediction": 2 files, 0 climbs to a room above',
      'test : source 4 : 8 = 0.50',
      'pairs of files, or a file with itself, that share 6 lines of code in a row: 0 (0 to the letter, 0 when renamed)',
    ],
  )
  assert.ok(lines.includes('  2 files: src/jobs/a.ts, src/jobs/b.ts'))
  assert.ok(lines.includes('  jobs       2 : 5 = 0.40'))
})

test('a flow is read from its row, and each file must be joined to one before it', (t) => {
  const cell =
    '`src/http/a.ts` → (parsed) `src/http/b.ts` (here) → `carry` → `src/jobs/c.ts` or `src/jobs/d.ts` → `src/http/e.ts`'
  const [flow] = flows(`## Flows\n\n| flow | files |\n|---|---|\n| one | ${cell} |\n`)
  assert.ok(flow !== undefined)
  assert.deepEqual(flow.steps, [
    { files: ['src/http/a.ts'] },
    { files: ['src/http/b.ts'] },
    { files: ['src/jobs/c.ts', 'src/jobs/d.ts'], port: 'carry' },
    { files: ['src/http/e.ts'] },
  ])
  assert.equal(climbs(flow), 1, 'http stands below jobs')
  const root = tree(t, {
    'src/http/a.ts': "import './b.ts'",
    'src/http/b.ts': 'deps.carry()',
    'src/jobs/c.ts': 'export const carry = 1',
    'src/jobs/d.ts': 'export const carried = 1',
  })
  assert.deepEqual(faultsOf(root, flow), [
    'one: src/jobs/d.ts has no port carry in common with a file before it',
    'one: src/http/e.ts does not exist',
  ])
})

test('a flow of more than ten files is too long', (t) => {
  const files = Array.from({ length: 11 }, (_, n) => `src/jobs/a${n}.ts`)
  const root = tree(t, Object.fromEntries(files.map((file, n) => [file, n === 0 ? '' : `import './a${n - 1}.ts'`])))
  const steps = files.map((file) => ({ files: [file] }))
  assert.deepEqual(faultsOf(root, { name: 'long', steps }), ['long: 11 files, more than 10'])
  assert.deepEqual(faultsOf(root, { name: 'long', steps: steps.slice(1) }), [])
})
