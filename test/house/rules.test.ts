/** Tests of the rules of the house on small trees that break them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { tree } from './fixture-tree.ts'
import { importsOf, pythonImportsOf } from './imports.ts'
import { breaches, compare, RULES } from './rules.ts'
import { wordTests } from './sentences.ts'
import { tableUses } from './tables.ts'

/** What breaks the rule of that name in a tree of these files, beside an empty app.ts. */
function broken(t: TestContext, name: string, files: Readonly<Record<string, string>>): string[] {
  const root = tree(t, { 'src/app.ts': '', 'web/x.ts': '', 'bench/x.ts': '', 'test/x.ts': '', ...files })
  return breaches(
    root,
    RULES.filter((rule) => rule.name === name),
  )
}

test('an import is found in each form, and whether it is by value', () => {
  const text = `import type { A } from './a.ts'\nimport './b.ts'\nimport {\n  C,\n} from "../c.ts"\nawait import('./d.ts')
    new Worker(new URL('./e.ts', import.meta.url))\nexport { F } from './f.ts'\nexport type { G } from './g.ts'
    await import(\`./k.ts\`)
    import x from 'node:fs'\nimport type { J, K } from './j.ts'\nimport h, { i } from './h.ts'`
  assert.deepEqual(
    importsOf(text).map(({ target, value }) => `${target}${value ? '' : ' type'}`),
    [
      './a.ts type',
      './b.ts',
      '../c.ts',
      './d.ts',
      './e.ts',
      './f.ts',
      './g.ts type',
      './k.ts',
      './j.ts type',
      './h.ts',
    ],
  )
})

test('an import of Python is by value at the top level only', () => {
  const text = `import slipway.step\nfrom slipway.lower import (\n    a,  # one\n    b,\n)\nimport os
def f():\n    from slipway.late import c\n`
  const found = pythonImportsOf(text, 'slipway').map(({ target, value }) => `${target}${value ? '' : ' late'}`)
  assert.deepEqual(found, [
    'slipway.step',
    'slipway.lower',
    'slipway.lower.a',
    'slipway.lower.b',
    'slipway.late late',
    'slipway.late.c late',
  ])
})

test('a table is found in each form of SQL, and prose about it is not', () => {
  const known = new Set(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'])
  const of = (text: string): string[] =>
    tableUses(text, known).map(({ table, writes }) => `${writes ? 'writes' : 'reads'} ${table}`)
  const written = `INSERT OR REPLACE INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1; UPDATE b SET x = 1;
    DELETE FROM c; SELECT 1 FOR UPDATE`
  assert.deepEqual(of(`${written} db.builder.insertInto('e') .updateTable('f')`), [
    'writes a',
    'writes b',
    'writes c',
    'writes e',
    'writes f',
  ])
  assert.deepEqual(of('INSERT INTO "a" VALUES (1); UPDATE \\"b\\" SET x = 1'), ['writes a', 'writes b'])
  const made = "insertRow(t, 'a', {}); insertion('b', {}); updateRows(t, 'c', {}, x); deleteRows(t, 'd')"
  assert.deepEqual(of(made), ['writes a', 'writes b', 'writes c', 'writes d'])
  assert.deepEqual(of("for (const table of ['i']) await deleteRows(t, table, where)"), ['reads i'])
  assert.deepEqual(of("record(t, { resource: 'i' }); await deleteRows(t, table, where)"), [])
  const read = `SELECT (SELECT 1 FROM a WHERE x IN (SELECT y FROM b)) FROM c AS n, d m JOIN e ON 1 LEFT JOIN f USING (x)`
  assert.deepEqual(of(`${read}, (SELECT 1 FROM "i" q, "j") .selectFrom('g as x').innerJoin("h")`), [
    'reads a',
    'reads b',
    'reads c',
    'reads d',
    'reads e',
    'reads f',
    'reads i',
    'reads j',
    'reads g',
    'reads h',
  ])
  assert.deepEqual(of("const TABLES = ['i', 'j']\nsql(`SELECT 1 FROM ${table}`)"), ['reads i', 'reads j'])
  assert.deepEqual(of("const words = ['i']\n// read FROM a\n/** JOIN b */\n * FROM c\nsql(`SELECT 1 FROM other`)"), [])
})

test('a room may not read or write a table of another', (t) => {
  const files = {
    'src/store/migrations/0001_x.sql': '-- room: alpha\nCREATE TABLE mine (x);',
    'src/alpha/own.ts': 'sql`SELECT x FROM mine`; sql`DELETE FROM mine`',
    'src/beta/other.ts': 'sql`SELECT x FROM mine`',
    'src/gamma/other.ts': 'sql`UPDATE mine SET x = 1`',
    'src/gamma/other.test.ts': 'sql`SELECT x FROM mine`',
  }
  assert.deepEqual(broken(t, 'reads', files), ['src/beta/other.ts | reads | mine of alpha'])
  assert.deepEqual(broken(t, 'writes', files), ['src/gamma/other.ts | writes | mine of alpha'])
})

test('a room imports upwards only', (t) => {
  const files = { 'src/store/db.ts': "import '../auth/tokens.ts'", 'src/auth/tokens.ts': "import '../store/db.ts'" }
  assert.deepEqual(broken(t, 'order', files), ['src/store/db.ts | order | src/auth/tokens.ts'])
})

test('routes.ts is for its room.ts, and room.ts for app.ts and its own room', (t) => {
  const files = {
    'src/app.ts': "import './auth/room.ts'\nimport './auth/routes.ts'",
    'src/auth/room.ts': "import './routes.ts'\nimport './deep/routes.ts'\nimport '../cost/routes.ts'",
    'src/auth/routes.ts': "import type { X } from './room.ts'",
    'src/auth/deep/routes.ts': '',
    'src/cost/room.ts': "import type { X } from '../auth/room.ts'",
    'src/cost/routes.ts': '',
  }
  assert.deepEqual(broken(t, 'routes', files), [
    'src/app.ts | routes | src/auth/routes.ts',
    'src/auth/room.ts | routes | src/cost/routes.ts',
  ])
  assert.deepEqual(broken(t, 'seam', files), ['src/cost/room.ts | seam | src/auth/room.ts'])
})

test('app.ts is short and imports each room once', (t) => {
  const files = {
    'src/app.ts': `import './auth/a.ts'\nimport type { B } from './auth/b.ts'\nimport './cost/a.ts'${'\n'.repeat(297)}`,
    'src/auth/a.ts': '',
    'src/auth/b.ts': '',
    'src/cost/a.ts': '',
  }
  assert.deepEqual(broken(t, 'app', files), ['src/app.ts | app | auth from more than one file'])
  const long = { ...files, 'src/app.ts': '\n'.repeat(300) }
  assert.deepEqual(broken(t, 'app', long), ['src/app.ts | app | 300 lines or more'])
})

test('a folder holds 25 source files; tests, fixtures and migrations do not count', (t) => {
  const numbered = (count: number, path: (n: number) => string): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [path(n), '']))
  const full = {
    ...numbered(25, (n) => `src/jobs/a${n}.ts`),
    ...numbered(5, (n) => `src/jobs/a${n}.test.ts`),
    ...numbered(5, (n) => `src/jobs/a${n}.cases.ts`),
    ...numbered(30, (n) => `src/jobs/000${n}.sql`),
  }
  assert.deepEqual(broken(t, 'flat', full), [])
  assert.deepEqual(broken(t, 'flat', { ...full, 'src/jobs/b.ts': '' }), ['src/jobs | flat | more than 25 files'])
})

test('a circle is found by value, by type and through the late imports of Python; folders that import each other too', (t) => {
  const files = {
    'src/jobs/a.ts': "import type { B } from './deep/b.ts'",
    'src/jobs/deep/b.ts': "import { C } from './c.ts'",
    'src/jobs/deep/c.ts': "import '../a.ts'",
    'src/jobs/d.ts': "import './a.ts'",
    'python/slipway/__init__.py': '',
    'python/slipway/e.py': 'from slipway.f import x\n',
    'python/slipway/f.py': 'def f():\n    from slipway import e\n',
  }
  assert.deepEqual(broken(t, 'circle', files), [
    'python/slipway/e.py | circle | in a circle',
    'python/slipway/f.py | circle | in a circle',
    'src/jobs/a.ts | circle | in a circle',
    'src/jobs/deep/b.ts | circle | in a circle',
    'src/jobs/deep/c.ts | circle | in a circle',
  ])
  assert.deepEqual(broken(t, 'folders', files), ['src/jobs | folders | src/jobs/deep'])
})

test('a test of the words of a sentence is found, one of a kind, of an id or of a foreign error is not', () => {
  const found = [
    "if (one.title.startsWith('unit changed')) {}",
    'if (end.message?.includes("left no")) {}',
    'if (/^9 %/.test(one.reason)) {}',
    'if (gate.gate.startsWith(PREFIX)) {}',
    "if (one.title === 'unit changed') {}",
    "const { title } = one; if (title.startsWith('unit')) {}",
    "if (one.title.split(' ')[0] === 'unit') {}",
  ]
  const passed = [
    "if (one.kind === 'unit_change') {}",
    "if (name.startsWith('slw_')) {}",
    "if (one.title === '' || first === title.split('. ')[0]) {}",
    "if (error.message.includes('BigInt')) {}",
    'if (rows.includes(row)) {}',
    "// one.title.startsWith('x')",
  ]
  assert.deepEqual(
    found.flatMap((line) => wordTests('src/jobs/a.ts', line)),
    [
      "one.title.startsWith('unit changed')",
      'end.message?.includes("left no")',
      '/^9 %/.test(one.reason)',
      'gate.gate.startsWith(PREFIX)',
      "one.title === 'unit changed'",
      "title.startsWith('unit')",
      "one.title.split(' ')[0] ===",
    ],
  )
  assert.deepEqual(
    passed.flatMap((line) => wordTests('src/jobs/a.ts', line)),
    [],
  )
  const text = "if (one.text.endsWith('.')) {}"
  assert.deepEqual(wordTests('src/monitoring/a.ts', text), ["one.text.endsWith('.')"])
  assert.deepEqual(wordTests('src/jobs/a.ts', text), [])
})

test('a name that says nothing is found in each spelling', (t) => {
  const names = ['things.ts', 'runs-many.ts', 'given.test.ts', 'utils', 'export_given.py', 'index.tsx']
  const good = ['runs.ts', 'germany.ts', 'reconnect.ts', 'kept-core.ts', 'manyfold.ts']
  const files = Object.fromEntries(
    [...names, ...good].map((name) => [`src/jobs/${name}${/\./.test(name) ? '' : '/a.ts'}`, '']),
  )
  assert.deepEqual(broken(t, 'vague', files), names.map((name) => `src/jobs/${name} | vague | ${name}`).sort())
})

test('the list of exceptions and the tree are compared both ways', () => {
  assert.deepEqual(compare(['a', 'b'], ['b', 'c']), { added: ['a'], gone: ['c'] })
})
