/** Trees as they are kept and laid out: the bytes of a manifest, links or copies, modes, how many files at once. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { allClosedBelow } from '../descriptors.fixture.ts'
import type { Blobs } from './blobs.ts'
import { openDiskBlobs } from './disk.ts'
import {
  filesOfTrees,
  materialise,
  putMany,
  putManifest,
  putTree,
  treeDigests,
  treeFiles,
  type TreeFile,
} from './trees.ts'
import { digestOf } from './verify.ts'

const root = temporaryFolder('laid-out')
const blobs = openDiskBlobs(join(root, 'blobs'))

/** The driver with some of its calls replaced. */
function changed(calls: Partial<Blobs>): Blobs {
  const { put, read, bytes, has, path } = {
    put: blobs.put.bind(blobs),
    read: blobs.read.bind(blobs),
    bytes: blobs.bytes.bind(blobs),
    has: blobs.has.bind(blobs),
    path: blobs.path.bind(blobs),
    ...calls,
  }
  return Object.assign(Object.create(blobs) as Blobs, { put, read, bytes, has, path })
}

async function stored(path: string, text: string, executable = false): Promise<TreeFile> {
  return { path, ...(await blobs.put(Buffer.from(text))), executable }
}

/** The tree of a file, a program and a file in a folder. */
async function tree(): Promise<string> {
  const files = [await stored('data/b.txt', 'bee'), await stored('run.sh', '#!', true), await stored('a.txt', 'ay')]
  return (await putManifest(blobs, files)).digest
}

test('a manifest has the bytes that the format says, its files by path', async () => {
  const [a, b] = [digestOf('ay'), digestOf('bee')]
  const text = `{"slipway_tree":1,"files":[["a.txt",2,"${a}",0],["data/b.txt",3,"${b}",0],["run.sh",2,"${digestOf('#!')}",1]]}`
  const digest = await tree()
  assert.equal(digest, digestOf(text))
  assert.equal((await blobs.bytes(digest)).toString(), text)
  assert.deepEqual(
    (await treeFiles(blobs, digest)).map(({ path, executable }) => [path, executable]),
    [
      ['a.txt', false],
      ['data/b.txt', false],
      ['run.sh', true],
    ],
  )
  const named: string[] = []
  for await (const each of treeDigests(blobs, digest)) named.push(each)
  assert.deepEqual(named, [digest, a, b, digestOf('#!')])
})

/** Root writes to what is read-only, so that links depend on who runs the tests. */
function runAs(t: TestContext, user: number): void {
  t.mock.method(process as Required<Pick<NodeJS.Process, 'getuid'>>, 'getuid', () => user)
}

/** What lies at a place: permissions, names that lead to the same bytes on the disk, text. */
function laid(path: string): [mode: number, names: number, text: string] {
  const { mode, nlink } = statSync(path)
  return [mode & 0o777, nlink, readFileSync(path, 'utf8')]
}

const COPIES = { 'a.txt': [0o400, 1, 'ay'], 'data/b.txt': [0o400, 1, 'bee'], 'run.sh': [0o500, 1, '#!'] }
const LINKS = { ...COPIES, 'a.txt': [0o400, 2, 'ay'], 'data/b.txt': [0o400, 2, 'bee'] }
const WRITABLE = { 'a.txt': [0o600, 1, 'ay'], 'data/b.txt': [0o600, 1, 'bee'], 'run.sh': [0o700, 1, '#!'] }

for (const [what, user, options, expected] of [
  ['copies, read-only', 1000, {}, COPIES],
  ['copies that may be written', 1000, { writable: true }, WRITABLE],
  ['links, but of programs, whose mode differs from the blob’s', 1000, { link: true }, LINKS],
  ['copies for root, who can write to what is read-only', 0, { link: true }, COPIES],
] as const)
  test(`a tree is laid out as ${what}`, async (t) => {
    runAs(t, user)
    const target = join(root, what)
    await materialise(blobs, await tree(), target, options)
    for (const [path, found] of Object.entries(expected)) assert.deepEqual(laid(join(target, path)), found, path)
  })

const otherDisk = existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(root).dev
test('where a link cannot be made there is a copy', { skip: otherDisk ? false : 'no second disk' }, async (t) => {
  runAs(t, 1000)
  const place = mkdtempSync('/dev/shm/slipway-laid-out-')
  t.after(() => rmSync(place, { recursive: true, force: true }))
  await materialise(blobs, await tree(), join(place, 'tree'), { link: true })
  assert.deepEqual(laid(join(place, 'tree', 'a.txt')), [0o400, 1, 'ay'])
})

test('blobs that lie elsewhere are brought, and one that is missing or comes damaged is an error', async () => {
  const elsewhere = changed({ path: () => undefined })
  const target = join(root, 'brought')
  await materialise(elsewhere, await tree(), target, { link: true })
  for (const [path, found] of Object.entries(COPIES)) assert.deepEqual(laid(join(target, path)), found, path)
  const missing = await putManifest(blobs, [{ ...(await stored('gone', 'x')), digest: digestOf('gone') }])
  await assert.rejects(materialise(elsewhere, missing.digest, join(root, 'missing')), { code: 'not_found' })
  assert.equal(existsSync(join(root, 'missing', 'gone')), false)
  const bad = await putManifest(blobs, [await stored('bad', 'x'.repeat(200_000))])
  const path = blobs.path(digestOf('x'.repeat(200_000))) ?? ''
  chmodSync(path, 0o644)
  writeFileSync(path, 'y'.repeat(200_000))
  await assert.rejects(materialise(elsewhere, bad.digest, join(root, 'bad')), { code: 'corrupt_blob' })
})

test('nothing that is there is written over', async () => {
  const folder = join(root, 'there')
  mkdirSync(folder)
  const file = join(root, 'there.txt')
  writeFileSync(file, 'mine')
  const single = await putManifest(blobs, [await stored('', 'other')])
  await assert.rejects(materialise(blobs, await tree(), folder), { code: 'EEXIST' })
  for (const source of [blobs, changed({ path: () => undefined })])
    await assert.rejects(materialise(source, single.digest, file), { code: 'EEXIST' })
  assert.equal(readFileSync(file, 'utf8'), 'mine')
})

test('a manifest that names a path outside of the folder is not laid out', async () => {
  const { digest } = await putManifest(blobs, [await stored('../out.txt', 'x')])
  await assert.rejects(materialise(blobs, digest, join(root, 'inside')), { code: 'bad_request' })
  assert.equal(existsSync(join(root, 'out.txt')), false)
})

test('eight files are stored at once, whichever is first the names are right, and one that fails is told', async () => {
  const path = join(root, 'several')
  mkdirSync(path)
  for (let i = 0; i < 16; i++) writeFileSync(join(path, `f${i}`), `text ${i}`)
  let [inside, most] = [0, 0]
  const waiting: (() => void)[] = []
  const held = (source: Parameters<Blobs['put']>[0]): ReturnType<Blobs['put']> => {
    most = Math.max(most, ++inside)
    // the last to come is the first to go on
    return new Promise<void>((resolve) => {
      waiting.push(resolve)
      setImmediate(() => waiting.pop()?.())
    })
      .then(() => blobs.put(source))
      .finally(() => inside--)
  }
  const { digest, files, size } = await putTree(changed({ put: held }), path)
  assert.deepEqual([most, files, size], [8, 16, 10 * 6 + 6 * 7])
  for (const file of await treeFiles(blobs, digest)) assert.equal(file.digest, digestOf(`text ${file.path.slice(1)}`))
  const full = new Error('no space left')
  await assert.rejects(putTree(changed({ put: () => Promise.reject(full) }), path), full)
})

test('many files are stored together, whatever their size, and one that cannot be read is told and leaves nothing', async () => {
  const path = join(root, 'together')
  mkdirSync(path)
  const text = (i: number): string => `text ${i} `.repeat(i === 7 ? 100_000 : 1)
  for (let i = 0; i < 40; i++) writeFileSync(join(path, `f${i}`), text(i % 20))
  const { digest, files } = await putTree(blobs, path)
  assert.equal(files, 40)
  for (const file of await treeFiles(blobs, digest)) {
    assert.equal(file.digest, digestOf(text(Number(file.path.slice(1)) % 20)))
    assert.equal((await blobs.bytes(file.digest)).length, file.size)
  }
  const gone = Array.from({ length: 20 }, (_, i) => async function* () {
    if (i === 11) throw new Error('it cannot be read')
    yield Buffer.from(`never ${i}`)
  }) // prettier-ignore
  await assert.rejects(putMany(blobs, gone), /it cannot be read/)
  assert.deepEqual(readdirSync(join(root, 'blobs', 'tmp')), [])
})

test('many trees are read as one is, small and large, and one that is damaged or gone is told', async () => {
  const large = Array.from({ length: 400 }, (_, i) => stored(`f${i}`, `large ${i}`))
  const trees = [
    await putManifest(blobs, [await stored('', 'one file')]),
    await putManifest(blobs, await Promise.all(large)),
    await putManifest(blobs, [await stored('a/b', 'in a folder', true)]),
  ].map(({ digest }) => digest)
  const expected = await Promise.all(trees.map((digest) => treeFiles(blobs, digest)))
  assert.deepEqual(await filesOfTrees(blobs, trees), expected)
  assert.equal(expected[1]?.length, 400)
  await assert.rejects(filesOfTrees(blobs, [digestOf('nobody has it')]), { code: 'not_found' })
  await assert.rejects(filesOfTrees(blobs, [(await stored('', 'no tree')).digest]), { code: 'unprocessable' })
  const damaged = blobs.path(trees[0] ?? '') ?? ''
  chmodSync(damaged, 0o600)
  writeFileSync(damaged, readFileSync(damaged, 'utf8').replace('one', 'two').replace(':1,', ':2,'))
  await assert.rejects(filesOfTrees(blobs, trees), { code: 'corrupt_blob' })
})

test('a store that refuses a file unread leaves none open', { skip: !existsSync('/proc/self/fd') }, async () => {
  const path = join(root, 'refused')
  mkdirSync(path)
  writeFileSync(join(path, 'file'), 'text')
  const full = new Error('no space left')
  await assert.rejects(putTree(changed({ put: () => Promise.reject(full) }), path), full)
  await allClosedBelow(path)
})

test('a link is no file or folder to be stored, whatever it leads to', async () => {
  const link = join(root, 'link')
  symlinkSync(root, link)
  await assert.rejects(putTree(blobs, link), { code: 'unprocessable', message: /only regular files and folders/ })
})

/** A driver whose one blob is this text, filled with spaces to a length. */
function holding(text: string, length: number): Blobs {
  return changed({ bytes: () => Promise.resolve(Buffer.from(text.slice(0, -1).padEnd(length - 1) + text.slice(-1))) })
}

test('what begins like a tree is one up to 64 MiB', async () => {
  const most = 64 * 2 ** 20
  const digest = digestOf('any')
  assert.deepEqual(await treeFiles(holding('{"slipway_tree":1,"files":[]}', most), digest), [])
  await assert.rejects(treeFiles(holding('{"slipway_tree":1,"files":[]}', most + 1), digest), { code: 'unprocessable' })
  await assert.rejects(treeFiles(holding('{"slipway_tree":2,"files":[]}', 100), digest), { code: 'unprocessable' })
})
