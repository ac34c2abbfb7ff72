/** What of a source counts in a key: comments and white space do not, all else does; Python's own parser is the judge of mutants. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { prng } from '../../../stats/prng.ts'
import { keysOf, run, step, type Case, type Files } from '../edits.fixture.ts'
import { readSource } from './source.ts'

const source = (text: string): Files => ({ 'pkg/used.py': text })
const COMMENTS = source('def f(a, b):\n    # why\n\n    return  [a ,b] + [\n  1]   # end\n\n')
const BARE = source('def f(a,b):\n  return [a, b] + [1]\n')

const SAME: readonly Case[] = [
  ['comments, blank lines and space within a line', BARE, COMMENTS],
  ['a comment, with the whole project in the key', { ...step('import importlib'), ...BARE }, COMMENTS],
  [
    'a comment, where a text names another source',
    { ...step('from pkg import used\nopen("pkg/other.py")'), ...BARE },
    COMMENTS,
  ],
  ['a comment, for a command of Python', { ...run('[python3, -m, step]'), ...BARE }, COMMENTS],
  ['ends of lines as Windows has them', source('x = 1\ny = 2\n'), source('x = 1\r\ny = 2\r\n')],
  ['no end of the last line', source('x = 1\n'), source('x = 1')],
  ['a line that is continued', source('x = 1 + 2\n'), source('x = 1 + \\\n  2\n')],
  ['a comment with a quote in it', source('x = 1\n'), source("x = 1 # it's\n")],
]
const OTHER: readonly Case[] = [
  ['white space inside of a text', source('x = "a b"\n'), source('x = "a  b"\n')],
  ['a text that looks like a comment', source('x = "# a"\n'), source('x = "# b"\n')],
  ['white space that an f-string shows', source('x = f"{a=}"\n'), source('x = f"{a =}"\n')],
  ['a line that leaves a block', source('if a:\n    x\n    y\n'), source('if a:\n    x\ny\n')],
  ['two statements that were one', source('x = (a\n-b)\n'), source('x = (a)\n-b\n')],
  ['a description, which code may read', source('"One."\n'), source('"Two."\n')],
  ['two words that were one', source('x = not_a\n'), source('x = not a\n')],
  ['a type in a comment, as TorchScript reads it', source('x = 1  # type: int\n'), source('x = 1  # type: float\n')],
  ['what starts a script', source('#!/bin/python -O\nx = 1\n'), source('#!/bin/python\nx = 1\n')],
  [
    'a comment, where the code reads sources',
    { ...step('from pkg import used\nimport inspect\ninspect.getsource(f)'), ...BARE },
    COMMENTS,
  ],
  ['a comment, where the code reads itself', { ...step('from pkg import used\nopen(__file__)'), ...BARE }, COMMENTS],
  [
    'a comment, where it reads itself by a path',
    { ...step('from pkg import used\nPath(__file__).read_text()'), ...BARE },
    COMMENTS,
  ],
  ['a comment, where a text names a source', { ...step('open("pkg/used.py")'), ...BARE }, COMMENTS],
  ['a comment, where a name of a source is made up', { ...step('open(f"pkg/{x}.py")'), ...BARE }, COMMENTS],
  ['a comment, where it is made up in another way', { ...step('open("pkg/%s.py" % x)'), ...BARE }, COMMENTS],
  ['a comment, for a command that is not Python', { ...run('[wc, -l]'), ...BARE }, COMMENTS],
  ['a comment in a source that cannot be read', source('x = $\n'), source('x = $ # why\n')],
]

describe('a step does not run again', () => {
  for (const one of SAME)
    test(one[0], async () => {
      const [before, after] = await keysOf(one)
      assert.equal(after, before)
    })
})

describe('a step runs again', () => {
  for (const one of OTHER)
    test(one[0], async () => {
      const [before, after] = await keysOf(one)
      assert.notEqual(after, before)
    })
})

/** Reads a list of sources; prints the dump of each tree, null for one that Python refuses. */
const DUMPS = `
import ast, json, sys, warnings
warnings.simplefilter("ignore")
def dump(text):
    try:
        return ast.dump(ast.parse(text))
    except (SyntaxError, ValueError):
        return None
print(json.dumps([dump(text) for text in json.load(sys.stdin)]))
`
const PIECES = [
  ' ',
  '  ',
  '\n',
  '\t',
  '#',
  '"',
  "'",
  '\\',
  '(',
  ')',
  '=',
  ':',
  '.',
  ',',
  '0',
  'e',
  'f',
  'r',
  '{',
  '}',
  '\n    ',
  '# x\n',
  '!',
  '<',
]

test('sources with one meaning have one tree, however their text was changed', () => {
  const random = prng(11)
  const texts = ['step/call.py', 'step/log.py', 'record.py'].map((file) =>
    readFileSync(join(import.meta.dirname, '../../../../python/slipway', file), 'utf8')
      .slice(0, 3000)
      .replace(/[^\n]*$/, ''),
  )
  texts.push(
    'x = f"a{b!r:>{w}}c" f\'{d["k"]}\'\nif x: y = 1e5 if 0x1f else .5j\nz = r"\\" if x else b"\\""\n'.replace(
      'r"\\"',
      'r"\\\\"',
    ),
  )
  const mutants = texts.flatMap((text) =>
    Array.from({ length: 250 }, () => {
      const [from, length] = [random.below(text.length), random.below(3)]
      return text.slice(0, from) + (PIECES[random.below(PIECES.length)] ?? '') + text.slice(from + length)
    }),
  )
  const all = [...texts, ...mutants]
  const input = JSON.stringify(all)
  const dumps = JSON.parse(execFileSync('python3', ['-c', DUMPS], { input, maxBuffer: 2 ** 28 }).toString()) as (
    | string
    | null
  )[]
  const byMeaning = new Map<string, string | null>()
  let met = 0
  for (const [i, text] of all.entries()) {
    const { meaning } = readSource(text)
    const dump = dumps[i] ?? null
    if (meaning === undefined) {
      assert.ok(dump === null || !texts.includes(text), `cannot be read, and Python can: ${text}`)
      continue
    }
    const known = byMeaning.get(meaning)
    if (known !== undefined) {
      met++
      assert.equal(dump, known, text)
    }
    byMeaning.set(meaning, dump)
  }
  assert.ok(met > 50, `only ${met} changes left the meaning as it was`)
})
