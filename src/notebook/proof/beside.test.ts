/** The copy of what lies beside research code, in a folder that others change meanwhile. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { copyBeside } from './beside.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-beside-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** A folder of this name with files by their paths. */
function folderOf(name: string, paths: readonly string[]): string {
  for (const path of paths) {
    mkdirSync(join(root, name, path, '..'), { recursive: true })
    writeFileSync(join(root, name, path), path)
  }
  return join(root, name)
}

const copied = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted()

describe('what lies beside research code', () => {
  it('is copied four folders deep, without what tools leave', async () => {
    const paths = ['a.csv', 'data/b.csv', 'x/y/z/c.csv', 'x/y/z/deep/d.csv', '.git/config', 'data/__pycache__/e.pyc']
    const work = join(root, 'plain-work')
    await copyBeside(folderOf('plain', paths), work)
    assert.deepEqual(copied(work), ['a.csv', 'data/b.csv', 'x/y/z/c.csv'])
  })

  it('is copied without folders and files that go while it is read', async () => {
    const names = Array.from({ length: 40 }, (_, at) => String(at).padStart(2, '0'))
    const folder = folderOf('moving', ['first.csv', ...names.map((name) => `part-${name}/rows.csv`)])
    const work = join(root, 'moving-work')
    const copying = copyBeside(folder, work)
    // the folders were listed when the first file has come
    while (!copied(root).some((path) => path.startsWith('moving-work/'))) await new Promise(setImmediate)
    for (const name of names.slice(20)) renameSync(join(folder, `part-${name}`), join(root, `gone-${name}`))
    await copying
    const there = copied(work)
    assert.deepEqual(there.slice(0, 2), ['first.csv', 'part-00/rows.csv'])
    assert.ok(!there.includes('part-39/rows.csv'))
  })
})
