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
  ['other quotes', source("x = 'a'\n"), source('x = "a"\n')],
  ['quotes of three', source("x = 'a'\n"), source('x = """a"""\n')],
  ['quotes, and escapes of others', source("x = 'a\\n\\'b\\''\n"), source('x = "a\\n\'b\'"\n')],
  ['quotes of a formatted text', source("x = f'{a}b'\n"), source('x = F"{a}b"\n')],
  ['quotes of bytes', source("x = b'a'\n"), source('x = B"a"\n')],
  ['a raw text without a backslash', source("x = r'a'\n"), source('x = "a"\n')],
  [
    'quotes, with the whole project in the key',
    { ...step('import importlib'), ...source("x = 'a'\n") },
    source('x = "a"\n'),
  ],
  ['a comment with a quote in it', source('x = 1\n'), source("x = 1 # it's\n")],
]
const OTHER: readonly Case[] = [
  ['white space inside of a text', source('x = "a b"\n'), source('x = "a  b"\n')],
  ['a raw text with a backslash', source("x = r'\\n'\n"), source('x = "\\n"\n')],
  ['bytes in place of a text', source("x = 'a'\n"), source('x = b"a"\n')],
  ['a formatted text in place of another', source("x = '{a}'\n"), source('x = f"{a}"\n')],
  ['a template in place of a formatted text', source("x = f'{a}'\n"), source('x = t"{a}"\n')],
  ['an escaped backslash before a quote', source("x = 'a\\\\'\n"), source("x = 'a\\''\n")],
  ['a line that ends in a text', source("x = '''a\nb'''\n"), source("x = 'a\\nb'\n")],
  ['a text that looks like a comment', source('x = "# a"\n'), source('x = "# b"\n')],
  ['white space that an f-string shows', source('x = f"{a=}"\n'), source('x = f"{a =}"\n')],
  ['a line that leaves a block', source('if a:\n    x\n    y\n'), source('if a:\n    x\ny\n')],
  ['two statements that were one', source('x = (a\n-b)\n'), source('x = (a)\n-b\n')],
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

/** The module that the step imports, as numpy and pandas are used. */
const head = 'import os\nimport numpy as np\nimport pandas as pd\n'
const fit = 'def fit(a, b=1, *c, d, **e):\n    return a\n'
const hinted =
  'def fit(\n    a: "pd.DataFrame", b: int | None = 1, *c: np.ndarray, d: list[dict[str, float]], **e: object\n) -> tuple[float, ...]:\n    return a\n'
const described = (text: string): string => fit.replace('\n', `\n    """${text}"""\n`)
const DECORATED = 'import tool\n@tool.of\n'

const PLAIN_SAME: readonly Case[] = [
  ['hints of a function', source(head + fit), source(head + hinted)],
  [
    'hints that need an import',
    source(head + fit),
    source(`from __future__ import annotations\n${head}from typing import Any\n${fit.replace('a,', 'a: Any,')}`),
  ],
  [
    'hints of a method',
    source('class A:\n    def f(self, a): ...\n'),
    source('class A:\n    def f(self, a: int) -> None: ...\n'),
  ],
  ['the description of a module', source('"One."\nx = 1\n'), source('x = 1\n')],
  ['the description of a function', source(described('One.')), source(described('Two.'))],
  ['a description that is new', source(fit), source(described('Two.'))],
  ['the description of a class', source('class A:\n    "One."\n    x = 1\n'), source('class A:\n    x = 1\n')],
  [
    'imports in another order',
    source('import sys\nimport os\nfrom sklearn import svm, tree\nimport numpy as np\n'),
    source('import os\nimport sys\n\nimport numpy as np\nfrom sklearn import (\n    tree,\n    svm,\n)\n'),
  ],
  ['several modules on one line', source('import os, sys\n'), source('import sys\nimport os\n')],
]
const PLAIN_OTHER: readonly Case[] = [
  ['a default', source('def f(a: int = 1): ...\n'), source('def f(a: int = 2): ...\n')],
  [
    'the body of a lambda that looks like a hint',
    source('def f(a=lambda x, y: x): ...\n'),
    source('def f(a=lambda x, y: y): ...\n'),
  ],
  ['a hint that calls something', source('def f(a: g(1)): ...\n'), source('def f(a: g(2)): ...\n')],
  ['a hint of what is not there', source('def f(a): ...\n'), source('def f(a: Nothing): ...\n')],
  ['a hint of a field', source('class A:\n    x: int = 1\n'), source('class A:\n    x: float = 1\n')],
  ['a hint under a decorator', source(`${DECORATED}def f(a: int): ...\n`), source(`${DECORATED}def f(a: str): ...\n`)],
  [
    'a description under a decorator',
    source(`${DECORATED}${described('One.')}`),
    source(`${DECORATED}${described('Two.')}`),
  ],
  [
    'a description within a function under a decorator',
    source(`${DECORATED}def g():\n    def f():\n        "One."\n        return 1\n`),
    source(`${DECORATED}def g():\n    def f():\n        "Two."\n        return 1\n`),
  ],
  [
    'a hint of a method of a class with a base',
    source('class A(B):\n    def f(self, a: int): ...\n'),
    source('class A(B):\n    def f(self, a: str): ...\n'),
  ],
  ['the description of a class with a base', source('class A(B):\n    "One."\n'), source('class A(B):\n    "Two."\n')],
  ['a text that describes nothing', source('x = 1\n"One."\n'), source('x = 1\n"Two."\n')],
  [
    'a description, where the code reads it',
    source(`${described('One.')}print(fit.__doc__)\n`),
    source(`${described('Two.')}print(fit.__doc__)\n`),
  ],
  [
    'a description, where it is read by a text',
    source(`${described('One.')}getattr(fit, "__doc__")\n`),
    source(`${described('Two.')}getattr(fit, "__doc__")\n`),
  ],
  [
    'a description, where another module reads it',
    { ...step('from pkg import used\nprint(used.fit.__doc__)'), ...source(described('One.')) },
    source(described('Two.')),
  ],
  [
    'a description, for a library that is not known',
    source(`import typer\n${described('One.')}`),
    source(`import typer\n${described('Two.')}`),
  ],
  ['hints, for a library that reads them', source(`import torch\n${fit}`), source(`import torch\n${hinted}`)],
  [
    'a description, with the whole project in the key',
    { ...step('import importlib'), ...source(described('One.')) },
    source(described('Two.')),
  ],
  [
    'imports that give one name two meanings',
    source('import os as x\nimport sys as x\n'),
    source('import sys as x\nimport os as x\n'),
  ],
  ['imports of the project in another order', source('import tests\nimport os\n'), source('import os\nimport tests\n')],
  [
    'imports with code between them',
    source('import os\nx = 1\nimport sys\n'),
    source('import sys\nx = 1\nimport os\n'),
  ],
  ['another module under a name', source('import numpy as np\n'), source('import scipy as np\n')],
  [
    'a name of typing under the name of another',
    source('from typing import cast as f\n'),
    source('from typing import NamedTuple as f\n'),
  ],
  [
    'how the source is read',
    source('from __future__ import division\n'),
    source('from __future__ import annotations\n'),
  ],
]

describe('a step does not run again', () => {
  for (const one of [...SAME, ...PLAIN_SAME])
    test(one[0], async () => {
      const [before, after] = await keysOf(one)
      assert.equal(after, before)
    })
})

describe('a step runs again', () => {
  for (const one of [...OTHER, ...PLAIN_OTHER])
    test(one[0], async () => {
      const [before, after] = await keysOf(one)
      assert.notEqual(after, before)
    })
})

/**
 * Reads a list of sources; prints for each the dump of its tree, and of its tree without descriptions, hints of functions and the order
 * of neighbouring imports; null for one that Python refuses.
 */
const DUMPS = `
import ast, json, sys, warnings
warnings.simplefilter("ignore")
def single(node):
    if isinstance(node, ast.Import):
        return [("", 0, a.name, a.asname) for a in node.names]
    return [(node.module or "", node.level, a.name, a.asname) for a in node.names]
def is_hint(one):
    module, level, name, alias = one
    return alias is None and level == 0 and (
        module in ("typing", "collections.abc") or (module, name) in (("", "typing"), ("__future__", "annotations")))
class Plain(ast.NodeTransformer):
    def body(self, node):
        self.generic_visit(node)
        body, imports = [], []
        def flush():
            body.extend(ast.Constant(repr(one)) for one in sorted(set(imports), key=repr))
            imports.clear()
        for i, one in enumerate(node.body):
            if isinstance(one, (ast.Import, ast.ImportFrom)):
                imports.extend(each for each in single(one) if not is_hint(each))
                continue
            flush()
            describes = not isinstance(node, (ast.If, ast.For, ast.While, ast.With, ast.Try))
            text = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
            if not (i == 0 and describes and text):
                body.append(one)
        flush()
        node.body = body
        return node
    visit_Module = visit_ClassDef = visit_If = visit_For = visit_While = visit_With = visit_Try = body
    def visit_FunctionDef(self, node):
        node.returns = None
        return self.body(node)
    visit_AsyncFunctionDef = visit_FunctionDef
    def visit_arg(self, node):
        node.annotation = None
        return node
def dump(text):
    try:
        return [ast.dump(ast.parse(text)), ast.dump(Plain().visit(ast.parse(text)))]
    except (SyntaxError, ValueError):
        return [None, None]
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
  texts.push(
    [
      '"""A module."""\nfrom __future__ import annotations\nimport sys, os\nimport numpy as np\nfrom typing import Any, cast',
      'class A:\n    "A class."\n    def f(self, a: int = 1, *b: Any, c: "A" = None) -> np.ndarray:\n        "A method."\n        import re, json\n        return a',
      '@np.f\ndef g(a: int) -> str: "One line."\nasync def h(x: dict[str, int] | None): return lambda y: y',
      '',
    ].join('\n'),
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
  )[][]
  const byMeaning = new Map<string, string | null>()
  let [met, metPlain] = [0, 0]
  for (const [i, text] of all.entries()) {
    const { meaning, plain } = readSource(text)
    const [dump = null, plainDump = null] = dumps[i] ?? []
    if (meaning === undefined) {
      assert.ok(dump === null || !texts.includes(text), `cannot be read, and Python can: ${text}`)
      continue
    }
    const known = byMeaning.get(meaning)
    if (known !== undefined) met++
    assert.equal(dump, known ?? dump, text)
    byMeaning.set(meaning, dump)
    if (plain === undefined || plainDump === null) continue
    const knownPlain = byMeaning.get(plain.meaning)
    if (knownPlain !== undefined && known === undefined) metPlain++
    assert.equal(plainDump, knownPlain ?? plainDump, text)
    byMeaning.set(plain.meaning, plainDump)
  }
  assert.ok(met > 50, `only ${met} changes left the meaning as it was`)
  assert.ok(metPlain > 10, `only ${metPlain} more changes left what Python looks at as it was`)
})
