/** Cells that do not end, end everything, or wait for what never comes: the proof says so within its time. And locks of indexes that answer, do not, or lack a version. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Environment } from '../../src/notebook/facts/facts.ts'
import { lockOf } from '../../src/notebook/output/lock.ts'
import { findPython } from '../tools.ts'
import { IMPORTS, LOAD, notebookBench, writeNotebook } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)
const FIT = `${LOAD}\nX = df[["tenure", "charge"]]\nmodel = LogisticRegression()\nmodel.fit(X, df["churn"])\npred = model.predict(X)`

/** What a cell does, and what the proof says of it. */
const CELLS: readonly (readonly [what: string, source: string, said: RegExp])[] = [
  ['ends the process', 'import os\nos._exit(3)', /not verified: the original does not run: cell 3: the process ended/],
  ['leaves', 'raise SystemExit("enough")', /not verified: the original does not run: cell 3: SystemExit: enough/],
  [
    'reads what nobody writes',
    'import sys\nword = sys.stdin.readline()\nassert word, "nobody writes"',
    /not verified: the original does not run: cell 3: AssertionError: nobody writes/,
  ],
]

/** Likewise, of cells that do not end: the first of their notebooks, so that no other has to be quick. */
const ENDLESS: typeof CELLS = [
  [
    'holds whatever is raised in it',
    'import time\nwhile True:\n    try:\n        time.sleep(1)\n    except:\n        pass',
    /not verified: the original does not run: cell 1: it took longer than 5 s, and did not stop/,
  ],
  [
    'starts a program that does not end',
    'import subprocess\nsubprocess.run(["sleep", "600"])',
    /not verified: the original does not run: cell 1: it took longer than 5 s/,
  ],
]

describe('the proof of a cell that', { concurrency: 2 }, () => {
  const proves = async (what: string, cells: readonly string[], said: RegExp, ...words: readonly string[]) => {
    const path = writeNotebook(bench.folder, `cell_${what.replaceAll(/\W/g, '_')}`, cells)
    const made = await bench.run(path, ...words)
    assert.equal(made.code, 1, made.said)
    assert.match(made.out, said)
    assert.doesNotMatch(made.said, /\n\s+at /)
  }
  for (const [what, source, said] of CELLS) it(what, () => proves(what, [IMPORTS, FIT, source], said))
  for (const [what, source, said] of ENDLESS)
    it(what, () => proves(what, [source, IMPORTS, FIT], said, '--cell-limit', '5'))
})

describe('the lock of a package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-index-'))
  const kept = process.env['UV_DEFAULT_INDEX']
  let index: Server
  let silent = false
  const wheel = join(folder, 'tiny-1.0-py3-none-any.whl')
  before(async () => {
    const make = `import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as file:
    file.writestr("tiny.py", "")
    file.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
    file.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    file.writestr("tiny-1.0.dist-info/RECORD", "")
`
    await promisify(execFile)(findPython() ?? 'python3', ['-c', make, wheel])
    index = createServer((request, reply) => {
      if (silent) return
      const isPage = request.url === '/simple/tiny/'
      const isWheel = request.url === '/tiny-1.0-py3-none-any.whl'
      reply.writeHead(isPage || isWheel ? 200 : 404, { 'content-type': isPage ? 'text/html' : 'application/zip' })
      reply.end(
        isPage
          ? '<a href="/tiny-1.0-py3-none-any.whl">tiny-1.0-py3-none-any.whl</a>'
          : isWheel
            ? readFileSync(wheel)
            : '',
      )
    })
    await new Promise<void>((resolve) => index.listen(0, '127.0.0.1', resolve))
    process.env['UV_DEFAULT_INDEX'] = `http://127.0.0.1:${(index.address() as AddressInfo).port}/simple`
  })
  after(() => {
    if (kept === undefined) delete process.env['UV_DEFAULT_INDEX']
    else process.env['UV_DEFAULT_INDEX'] = kept
    index.closeAllConnections()
    index.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const environment = (version: string): Environment => ({
    python: '3.11.7',
    taken: false,
    executable: findPython() ?? 'python3',
    platform: 'linux-x86_64',
    resolved: {},
    local: [],
    missing: [],
    direct: { tiny: version },
    closure: { tiny: version },
    extras: { 'mlflow-skinny': '3.17.2' },
    installed: {},
    owners: {},
  })

  it('has the hashes that the index has', async () => {
    const { text, hashed, why } = await lockOf(environment('1.0'), 600_000)
    const digest = createHash('sha256').update(readFileSync(wheel)).digest('hex')
    assert.deepEqual([hashed, why], [true, ''])
    assert.match(text, new RegExp(`^tiny==1\\.0 \\\\\\n\\s+--hash=sha256:${digest}$`, 'm'))
  })

  it('keeps the exact versions, unhashed and with the reason, where the index no longer has one', async () => {
    const { text, hashed, why } = await lockOf(environment('2.0'), 600_000)
    assert.deepEqual([text, hashed], ['tiny==2.0\n', false])
    assert.match(why, /tiny==2\.0/)
  })

  it('does not wait for an index that says nothing', async () => {
    silent = true
    const { text, hashed, why } = await lockOf(environment('3.0'), 2000)
    assert.deepEqual([text, hashed, why], ['tiny==3.0\n', false, 'the index did not answer in time'])
  })
})
