/** The table of other people's notebooks is what comes out when they are tried again. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { asTable, GALLERY, openGallery, tryNotebook } from './gallery.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/notebooks.md'), 'utf8')

test('at least four of five are verified, and the page says of each notebook what is so', async (t) => {
  const gallery = await openGallery()
  if (gallery === undefined) return t.skip('the gallery needs apt-get of Debian 12 and Python 3.11')
  const tried = []
  for (const one of GALLERY) tried.push(await tryNotebook(gallery, one))
  const good = tried.filter(({ verdict }) => verdict === 'verified' || verdict === 'within tolerance').length
  assert.ok(good / tried.length >= 0.8, asTable(tried))
  const row = ({ notebook, verdict }: { readonly notebook: string; readonly verdict: string }): string =>
    `${notebook}: ${verdict}`
  const drawn = [...page.matchAll(/^\| (plot_\w+) \| \d* \| ([^|]+) \|/gm)].map(([, notebook = '', verdict = '']) => ({
    notebook,
    verdict,
  }))
  assert.deepEqual(tried.map(row), drawn.map(row))
})
