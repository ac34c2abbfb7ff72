/** Tests of the finder of what stands twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duplicates } from './duplicates.ts'

const SEVEN = [
  'const total = rows.length + extra',
  "if (total > limit) throw refused('too many rows')",
  'for (const row of rows) {',
  '  await write(row.id, row.value, clock())',
  '  count += weigh(row)',
  '  seen.add(row.id)',
  'return { count, total, seen }',
]

const found = (...texts: string[]): string[] =>
  duplicates(texts.map((text, index) => ({ file: `${'abcdefghijk'[index]}.ts`, text }))).map(
    ({ a, b, lines, runs, renamed }) =>
      `${a.file}:${a.from}-${a.to} ${b.file}:${b.from}-${b.to} ${lines} ${runs}${renamed ? ' renamed' : ''}`,
  )

test('a run of six lines that stands in two files is a pair, with its whole length', () => {
  const text = SEVEN.join('\n')
  assert.deepEqual(found(text, `let x = 1\nlet y = 2\n${text}\nx = y`), ['a.ts:1-7 b.ts:3-9 7 1'])
  assert.deepEqual(found(SEVEN.slice(0, 5).join('\n'), text), [])
})

test('blank lines, comments, lone punctuation, imports and white space do not tell two runs apart', () => {
  const spread = [
    "import {\n  SEVEN,\n} from './a.ts'",
    ...SEVEN.slice(0, 3),
    '',
    '  /** Each',
    '   * row. */',
    '  // or so',
    ...SEVEN.slice(3, 6).map((line) => `      ${line}`),
    '}',
    SEVEN[6],
  ].join('\n')
  assert.deepEqual(found(SEVEN.join('\n'), spread), ['a.ts:1-7 b.ts:4-15 7 1'])
  const imports = Array.from({ length: 8 }, (_, n) => `import { a${n} } from './a${n}.ts'`).join('\n')
  assert.deepEqual(found(imports, imports), [])
})

test('a run whose names, strings and numbers are replaced one for one is a renamed pair', () => {
  const text = SEVEN.join('\n')
  const renamed = text.replaceAll(/\brow/g, 'item').replaceAll('total', 'sum').replace('too many', 'no more')
  assert.deepEqual(found(text, renamed), ['a.ts:1-7 b.ts:1-7 7 1 renamed'])
  const mixed = renamed.replace('sum > limit', 'limit > sum')
  assert.deepEqual(found(text, mixed), [], 'the order of names is another')
})

test('a renamed list of fields is too thin to count', () => {
  const fields = (names: string): string =>
    names
      .split('')
      .map((name) => `${name},`)
      .join('\n')
  assert.deepEqual(found(fields('abcdefg'), fields('hijklmn')), [])
})

test('two places of one file are a pair, a run that overlaps itself is none', () => {
  const text = SEVEN.join('\n')
  assert.deepEqual(found(`${text}\nlet between = 1\n${text}`), ['a.ts:1-7 a.ts:9-15 7 1'])
  assert.deepEqual(found(Array.from({ length: 9 }, () => 'a(b, c, d, e, f, g, h, i, j)').join('\n')), [])
})

test('a run that stands in more than eight places is left out', () => {
  const text = SEVEN.slice(0, 6).join('\n')
  assert.equal(found(...Array.from({ length: 8 }, () => text)).length, 28)
  assert.deepEqual(found(...Array.from({ length: 9 }, () => text)), [])
})

test('two runs of the same files are one pair, and the exact one is told', () => {
  const other = ['a(b)', 'c(d)', 'e(f)', 'g(h)', 'i(j)', 'k(l)'].join('\n')
  const text = SEVEN.join('\n')
  assert.deepEqual(found(`${text}\nlet x\n${other}`, `${other}\nlet y = 2\n${text}`), ['a.ts:1-7 b.ts:8-14 7 2'])
})

test('a run of Python is compared without its comments and docstrings', () => {
  const body = ['total = 1', 'for x in rows:', '    total += x', '    note(x)', 'print(total)', 'done()']
  const [one, two] = [body.join('\n'), `"""A\n   text."""\nfrom a import (\n  b,\n)\n# c\n${body.join('\n\n')}`]
  const pairs = duplicates([
    { file: 'a.py', text: one },
    { file: 'b.py', text: two },
  ])
  assert.deepEqual(
    pairs.map(({ b }) => b),
    [{ file: 'b.py', from: 7, to: 17 }],
  )
})
