/** Files that change while they are read: never half of each state. */
import assert from 'node:assert/strict'
import { mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openTemporaryStore } from '../../../store/open.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import { SourceAway } from './asked.ts'
import { limitsOf } from '../limits.ts'
import { settle } from '../sources.fixture.ts'
import { readFiles } from './files.ts'

/** Reads a folder with `a` and `b`, during which something happens once `after` blobs are stored. */
async function during(t: TestContext, after: number, happens: (folder: string) => void): Promise<unknown> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-files-')))
  const store = await openTemporaryStore()
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  for (const name of ['a', 'b']) writeFileSync(join(folder, name), name.repeat(1000))
  settle(join(folder, 'a'), join(folder, 'b'))
  let stored = 0
  const blobs = {
    put: async (...[source]: Parameters<Blobs['put']>) => {
      const info = await store.blobs.put(source)
      if (++stored === after) happens(folder)
      return info
    },
  } as unknown as Blobs
  return readFiles({
    place: { kind: 'file', path: folder },
    blobs,
    access: { folders: [folder], hidden: [], allow: [], index: '' },
    http: () => Promise.reject(new Error('nobody asks the network')),
    secret: () => Promise.reject(new Error('nobody asks for a secret')),
    before: null,
    limits: limitsOf({ limit_bytes: 10_000, timeout_ms: 120_000 }),
  })
}

const CHANGES: Readonly<Record<string, (folder: string) => void>> = {
  'the same file grows': (folder) => writeFileSync(join(folder, 'a'), 'a'.repeat(2000)),
  'a file that was read is written anew with its size and time': (folder) => {
    writeFileSync(join(folder, 'a'), 'x'.repeat(1000))
    settle(join(folder, 'a'))
  },
  'a file that was not read yet goes': (folder) => rmSync(join(folder, 'b')),
  'another file comes': (folder) => writeFileSync(join(folder, 'c'), ''),
  'another takes the place of one that was read': (folder) => {
    writeFileSync(join(folder, 'new'), 'y'.repeat(1000))
    renameSync(join(folder, 'new'), join(folder, 'a'))
  },
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`it is told as changed where ${what}`, async (t) => {
    await assert.rejects(during(t, 1, change), SourceAway)
  })
}

test('a link that takes the place of a file while it is read is not followed', async (t) => {
  const swap = (folder: string): void => {
    rmSync(join(folder, 'b'))
    symlinkSync('/etc/passwd', join(folder, 'b'))
  }
  await assert.rejects(during(t, 1, swap), SourceAway)
})

test('nothing of that where nothing changes', async (t) => {
  const given = (await during(t, 3, () => undefined)) as { tree: { files: number; size: number } }
  assert.deepEqual([given.tree.files, given.tree.size], [2, 2000])
})
