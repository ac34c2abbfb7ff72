/** What cannot be packaged is refused with its cell, the reason and what to do, and then nothing is written. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, describe, it } from 'node:test'
import { testEnv } from '../python-env.ts'
import { FIXTURES, IMPORTS, LOAD, PACKAGES, cell, notebookBench, putTable, v4, writeNotebook } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)

/** A notebook of these cells, written for a test. */
function notebook(name: string, whole: unknown): string {
  const path = join(bench.folder, name)
  writeFileSync(path, typeof whole === 'string' ? whole : JSON.stringify(whole))
  return path
}

const FIXED: readonly (readonly [fixture: string, said: RegExp])[] = [
  [
    'd01_unexplained',
    /D1: cell 1: no installed distribution explains "import cv2" .*opencv-python, opencv-python-headless/,
  ],
  [
    'd02_two_meanings',
    /D2: .*as they stand 1 2 3 4 5 6 7; as they were run 1 2 4 3 5 6 7; .*--order document or --order executed/,
  ],
  [
    'd03_deleted_cell',
    /D3: cell 2: "shortest" is used and no cell defines it \(the kernel's runs 2, 3 .*put the cell .*above cell 2/,
  ],
  ['d09_shell', /D9: cell 2, line 1: "%%bash" may change what is computed/],
  ['two_models', /model: .*"model" \(cell 4\), "other" \(cell 5\); .*--model NAME/],
  ['plots_only', /model: the notebook makes plots and fits no model/],
  ['asks', /input: cell 3, line 1: input\(\) waits for a person/],
]

type Refused = readonly [what: string, name: string, whole: unknown, said: RegExp]

const MADE: readonly Refused[] = [
  [
    'a notebook of version 3',
    'old.ipynb',
    { nbformat: 3, metadata: {}, worksheets: [] },
    /nbformat 3, and 4 is read; convert a copy: jupyter nbconvert --to notebook --nbformat 4/,
  ],
  ['broken JSON', 'broken.ipynb', '{"nbformat": 4, "cells": [', /the file is no JSON: .*save the notebook again/],
  ['what is no notebook', 'list.ipynb', [1, 2], /the file is no Jupyter notebook/],
  [
    'a kernel of R',
    'r.ipynb',
    v4([cell('x <- 1')], { language_info: { name: 'R' } }),
    /kernel: the notebook is written in R; only Python/,
  ],
  [
    'R without a word of its kernel',
    'silent-r.ipynb',
    v4([cell('library(dplyr)\nx <- c(1, 2) %>% sum()')]),
    /kernel: cell 1, line 2: the notebook is written in R; only Python/,
  ],
  [
    'R that Python can read',
    'arrows-r.ipynb',
    v4([cell('library(caret)'), cell('# rows\nx <- c(1,2)')]),
    /kernel: cell 2, line 2: the notebook is written in R; only Python/,
  ],
  [
    'a comparison that looks like an arrow of R, of a notebook in Python',
    'arrows-python.ipynb',
    v4([cell('x <- c(1,2)')], { kernelspec: { name: 'python3', language: 'python' } }),
    /D3: cell 1: "x" is used and no cell defines it/,
  ],
  [
    'a comparison of what is there',
    'compared.ipynb',
    v4([cell('x = 2\nx <- 1\nlibrary(caret)')]),
    /D3: cell 1: "library" is used and no cell defines it/,
  ],
  [
    'a secret that an f-string names',
    'named.ipynb',
    v4([cell('x = 1\nprint(f"password: Tr0ub4dor-and-3 {x}")')]),
    /D7: cell 1, line 2: a secret is a part of an f-string/,
  ],
  ...['breakpoint()', 'import pdb\npdb.set_trace()', 'from IPython import embed\ndef f():\n    embed()'].map(
    (source): Refused => [
      `what stops for a person: ${source.split('\n').at(-1)?.trim()}`,
      'stops.ipynb',
      v4([cell(source)]),
      /input: cell 1, line \d: (?:breakpoint|pdb\.set_trace|embed)\(\) waits for a person; take it out of the code/,
    ],
  ),
  ['no code', 'empty.ipynb', v4([]), /there is no code in it/],
  ['a fault of syntax', 'syntax.ipynb', v4([cell('x = 1'), cell('y = (')]), /syntax: cell 2, line 1: it is no Python/],
  [
    'globals()',
    'whole.ipynb',
    v4([cell('x = 1\nglobals()["x"] = 2')]),
    /D4: cell 1, line 2: globals\(\) reaches names/,
  ],
  [
    'a function that writes a variable',
    'writer.ipynb',
    v4([cell('n = 0\ndef count():\n    global n\n    n = n + 1')]),
    /D4: cell 1, line 2: count writes the variable n .*return the value/,
  ],
  [
    'a folder that is changed',
    'folder.ipynb',
    v4([cell('import os\nos.chdir("/tmp")')]),
    /D6: cell 1, line 2: the code changes its folder/,
  ],
  [
    'a star of what cannot be read',
    'star.ipynb',
    v4([cell('from nowhere_at_all import *')]),
    /D5: cell 1: .*write the names that are used/,
  ],
  [
    'a secret within an f-string',
    'joined.ipynb',
    v4([cell('x = 1\nurl = f"postgres://me:hunter2hunter2@db/{x}"')]),
    /D7: cell 1, line 2: a secret is a part of an f-string/,
  ],
  [
    'a name that is defined further down, by two cells',
    'later.ipynb',
    v4([cell('print(a)'), cell('a = 1'), cell('a = 2')]),
    /D3: cell 1: "a" is used here and defined only in cell 2 and cell 3, further down/,
  ],
]

describe('slipway package refuses', { concurrency: 2 }, () => {
  for (const [fixture, said] of FIXED)
    it(fixture, async () => {
      const ended = await bench.run(fixture, '--no-proof')
      assert.equal(ended.code, 2, ended.said)
      assert.match(ended.said, said)
      assert.equal(existsSync(ended.folder), false)
    })
  for (const [what, name, whole, said] of MADE)
    it(what, async () => {
      const ended = await bench.run(notebook(name, whole), '--no-proof')
      assert.equal(ended.code, 2, ended.said)
      assert.match(ended.said, said)
      assert.doesNotMatch(ended.said, /\n\s+at /)
      assert.equal(existsSync(ended.folder), false)
    })

  it('a folder that is not empty, and leaves it as it is', async () => {
    const used = join(bench.folder, 'used')
    mkdirSync(used)
    writeFileSync(join(used, 'mine.txt'), 'mine')
    const ended = await bench.run('d14_figures', '--no-proof', '--out', used)
    assert.equal(ended.code, 2)
    assert.match(ended.said, /used is not empty, and nothing is written over; name another folder/)
    assert.equal(readFileSync(join(used, 'mine.txt'), 'utf8'), 'mine')
  })

  it('files that are neither, arguments that mean nothing, and data that is nowhere', async () => {
    const text = notebook('notes.txt', 'x')
    assert.match((await bench.run(text)).said, /"\.txt" is neither \.ipynb nor \.py/)
    assert.match((await bench.run(join(bench.folder, 'nowhere.ipynb'))).said, /is no file; name a notebook/)
    assert.match((await bench.run('d14_figures', '--order', 'best')).said, /--order is "best"/)
    assert.match((await bench.run('d14_figures', '--cell-limit', 'no')).said, /--cell-limit is "no"/)
    assert.match(
      (await bench.run('d14_figures', '--no-proof', '--model', 'nobody')).said,
      /there is no variable "nobody"/,
    )
    assert.match(
      (await bench.run('d14_figures', '--no-proof', '--data', 'x=/nowhere')).said,
      /names no input; inputs are churn_path/,
    )
    assert.match(
      (await bench.run('d14_figures', '--no-proof', '--data', 'churn_path=/nowhere')).said,
      /\/nowhere does not exist/,
    )
  })

  it('an interpreter that is none, before anything is read, and takes one that is named from here', async () => {
    const refused = async (python: string): Promise<string> => {
      const ended = await bench.run('d14_figures', '--no-proof', '--python', python)
      assert.equal(ended.code, 2, ended.said)
      return ended.said
    }
    assert.match(
      await refused('./nowhere/python'),
      /--python \.\/nowhere\/python is no program: there is no \/.*nowhere\/python/,
    )
    assert.match(await refused('no-such-python'), /no-such-python is no program: no folder of PATH has it/)
    mkdirSync(join(bench.folder, 'venv'))
    assert.match(
      await refused('./venv'),
      /--python \.\/venv is a folder; name its interpreter, for example venv\/bin\/python/,
    )
    const python = await testEnv(PACKAGES)
    const path = notebook(
      'near.ipynb',
      v4([
        cell(
          'from sklearn.linear_model import LinearRegression\nX = [[0.0], [1.0], [2.0]]\nmodel = LinearRegression().fit(X, [0.0, 1.0, 2.0])\np = model.predict([[1.5]])',
        ),
      ]),
    )
    const ended = await bench.run(path, '--python', relative(bench.folder, python))
    assert.match(ended.out, /^Proof: verified$/m, ended.said)
  })

  it('no name of a module for a package, and says what it is called', async () => {
    for (const name of ['random', 'joblib', 'tests']) {
      const ended = await bench.run(
        writeNotebook(bench.folder, name, [
          `${IMPORTS}\nimport random`,
          LOAD,
          'random.seed(3)\nX = df[["charge"]]\nmodel = LogisticRegression(C=1 + random.random()).fit(X, df["churn"])\np = model.predict(X)',
        ]),
        ...(name === 'random' ? [] : ['--no-proof']),
      )
      assert.equal(ended.code, 0, ended.said)
      assert.equal(ended.report().package, `${name}_package`)
      assert.match(ended.read('slipway.yaml'), new RegExp(`run: ${name}_package\\.train:main`))
      assert.ok(ended.report().findings.some(({ found }) => found.startsWith(`${name} is the name of a module`)))
      if (name === 'random') assert.equal(ended.report().proof.verdict, 'verified', ended.report().proof.why)
    }
  })

  it('nothing for 50 MB of outputs: they are read, and the package is small', async () => {
    const whole = JSON.parse(readFileSync(join(FIXTURES, 'd14_figures.ipynb'), 'utf8')) as {
      cells: { outputs?: object[] }[]
    }
    whole.cells[1]?.outputs?.push({
      output_type: 'stream',
      name: 'stdout',
      text: `${'no figures in here '.repeat(8)}\n`.repeat(340_000),
    })
    const path = notebook('large.ipynb', whole)
    putTable(bench.folder)
    const ended = await bench.run(path, '--no-proof')
    assert.equal(ended.code, 0, ended.said)
    assert.ok(ended.read('report.json').length < 100_000)
  })
})
