/** Backups whose blobs lie elsewhere, and archives that hold something else than their manifest says. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { writeArchive } from '../blobs/archive.ts'
import type { Blobs, Digest } from '../blobs/blobs.ts'
import { openDiskBlobs } from '../blobs/disk.ts'
import { digestOf } from '../blobs/verify.ts'
import { openStore } from '../open.ts'
import { backup, restore } from './backup.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-elsewhere-'))
const data = join(root, 'data')
const blobs = openDiskBlobs(join(root, 'bucket'))
let digests: Digest[]

before(async () => {
  const store = await openStore({ dataDir: data })
  await store.blobs.put(Buffer.from('here, and not asked for'))
  await store.db.close()
  for (const [name, text] of [
    ['a.key', 'seals'],
    ['a.key.old', 'none'],
    ['token', 'none'],
  ] as const)
    writeFileSync(join(data, name), text)
  digests = []
  for (const text of ['one', 'x'.repeat(100_000)]) digests.push((await blobs.put(Buffer.from(text))).digest)
})
after(() => rmSync(root, { recursive: true, force: true }))

/** The blobs elsewhere with some calls replaced. */
function changed(calls: Partial<Blobs>): Blobs {
  const made = Object.create(blobs) as Blobs
  const own = { list: () => blobs.list(), read: blobs.read.bind(blobs), put: blobs.put.bind(blobs) }
  return Object.assign(made, own, calls)
}

describe('a backup with blobs elsewhere', () => {
  const file = join(root, 'a.backup')

  it('holds them and not those of the folder, and brings them back to where they belong', async () => {
    const made = await backup(data, file, { blobs })
    assert.equal(made.blobs, 2)
    const [target, bucket] = [join(root, 'back'), openDiskBlobs(join(root, 'other-bucket'))]
    assert.deepEqual(await restore(file, target, { blobs: bucket }), made)
    assert.deepEqual(readdirSync(target).sort(), ['a.key', 'restored.json', 'segments', 'server.lock', 'slipway.db'])
    for (const digest of digests) assert.deepEqual(await bucket.bytes(digest), await blobs.bytes(digest))
    const sizes = made.bytes - 'one'.length - 100_000 - 'seals'.length
    assert.equal(sizes, statSync(join(target, 'slipway.db')).size)
  })

  it('may be brought into a folder, for its owner alone', async () => {
    const target = join(root, 'into-folder')
    await restore(file, target)
    const mode = (path: string): number => statSync(join(target, path)).mode & 0o777
    const [digest = ''] = digests
    const blob = `blobs/${digest.slice(7, 9)}/${digest.slice(9)}`
    assert.deepEqual(['', 'slipway.db', 'a.key', blob].map(mode), [0o700, 0o600, 0o600, 0o444])
    const store = await openStore({ dataDir: target })
    assert.equal((await store.blobs.bytes(digest)).toString(), 'one')
    await store.db.close()
  })

  it('of which one is deleted meanwhile is to be made again; any other fault is told as it is', async () => {
    const gone = digestOf('gone')
    async function* listed(): ReturnType<Blobs['list']> {
      yield* blobs.list()
      yield { digest: gone, size: 4, touched_at: 0 }
    }
    const out = join(root, 'never.backup')
    await assert.rejects(backup(data, out, { blobs: changed({ list: listed }) }), {
      code: 'conflict',
      message: new RegExp(`${gone} was deleted while the backup was made`),
    })
    const away = Object.assign(new Error('no bucket'), { code: 'away' })
    await assert.rejects(backup(data, out, { blobs: changed({ read: () => Promise.reject(away) }) }), away)
    const left = [...readdirSync(root), ...readdirSync(data)].filter((name) => /partial|backup-|never/.test(name))
    assert.deepEqual(left, [])
  })

  it('that cannot be stored leaves no folder', async () => {
    const target = join(root, 'refused')
    const full = Object.assign(new Error('full'), { code: 'storage_full' })
    await assert.rejects(restore(file, target, { blobs: changed({ put: () => Promise.reject(full) }) }), full)
    assert.deepEqual([existsSync(target), readdirSync(root).filter((name) => name.includes('restoring'))], [false, []])
  })
})

describe('an archive made by somebody else', () => {
  const TEXT = 'not really a database'
  const blobPath = (text: string): string => `blobs/${digestOf(text).slice(7, 9)}/${digestOf(text).slice(9)}`
  const said = (path: string, text: string) => ({ path, size: text.length, sha256: digestOf(text).slice(7) })

  /** Restores an archive whose manifest says `wanted` and which holds `held`. */
  async function restored(
    wanted: readonly { path: string; size: number; sha256: string }[],
    held: readonly (readonly [path: string, text: string])[],
    elsewhere?: Blobs,
  ): Promise<unknown> {
    const manifest = JSON.stringify({ created_at: '2026-01-01T00:00:00.000Z', format: 1, files: wanted })
    const files = [['manifest.json', manifest] as const, ...held].map(([path, text]) => ({
      path,
      size: text.length,
      executable: false,
      async *source() {
        yield Buffer.from(text)
      },
    }))
    const file = join(root, 'made.backup')
    const chunks: Uint8Array[] = []
    for await (const chunk of writeArchive(files)) chunks.push(chunk)
    writeFileSync(file, Buffer.concat(chunks))
    const target = join(root, 'from-made')
    try {
      return await restore(file, target, { blobs: elsewhere })
    } finally {
      rmSync(target, { recursive: true, force: true })
    }
  }

  const database = said('slipway.db', TEXT)
  const held = ['slipway.db', TEXT] as const

  it('is taken when it is exactly what it says', async () => {
    const blob = said(blobPath('b'), 'b')
    assert.deepEqual(await restored([database, blob], [held, [blob.path, 'b']]), {
      blobs: 1,
      bytes: TEXT.length + 1,
      left_out: [],
      missing: null,
    })
  })

  const cases: [string, Parameters<typeof restored>, code: string, RegExp][] = [
    [
      'a file more',
      [[database], [held, ['a.key', 'k']]],
      'bad_request',
      /holds a\.key, which its manifest does not name/,
    ],
    ['a file less', [[database, said('a.key', 'k')], [held]], 'bad_request', /a\.key is missing/],
    ['another text', [[database], [['slipway.db', TEXT.toUpperCase()]]], 'bad_request', /slipway\.db does not match/],
    ['another size', [[{ ...database, size: 5 }], [held]], 'bad_request', /slipway\.db does not match its hash/],
    [
      'another blob',
      [
        [database, said(blobPath('b'), 'b')],
        [held, [blobPath('b'), 'c']],
      ],
      'corrupt_blob',
      new RegExp(digestOf('b')),
    ],
    [
      'another blob for elsewhere',
      [[database, said(blobPath('b'), 'b')], [held, [blobPath('b'), 'c']], blobs],
      'corrupt_blob',
      new RegExp(digestOf('b')),
    ],
    [
      'rows of a table beside a database',
      [
        [database, said('tables/runs.copy', 'r')],
        [held, ['tables/runs.copy', 'r']],
      ],
      'bad_request',
      /tables\/runs\.copy/,
    ],
  ]
  for (const [what, call, code, message] of cases) {
    it(`with ${what} is refused`, async () => {
      await assert.rejects(restored(...call), { code, message })
      assert.deepEqual(
        [await blobs.has(digestOf('c')), readdirSync(root).some((name) => name.includes('restoring'))],
        [false, false],
      )
    })
  }

  it('that is empty is refused', async () => {
    const file = join(root, 'empty.backup')
    writeFileSync(file, Buffer.alloc(1024))
    await assert.rejects(restore(file, join(root, 'from-empty')), { code: 'bad_request', message: /it is empty/ })
  })
})
