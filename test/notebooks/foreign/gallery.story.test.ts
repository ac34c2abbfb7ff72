/** The table of other people's notebooks is what comes out when they are tried again; each change tries the first few of each library. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { agrees } from '../../../src/contract/packages/proof.ts'
import { openSource, SOURCES, tryNotebook } from './gallery.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/notebooks.md'), 'utf8')
/** Notebooks of each library that the check runs: the command of the page runs all. */
const TRIED = 3

const drawn = [...page.matchAll(/^\| ([\w-]+) \| (\w+) \| \d* \| ([^|]+) \| (.*) \|$/gm)].map(
  ([, library = '', notebook = '', verdict = '', why = '']) => ({ library, notebook, verdict, why: why.trim() }),
)

test('the page has each notebook, at least four of five are verified, and every other verdict has its reason', () => {
  const listed = SOURCES.flatMap(({ library, notebooks }) => notebooks.map(([name]) => `${library} ${name}`))
  assert.deepEqual(
    drawn.map(({ library, notebook }) => `${library} ${notebook}`),
    listed,
  )
  const bad = drawn.filter(({ verdict }) => !agrees(verdict))
  assert.ok(bad.length / drawn.length <= 0.2, JSON.stringify(bad))
  for (const { notebook, why } of bad) assert.ok(why.length > 20, notebook)
})

for (const source of SOURCES)
  test(`${source.library}: the page says what is so`, async (t) => {
    const opened = await openSource(source)
    if (opened === undefined) return t.skip(`${source.from} needs apt-get of Debian 12, PyPI and Python 3.11`)
    for (const one of source.notebooks.slice(0, TRIED)) {
      const { notebook, verdict } = await tryNotebook(opened, one)
      const told = drawn.find((row) => row.library === source.library && row.notebook === notebook)
      assert.equal(`${notebook}: ${verdict}`, `${notebook}: ${told?.verdict}`)
    }
  })
