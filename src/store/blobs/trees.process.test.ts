/** Trees and archives: what goes in comes out, and nothing leaves the folder. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { Problem } from '../../contract/errors.ts'
import { readArchive, safePath, writeArchive } from './archive.ts'
import type { Blobs } from './blobs.ts'
import { openDiskBlobs } from './disk.ts'
import { digestOf } from './verify.ts'
import { isWhole, materialise, putArchive, putTree, treeDigests, treeFiles, treeTable } from './trees.ts'

let root: string
let blobs: Blobs
const LIMITS = { bytes: 1_000_000, files: 100 }

before(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-trees-'))
  blobs = openDiskBlobs(join(root, 'blobs'))
})
after(() => rmSync(root, { recursive: true, force: true }))

function folder(name: string, files: Record<string, string>): string {
  const path = join(root, name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true })
    writeFileSync(join(path, file), text)
  }
  return path
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

function refusal(pattern: RegExp, code = 'bad_request') {
  return (error: unknown): boolean => {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, pattern)
    return true
  }
}

test('a folder comes back with its bytes and executable bits, whatever the times and the order of its files', async () => {
  const one = folder('one', { 'b/c.txt': 'hello', 'a.sh': '#!/bin/sh\n', 'ü name.txt': 'x' })
  chmodSync(join(one, 'a.sh'), 0o755)
  const info = await putTree(blobs, one)
  assert.equal(info.files, 3)
  assert.equal(info.size, 5 + 10 + 1)
  const other = folder('other', { 'ü name.txt': 'x', 'a.sh': '#!/bin/sh\n', 'b/c.txt': 'hello' })
  chmodSync(join(other, 'a.sh'), 0o700)
  assert.equal((await putTree(blobs, other)).digest, info.digest)
  chmodSync(join(other, 'a.sh'), 0o600)
  assert.notEqual((await putTree(blobs, other)).digest, info.digest)
  await materialise(blobs, info.digest, join(root, 'laid'))
  assert.equal(readFileSync(join(root, 'laid', 'b/c.txt'), 'utf8'), 'hello')
  assert.equal(statSync(join(root, 'laid', 'a.sh')).mode & 0o777, 0o500, 'its owner alone reads and runs it')
  assert.equal(statSync(join(root, 'laid', 'b/c.txt')).mode & 0o777, 0o400)
})

test('one file is a tree too', async () => {
  const path = join(folder('single', { 'x.csv': '1,2\n' }), 'x.csv')
  const info = await putTree(blobs, path)
  await materialise(blobs, info.digest, join(root, 'copy.csv'), { writable: true })
  assert.equal(readFileSync(join(root, 'copy.csv'), 'utf8'), '1,2\n')
  assert.equal(statSync(join(root, 'copy.csv')).mode & 0o200, 0o200)
  assert.deepEqual(
    (await treeFiles(blobs, info.digest)).map((file) => [file.path, file.size]),
    [['', 4]],
  )
  assert.equal((await collect(treeDigests(blobs, info.digest))).length, 2)
})

test('changing a laid-out file does not change the blob, even for root', async () => {
  const info = await putTree(blobs, folder('guarded', { 'model.bin': 'weights' }))
  await materialise(blobs, info.digest, join(root, 'guarded-copy'), { link: true })
  const target = join(root, 'guarded-copy', 'model.bin')
  try {
    writeFileSync(target, 'changed')
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EACCES')
  }
  const [file] = await treeFiles(blobs, info.digest)
  assert.equal((await blobs.bytes(file?.digest ?? '')).toString(), 'weights')
})

test('links and special files are refused by name', async () => {
  const path = folder('linked', { 'a.txt': 'a' })
  symlinkSync('/etc/passwd', join(path, 'secret'))
  await assert.rejects(putTree(blobs, path), refusal(/"secret" is a symbolic link/, 'unprocessable'))
  rmSync(join(path, 'secret'))
  execFileSync('mkfifo', [join(path, 'pipe')])
  await assert.rejects(putTree(blobs, path), refusal(/"pipe" is a special file/, 'unprocessable'))
  await assert.rejects(putTree(blobs, join(path, 'nothing')), refusal(/does not exist/, 'not_found'))
})

test('a tree of which a file is gone is refused by the name of the blob, and no path of this machine is told', async () => {
  const { digest } = await putTree(blobs, folder('gone', { 'a.txt': 'soon gone' }))
  const [file] = await treeFiles(blobs, digest)
  await blobs.delete(file?.digest ?? '')
  const told: string[] = []
  const missing = (blob: { digest: string }): void => void told.push(blob.digest)
  const watched: Blobs = Object.assign(openDiskBlobs(join(root, 'blobs')), { missing })
  for (const link of [false, true])
    await assert.rejects(
      materialise(watched, digest, join(root, `gone-${link}`), { link }),
      refusal(/^blob "sha256:[0-9a-f]{64}" does not exist$/, 'not_found'),
    )
  assert.deepEqual(told, [file?.digest, file?.digest])
})

test('a tree is whole while its manifest is there and none of its files is known to be faulty', async () => {
  const { digest } = await putTree(blobs, folder('whole', { a: 'one', b: 'two' }))
  const [, file] = await treeFiles(blobs, digest)
  const other = digestOf(Buffer.from('other'))
  for (const [faulty, expected] of [
    [[], true],
    [[other], true],
    [[other, file?.digest ?? ''], false],
    [[digest], false],
  ] as const)
    assert.equal(await isWhole(blobs, digest, new Set(faulty)), expected, faulty.join(' '))
  assert.equal(await isWhole(blobs, other, new Set()), false, 'nothing has this name')
  const { digest: text } = await blobs.put(Buffer.from('no tree'))
  assert.equal(await isWhole(blobs, text, new Set([other])), false)
})

test('a blob that is not a tree is refused', async () => {
  const { digest } = await blobs.put(Buffer.from('{"files":[]}'))
  await assert.rejects(treeFiles(blobs, digest), refusal(/is not a tree/, 'unprocessable'))
})

test('an archive of ours, of GNU tar and of pax is read in whatever chunks it arrives', async () => {
  const long = `${'deep/'.repeat(30)}file.txt`
  const path = folder('packed', { 'a.txt': 'a'.repeat(1000), [long]: 'long', 'empty.txt': '' })
  const info = await putTree(blobs, path)
  const files = ['a.txt', long, 'empty.txt'].map((name) => {
    const source = join(path, name)
    return { path: name, size: statSync(source).size, executable: false, source }
  })
  const ours = Buffer.concat(await collect(writeArchive(files)))
  const gnu = execFileSync('tar', ['-cf', '-', '--format=gnu', '-C', path, '.'])
  const pax = execFileSync('tar', ['-cf', '-', '--format=posix', '-C', path, '.'])
  for (const [archive, chunk] of [
    [ours, 7],
    [ours, 100_000],
    [gnu, 513],
    [pax, 4096],
  ] as const) {
    const chunks = Array.from({ length: Math.ceil(archive.length / chunk) }, (_, i) =>
      archive.subarray(i * chunk, (i + 1) * chunk),
    )
    assert.equal((await putArchive(blobs, Readable.from(chunks), LIMITS)).digest, info.digest)
  }
})

function craft(path: string, type: string, body = '', link = ''): Buffer {
  const block = Buffer.alloc(512)
  block.write(path, 0)
  block.write('0000644\0', 100)
  block.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124)
  block.write(type, 156)
  block.write(link, 157)
  block.write('ustar\x0000', 257, 'latin1')
  block.write('        ', 148)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const data = Buffer.alloc(Math.ceil(body.length / 512) * 512)
  data.write(body)
  return Buffer.concat([block, data])
}

const END = Buffer.alloc(1024)
const ATTACKS: [string, Buffer, RegExp][] = [
  ['parent', craft('../evil', '0', 'x'), /not a plain relative path/],
  ['inner parent', craft('a/../../evil', '0', 'x'), /not a plain relative path/],
  ['absolute', craft('/etc/passwd', '0', 'x'), /not a plain relative path/],
  ['drive', craft('C:/evil', '0', 'x'), /not a plain relative path/],
  ['backslash', craft('a\\..\\evil', '0', 'x'), /not a plain relative path/],
  ['symlink', craft('link', '2', '', '/etc/passwd'), /link or device/],
  ['hard link', craft('link', '1', '', 'other'), /link or device/],
  ['device', craft('dev', '3'), /link or device/],
  ['fifo', craft('pipe', '6'), /link or device/],
  ['twice', Buffer.concat([craft('a', '0', 'x'), craft('a', '0', 'y')]), /there twice/],
  ['file and folder', Buffer.concat([craft('a', '0', 'x'), craft('a/b', '0', 'y')]), /"a" is both a file and a folder/],
  ['gzip', Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(600, 7)]), /uncompressed tar/],
  ['cut', craft('a', '0', 'x'.repeat(2000)).subarray(0, 900), /ends too early/],
  [
    'pax parent',
    Buffer.concat([craft('p', 'x', '19 path=../../evil\n'), craft('a', '0', 'x')]),
    /not a plain relative/,
  ],
]

for (const [name, bytes, expected] of ATTACKS) {
  test(`an archive is refused: ${name}`, async () => {
    const source = Readable.from([Buffer.concat([bytes, name === 'cut' ? Buffer.alloc(0) : END])])
    await assert.rejects(putArchive(blobs, source, LIMITS), refusal(expected))
  })
}

test('an archive larger than the limits is refused', async () => {
  const many = Buffer.concat([...Array.from({ length: 101 }, (_, i) => craft(`f${i}`, '0', 'x')), END])
  await assert.rejects(putArchive(blobs, Readable.from([many]), LIMITS), refusal(/larger than/, 'payload_too_large'))
  const large = Buffer.concat([craft('a', '0', 'x'.repeat(200)), END])
  const entries = readArchive(Readable.from([large]), { bytes: 100, files: 10 })
  await assert.rejects(collect(entries), refusal(/larger than/, 'payload_too_large'))
})

test('safePath keeps plain paths', () => {
  assert.equal(safePath('./a/b.txt'), 'a/b.txt')
  for (const bad of ['', '.', 'a//b', 'a/', '..', 'a\0b', 'x'.repeat(256)]) {
    assert.throws(() => safePath(bad), /is not a plain relative path|the path "x+/)
  }
})

test('the table of a tree is the file that it is, else its first CSV by path, else its first Parquet, else none', async () => {
  const tree = async (name: string, files: Record<string, string>) => (await putTree(blobs, folder(name, files))).digest
  const text = async (digest: string) => (await treeTable(blobs, digest))?.toString('utf8')
  assert.equal(await text(await tree('two-tables', { 'b.csv': 'b', 'a/z.csv': 'a', 'a/readme.txt': 'r' })), 'a')
  assert.equal(await text(await tree('no-table', { parquet: 'p', csv: 'c', 'x.csv.gz': 'g' })), undefined)
  assert.equal(await text(await tree('both', { 'a.parquet': 'p', 'b.csv': 'b' })), 'b')
  assert.equal(await text(await tree('parquet', { 'b.parquet': 'b', 'a/c.parquet': 'c', 'a.txt': 't' })), 'c')
  assert.equal(await text((await putTree(blobs, join(folder('one-file', { 'any.dat': 'd' }), 'any.dat'))).digest), 'd')
})

test('a blob that does not match its digest any more is not laid out, as a copy or as a link, of whatever size', async () => {
  const big = 'b'.repeat(300_000)
  for (const [name, text] of Object.entries({ small: 'a model', big, empty: '' })) {
    const { digest } = await putTree(blobs, folder(`corrupt-${name}`, { 'model.bin': text }))
    const [file] = await treeFiles(blobs, digest)
    const path = blobs.path(file?.digest ?? '') ?? ''
    const change = (bytes: string): void => {
      chmodSync(path, 0o644)
      writeFileSync(path, bytes)
    }
    // as long as before, so that only its bytes tell
    change(text === '' ? 'x' : `${text.slice(0, -1)}!`)
    for (const link of [false, true]) {
      const target = join(root, `laid-${name}-${link}`)
      await assert.rejects(materialise(blobs, digest, target, { link }), {
        code: 'corrupt_blob',
        data: { digest: file?.digest },
      })
    }
    change(text)
    await materialise(blobs, digest, join(root, `laid-${name}-again`))
    assert.equal(readFileSync(join(root, `laid-${name}-again`, 'model.bin'), 'utf8'), text)
  }
})
