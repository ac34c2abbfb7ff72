/**
 * Edits to projects: which must run a step again, and which must not. Each case is a fact about Python and about what the
 * step's code does; a project that was ever given a stale result, or run for nothing, gets a line here.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keysOf, PLAIN, run, specOf, step, type Case, type Files } from './edits.fixture.ts'

const PLUGIN: Files = { 'plugins/one.py': 'V = 2\n' }
const LIB: Files = { 'lib/inlib.py': 'V = 2\n' }
const SCRIPT: Files = { 'scripts/inner.py': 'print(2)\n' }
const data = (path: string): Case => [path, { [path]: 'before' }, { [path]: 'after' }]

/** A step whose packages come from a file. */
const required = (more = '', entry = '"step:main"'): Files => ({
  'slipway.yaml': `project: p\npython: {requirements: requirements.txt}\npipeline: {steps: {a: {run: ${entry}, outputs: [o]${more}}}}\n`,
})
const REQUIRED: Files = { ...required(), 'requirements.txt': '' }

/** A step whose packages come from the file of a project of Python. */
const PROJECT: Files = {
  'slipway.yaml': PLAIN['slipway.yaml']?.replace('python: {packages: []}\n', '') ?? '',
  'pyproject.toml': '[project]\nname = "p"\n',
}

/** Files that are no Python: the code may read each of them. */
const DATA: readonly Case[] = [
  ...[
    'data/test/rows.csv',
    'data/tests/rows.csv',
    'prompts/system.md',
    'prompts/system.rst',
    'conf/docs/corpus.txt',
    '.data/x.csv',
    '.env',
    'conf/.hidden/y.yaml',
    'notebooks/model.ipynb',
    'LICENSE',
    'README.md',
    'docs/guide.txt',
    'venv/lookup.json',
    'cfg/slipway.yaml',
    'other.yaml',
    'weights.bin',
    'ü/ä.csv',
  ].map(data),
  ['requirements from which no package comes', ...data('requirements.txt').slice(1)] as unknown as Case,
  ['a file of tools from which no package comes', ...data('pyproject.toml').slice(1)] as unknown as Case,
  ['a lock from which no package comes', ...data('uv.lock').slice(1)] as unknown as Case,
  [
    'a section for a tool, beside packages of which one may read it',
    { ...PROJECT, ...step('import kedro') },
    { 'pyproject.toml': `${PROJECT['pyproject.toml']}[tool.kedro]\npackage_name = "p"\n` },
  ],
  [
    'requirements, where the code names them',
    { ...REQUIRED, ...step('open("requirements.txt")') },
    { 'requirements.txt': '# why\n' },
  ],
  [
    'requirements, where a param names them',
    { ...required(', params: {x: requirements.txt}'), 'requirements.txt': '' },
    { 'requirements.txt': '# why\n' },
  ],
  ['a new file of data', {}, { 'data/new.csv': '1' }],
  ['a file of data that is gone', { 'data/old.csv': '1' }, { 'data/old.csv': null }],
  ['a program that may be run at last', { 'tool.sh': 'echo' }, { 'tool.sh': '#!echo' }],
]

/** Code that imports reach. */
const IMPORTED: readonly Case[] = [
  ['the module itself', {}, step('V = 2')],
  ['a module that it imports', {}, { 'pkg/used.py': 'V = "2"\n' }],
  ['the package of one', {}, { 'pkg/__init__.py': 'import os\n' }],
  ['a module of a folder called tests', step('from tests.factory import V'), { 'tests/factory.py': 'V = 2\n' }],
  [
    'a module behind import *',
    step('from star import *', { 'star.py': 'from deep import S', 'deep.py': 'S = 1' }),
    { 'deep.py': 'S = 2' },
  ],
  ['a module below src', step('import core', { 'src/core.py': 'V = 1' }), { 'src/core.py': 'V = 2' }],
  ['an import inside a function', step('def f():\n    import plugins.one'), PLUGIN],
  ['an import on a line with others', step('x = 1; import plugins.one as p'), PLUGIN],
  ['an import in a condition on one line', step('if True: from plugins import one'), PLUGIN],
  ['an import over lines', step('from plugins import (  # why\n    one,\n)'), PLUGIN],
  ['an import with a line continued', step('from \\\n  plugins import one'), PLUGIN],
  ['a relative import', { 'pkg/used.py': 'from . import unused\n' }, { 'pkg/unused.py': 'V = "2"\n' }],
  [
    'a relative import of above',
    { 'pkg/used.py': 'from .deep import x\n', 'pkg/deep/__init__.py': 'from .. import unused\n' },
    { 'pkg/unused.py': '2' },
  ],
  ['a package that takes the place of a module', {}, { 'pkg/used/__init__.py': 'V = "2"\n' }],
  [
    'a module that takes the place of one below src',
    step('import core', { 'src/core.py': 'V = 1' }),
    { 'core.py': 'V = 2' },
  ],
  ['a module that takes the place of one of Python', step('import csv'), { 'csv.py': 'V = 2' }],
  ['a module that Python loads by itself', {}, { 'sitecustomize.py': 'import sys\n' }],
  ['names in other alphabets are the same names', step('import ｐlugins.one'), PLUGIN],
  ['an import after a text with a quote in it', step(`x = f"{'#'}" ; import plugins.one`), PLUGIN],
  [
    'an import after a text that seems to go on',
    step(`x = r'\\' ; import plugins.one`.replace(`r'\\'`, `r'\\\\'`)),
    PLUGIN,
  ],
]

/** Code that is found in another way than by an import that can be read: all files count. */
const UNFOLLOWED: readonly Case[] = [
  ['importlib', step('import importlib\nimportlib.import_module("plug" + "ins.one")'), PLUGIN],
  ['importlib by a name of its own', step('import importlib as il\nil.import_module(x)'), PLUGIN],
  ['import_module alone', step('from importlib import import_module\nimport_module(x)'), PLUGIN],
  ['import_module under another name', step('from importlib import import_module as load\nload(x)'), PLUGIN],
  ['importlib.util', step('from importlib.util import find_spec as look\nlook(x)'), PLUGIN],
  [
    'a part of importlib that is harmless, with one that is not',
    step('import importlib.metadata, importlib.util'),
    PLUGIN,
  ],
  ['__import__', step('p = __import__(x)'), PLUGIN],
  ['__import__ kept for later', step('load = __import__'), PLUGIN],
  ['__import__ inside of a formatted text', step('p = f"{__import__(x).V}"'), PLUGIN],
  ['__import__ by its name as a text', step('globals()["__builtins__"]["__import__"](x)'), PLUGIN],
  ['__import__ in a format of a formatted text', step('p = f"{1:{__import__(x).V}}"'), PLUGIN],
  ['builtins', step('import builtins\ngetattr(builtins, y)(x)'), PLUGIN],
  ['exec', step('exec(x)'), PLUGIN],
  ['eval handed on', step('list(map(eval, xs))'), PLUGIN],
  ['exec in letters of another alphabet', step('𝐞𝐱𝐞𝐜(x)'), PLUGIN],
  ['pydoc.locate', step('from pydoc import locate\nlocate(x)'), PLUGIN],
  ['pkgutil', step('import pkgutil\nlist(pkgutil.iter_modules(["plugins"]))'), PLUGIN],
  ['entry points', step('from importlib.metadata import entry_points\nentry_points()'), PLUGIN],
  ['entry points by the module', step('import importlib.metadata as m\nm.entry_points()'), PLUGIN],
  ['runpy', step('import runpy\nrunpy.run_module(x)'), PLUGIN],
  ['folders of modules in a variable', run('"step:main"', ', env: {PYTHONPATH: lib}'), LIB],
  ['sys.path', step('import sys\nsys.path.insert(0, x)\nimport inlib'), LIB],
  ['sys.path over two lines', step('import sys\n(sys\n  .path.append(x))'), LIB],
  ['sys by another name', step('import sys as s\ns.path.append(x)'), LIB],
  ['path out of sys', step('from sys import path\npath.append(x)'), LIB],
  ['sys handed on', step('import sys\ngetattr(sys, "pa" + "th").append(x)'), LIB],
  ['the paths of a package', { 'pkg/__init__.py': '__path__.append("lib")\n' }, LIB],
  ['site', step('import site\nsite.addsitedir("lib")'), LIB],
  ['all names of a package', step('from plugins import *', { 'plugins/__init__.py': '__all__ = ["one"]\n' }), PLUGIN],
  [
    'subprocess on a script',
    step('import subprocess, sys\nsubprocess.run([sys.executable, x])', { 'scripts/inner.py': '1' }),
    SCRIPT,
  ],
  ['os.system', step('import os\nos.system(x)', { 'scripts/inner.py': '1' }), SCRIPT],
  [
    'a function of os under another name',
    step('from os import execv as go\ngo(x, y)', { 'scripts/inner.py': '1' }),
    SCRIPT,
  ],
  [
    'asyncio',
    step('import asyncio as aio\nawait_(aio.create_subprocess_exec(x))', { 'scripts/inner.py': '1' }),
    SCRIPT,
  ],
  ['what is unpickled', step('import pickle\npickle.load(x)'), PLUGIN],
  ['what joblib unpickles', step('from joblib import load\nload(x)'), PLUGIN],
  [
    'a text that names a file of Python',
    step('text = open("scripts/" "inner.py").read()', { 'scripts/inner.py': '1' }),
    SCRIPT,
  ],
  ['in a module that is imported', { 'pkg/used.py': 'from importlib import import_module\n' }, PLUGIN],
  ['a module that is no source', step('import fast', { 'fast.cpython-312-x86_64-linux-gnu.so': '' }), PLUGIN],
  ['os that another module hands on', step('from pkg import used\nused.os.system(x)'), PLUGIN],
  ['sys out of another module', step('from pkg.used import sys\nsys.path.append(x)'), PLUGIN],
  ['sys behind import *', step('from pkg.used import *\nsys.path.append(x)'), PLUGIN],
  ['a text after a formatted text', step('open(f"{x}" "inner.py")'), PLUGIN],
  ['a source in another encoding', step('# coding: koi8-r\nx = 1'), PLUGIN],
  ['a source that is no UTF-8', step('# \xff\nx = 1'), PLUGIN],
  ['a source that cannot be read', step('x = "'), PLUGIN],
  ['a source that is too long to be read', step(`x = "${'x'.repeat(1024 * 1024)}"`), PLUGIN],
  ['a command', run('[python, -m, step]'), PLUGIN],
  [
    'requirements, for a command',
    { ...required('', '[python, step.py]'), 'requirements.txt': '' },
    { 'requirements.txt': '# why\n' },
  ],
  [
    'a command of a folder called tests',
    { ...run('[python, tests/run_it.py]'), 'tests/run_it.py': '1' },
    { 'tests/run_it.py': '2' },
  ],
  [
    'a param that names a file of Python',
    { ...run('"step:main"', ', params: {config: {path: conf/x.py}}'), 'conf/x.py': '1' },
    { 'conf/x.py': '2' },
  ],
]

/** Modules that are named by a text, where the code that loads them is in a package. */
const NAMED: readonly Case[] = [
  ['a module as a text', step('run("plugins.one")'), PLUGIN],
  ['a class of a module as a text', step('run("plugins.one.Model")'), PLUGIN],
  ['an application as a text', step('serve("plugins.one:app")'), PLUGIN],
  ['a module of one word', step('run("lone")', { 'lone.py': '1' }), { 'lone.py': '2' }],
  ['a param', run('"step:main"', ', params: {model: {_target_: plugins.one.Model}}'), PLUGIN],
  ['a variable', run('"step:main"', ', env: {SETTINGS: plugins.one}'), PLUGIN],
  [
    'the project file, where the code names it',
    step('open("slipway.yaml")'),
    { 'slipway.yaml': `${PLAIN['slipway.yaml']}# 2\n` },
  ],
  [
    'the project file, where a script names it',
    { ...run('[sh, a.sh]'), 'a.sh': 'cat slipway.yaml' },
    { 'slipway.yaml': `${run('[sh, a.sh]')['slipway.yaml']}# 2\n` },
  ],
]

/** The step with these settings. */
const given = (text: string): Files => run('"step:main"', `, ${text}`)

/** Numbers and words as they are written: Python sees another value, or another kind. */
const WRITTEN: readonly Case[] = [
  ['a float in place of an int', given('params: {x: 1}'), given('params: {x: 1.0}')],
  ['the last digit of a large number', given('params: {x: 9007199254740992}'), given('params: {x: 9007199254740993}')],
  ['the same far inside', given('params: {x: [{y: 9007199254740992}]}'), given('params: {x: [{y: 9007199254740993}]}')],
  ['a text in place of a number', given('params: {x: 1}'), given('params: {x: "1"}')],
  ['a text in place of a float', given('params: {x: 1.0}'), given('params: {x: "1.0"}')],
  ['a word in place of what it means elsewhere', given('params: {x: true}'), given('params: {x: yes}')],
  ['a zero with a sign', given('params: {x: 0.0}'), given('params: {x: -0.0}')],
  ['nothing in place of zero', given('params: {x: 0}'), given('params: {x: null}')],
  ['another spelling of a variable', given('env: {V: 1.1}'), given('env: {V: 1.10}')],
  ['the last digit of a variable', given('env: {V: 9007199254740992}'), given('env: {V: 9007199254740993}')],
  ['another spelling of an argument', run('[python, step.py, 1.1]'), run('[python, step.py, 1.10]')],
]

/** What must not run a step. */
const UNCHANGED: readonly Case[] = [
  ['another spelling of a float', given('params: {x: 1.0}'), given('params: {x: 1.00}')],
  ['a float with an exponent', given('params: {x: 1000.0}'), given('params: {x: 1e3}')],
  ['a number in hexadecimal', given('params: {x: 31}'), given('params: {x: 0x1F}')],
  ['quotes around a text', given('params: {x: late}'), given('params: {x: "late"}')],
  [
    'strict reads',
    PLAIN,
    { 'slipway.yaml': PLAIN['slipway.yaml']?.replace('pipeline:', 'pipeline:\n  reads: strict') ?? '' },
  ],
  ['a comment in the requirements', REQUIRED, { 'requirements.txt': '# why\n' }],
  [
    'a section for a tool, beside the packages',
    PROJECT,
    { 'pyproject.toml': `${PROJECT['pyproject.toml']}[tool.ruff]\nline-length = 100\n` },
  ],
  ['a module that nothing imports', {}, { 'pkg/unused.py': 'V = "2"\n' }],
  ['a new module that nothing imports', {}, { 'pkg/new.py': 'V = 2\n', 'tests/test_new.py': '' }],
  ['a module that only a comment imports', step('# import plugins.one'), PLUGIN],
  ['a module that only a text imports', step('"""\nimport lib.inlib\n"""'.replace('lib.', '')), LIB],
  [
    'a script that the description of the module names',
    step('"""Run by scripts/inner.py."""', { 'scripts/inner.py': '1' }),
    SCRIPT,
  ],
  [
    'methods called eval and exec',
    step('model.eval(); cursor.exec(x); f(eval=1)\nclass M:\n    def eval(self): ...'),
    PLUGIN,
  ],
  [
    'versions of packages, and files of packages',
    step('from importlib.metadata import version\nimport importlib.resources'),
    PLUGIN,
  ],
  [
    'parts of os and sys that are harmless',
    step('import os, sys\nos.path.join(x)\nsys.argv, sys.modules[y], os.environ'),
    PLUGIN,
  ],
  ['what is pickled', step('import pickle\npickle.dump(x, y)'), PLUGIN],
  ['what another object calls path', step('import sys\nsys.stdout.path, x.path, path(y)'), PLUGIN],
  ['the project file', {}, { 'slipway.yaml': `# why\n${PLAIN['slipway.yaml']}` }],
  [
    'folders of tools',
    {},
    {
      '.git/HEAD': 'x',
      'pkg/__pycache__/used.pyc': 'x',
      '.venv/x.py': 'x',
      'web/node_modules/m/i.js': 'x',
      '.slipway/token': 'x',
      '.mypy_cache/x': 'x',
    },
  ],
  ['what is left out', { '.slipwayignore': '*.log\n/notes/\n' }, { 'deep/a.log': 'x', 'notes/n.md': 'x' }],
  ['rules that leave out nothing', {}, { '.slipwayignore': '# nothing\nnowhere/\n' }],
  ['the source of a command that is left out', { ...run('[python, step.py]'), '.slipwayignore': 'plugins' }, PLUGIN],
]

for (const [group, cases] of Object.entries({ DATA, IMPORTED, UNFOLLOWED, NAMED, WRITTEN })) {
  describe(`a step runs again: ${group.toLowerCase()}`, () => {
    for (const one of cases)
      test(one[0], async () => {
        const [before, after] = await keysOf(one)
        assert.notEqual(after, before)
      })
  })
}

describe('a step does not run again', () => {
  for (const one of UNCHANGED)
    test(one[0], async () => {
      const [before, after] = await keysOf(one)
      assert.equal(after, before)
    })
})

describe('where all files count, it is said', () => {
  for (const [what, project] of UNFOLLOWED)
    test(what, async () => {
      const [warning, ...more] = (await specOf({ ...PLAIN, ...project })).steps[0]?.code.warnings ?? []
      assert.match(warning ?? '', /: every file of the project is part of the key$/)
      for (const other of more) assert.notEqual(other, warning)
    })
  test('and not where they do not', async () => {
    for (const [what, project] of [...DATA, ...IMPORTED, ...NAMED.slice(0, -1), ...UNCHANGED.slice(0, -1)])
      assert.deepEqual((await specOf({ ...PLAIN, ...project })).steps[0]?.code.warnings, [], what)
  })
})

test('files that are left out do not reach the step, those of another project file do', async () => {
  const files: Files = { ...PLAIN, '.slipwayignore': '/pkg/unused.py\n*.yaml\n', 'a.log': '1', '.git/HEAD': 'x' }
  const spec = await specOf(files)
  assert.ok(spec.left_out?.includes('/pkg/unused.py') && spec.left_out.includes('.git'))
  const same = await specOf({ ...files, 'pkg/unused.py': '2', 'x/other.yaml': 'x', '.git/HEAD': 'y' })
  assert.equal(same.tree, spec.tree)
  assert.notEqual((await specOf({ ...files, 'a.log': '2' })).tree, spec.tree)
})
