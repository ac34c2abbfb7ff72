/** Tar streams field by field: what a header says is what is read, and what no header may say is refused. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readArchive, safePath, writeArchive } from './archive.ts'
import type { ArchiveLimits, PackedFile } from './archive.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-archive-'))
after(() => rmSync(root, { recursive: true, force: true }))

const LIMITS = { bytes: 1_000_000, files: 100 }

interface Fields {
  readonly type?: string
  readonly prefix?: string
  readonly mode?: string
  /** The twelve bytes of the size. */
  readonly size?: Buffer
  readonly magic?: string
}

/** A header, with the sum of its bytes, and what follows it up to a full block. */
function entry(path: string, body = '', fields: Fields = {}): Buffer {
  const block = Buffer.alloc(512)
  const bytes = Buffer.from(body)
  block.write(path, 0)
  block.write(fields.mode ?? '0000644\0', 100)
  block.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124)
  fields.size?.copy(block, 124)
  block.write(fields.type ?? '0', 156)
  block.write(fields.magic ?? 'ustar\x0000', 257, 'latin1')
  block.write(fields.prefix ?? '', 345)
  return Buffer.concat([summed(block), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

function summed(block: Buffer): Buffer {
  block.write('        ', 148)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

const END = Buffer.alloc(1024)

async function* pieces(bytes: Buffer, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
}

interface Read {
  readonly path: string
  readonly size: number
  readonly executable: boolean
  readonly text: string
}

async function read(parts: readonly Buffer[], limits: ArchiveLimits = LIMITS, step = 1 << 20): Promise<Read[]> {
  const files: Read[] = []
  for await (const { path, size, executable, body } of readArchive(pieces(Buffer.concat(parts), step), limits)) {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    files.push({ path, size, executable, text: Buffer.concat(chunks).toString() })
  }
  return files
}

const plain = (path: string, text: string): Read => ({
  path,
  size: Buffer.byteLength(text),
  executable: false,
  text,
})

async function packed(files: readonly PackedFile[]): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeArchive(files)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const inMemory = (path: string, text: string, executable = false): PackedFile => ({
  path,
  size: Buffer.byteLength(text),
  executable,
  source: () => pieces(Buffer.from(text), 100),
})

describe('what a header says', () => {
  it('a name may be continued by its prefix, where the header is one of ustar', async () => {
    assert.deepEqual(await read([entry('b.txt', 'x', { prefix: 'deep/er' }), END]), [plain('deep/er/b.txt', 'x')])
    assert.deepEqual(await read([entry('b.txt', 'x', { prefix: 'deep', magic: 'other' }), END]), [plain('b.txt', 'x')])
    const full = `${'n'.repeat(49)}/${'m'.repeat(50)}`
    const prefix = `${'p'.repeat(77)}/${'q'.repeat(77)}`
    assert.deepEqual(await read([entry(full, 'x', { prefix }), END]), [plain(`${prefix}/${full}`, 'x')])
  })

  it('files are of type 0, 7 and NUL; the owner decides whether one is executable', async () => {
    for (const type of ['0', '7', '\0']) assert.equal((await read([entry('a', 'x', { type }), END])).length, 1)
    for (const [mode, executable] of [
      ['0000755\0', true],
      ['0000100\0', true],
      ['0000677\0', false],
      ['   755 \0', true],
      ['\0\0\0\0\0\0\0\0', false],
    ] as const)
      assert.equal((await read([entry('a', 'x', { mode }), END]))[0]?.executable, executable, mode)
  })

  it('a size may be of base 256, and no larger than can be counted', async () => {
    const size = Buffer.alloc(12)
    size[0] = 0x80
    size[11] = 3
    const block = entry('a', 'abc', { size })
    assert.deepEqual(await read([block, END]), [plain('a', 'abc')])
    size.writeBigUInt64BE(2n ** 53n, 4)
    await assert.rejects(read([entry('a', 'abc', { size }), END]), /number that is too large/)
    size.writeBigUInt64BE(2n ** 53n - 1n, 4)
    await assert.rejects(read([entry('a', 'abc', { size }), END]), { code: 'payload_too_large' })
    size.write('0000000009\0')
    await assert.rejects(read([entry('a', 'abc', { size }), END]), /not octal/)
  })

  it('the sum covers every byte of it', async () => {
    const sound = Buffer.concat([entry('a', 'x'), END])
    for (const at of [0, 99, 100, 123, 124, 135, 147, 156, 200, 256, 345, 511]) {
      const bad = Buffer.from(sound)
      bad[at] = (bad[at] ?? 0) + 1
      await assert.rejects(read([bad]), /wrong checksum/, `byte ${at}`)
    }
    const bad = Buffer.from(sound)
    bad.write('99', 148)
    await assert.rejects(read([bad]), /wrong checksum/)
  })

  it('folders and headers for all files are passed over, with what follows them', async () => {
    const pax = '27 comment=for all of them\n'
    assert.deepEqual(
      await read([entry('a/', '', { type: '5' }), entry('g', pax, { type: 'g' }), entry('a/b', 'x'), END]),
      [plain('a/b', 'x')],
    )
  })

  it('a long name is the next entry’s alone', async () => {
    const long = `${'d/'.repeat(100)}é`
    const record = ` path=${long}\n`
    const pax = `${Buffer.byteLength(record) + 3}${record}`
    for (const [type, body] of [
      ['x', pax],
      ['x', `13 mtime=1.5\n${pax}`],
      ['L', `${long}\0`],
    ] as const) {
      assert.deepEqual(await read([entry('head', body, { type }), entry('short', 'x'), entry('next', 'y'), END]), [
        plain(long, 'x'),
        plain('next', 'y'),
      ])
    }
    // a folder takes its long name with it
    const folder = [entry('head', `${long}/\0`, { type: 'L' }), entry('f/', '', { type: '5' })]
    assert.deepEqual(await read([...folder, entry('next', 'y'), END]), [plain('next', 'y')])
    // times after a long name do not take it away
    const both = [entry('l', `${long}\0`, { type: 'L' }), entry('x', '13 mtime=1.5\n', { type: 'x' })]
    assert.deepEqual(await read([...both, entry('short', 'x'), END]), [plain(long, 'x')])
  })

  it('a header of 64 KiB is read, one byte more is not', async () => {
    const record = (size: number): string => `${size} comment=${'c'.repeat(size - 15)}\n`
    assert.equal(record(65_536).length, 65_536)
    assert.deepEqual(await read([entry('x', record(65_536), { type: 'x' }), entry('a', 'x'), END]), [plain('a', 'x')])
    await assert.rejects(read([entry('x', record(65_537), { type: 'x' }), entry('a', 'x'), END]), /larger than 64 KiB/)
  })

  it('every other type is refused by name', async () => {
    for (const type of ['1', '2', '3', '4', '6', 'S', 'V'])
      await assert.rejects(read([entry('odd', '', { type }), END]), /"odd" is a link or device/)
    // what a link with a long target leads to comes before it
    const far = [entry('././@LongLink', `${'t'.repeat(200)}\0`, { type: 'K' }), entry('odd', '', { type: '2' })]
    await assert.rejects(read([...far, END]), /"odd" is a link or device/)
  })
})

describe('limits and ends of a stream', () => {
  it('as many bytes and files as are allowed are taken, one more is not', async () => {
    const three = [entry('a', 'x'.repeat(400)), entry('b', 'y'.repeat(600)), entry('c'), END]
    assert.equal((await read(three, { bytes: 1000, files: 3 })).length, 3)
    await assert.rejects(read(three, { bytes: 999, files: 3 }), { code: 'payload_too_large' })
    await assert.rejects(read(three, { bytes: 1000, files: 2 }), { code: 'payload_too_large' })
  })

  it('what is cut anywhere before its end mark is refused', async () => {
    const whole = Buffer.concat([entry('a', 'x'.repeat(700)), entry('b', 'y')])
    for (const length of [0, 1, 511, 512, 1000, 1535, 1536, 2047, 2048, 2560]) {
      await assert.rejects(read([whole.subarray(0, length)]), /ends too early/, `${length} bytes`)
    }
    assert.equal((await read([whole, Buffer.alloc(512)])).length, 2)
  })

  it('any step gives the same files, and the rest of a body that is half read is passed over', async () => {
    const bytes = [entry('a', 'x'.repeat(700)), entry('b', 'y'.repeat(512)), entry('c', ''), entry('d', 'z'), END]
    const expected = await read(bytes)
    assert.deepEqual(
      expected.map(({ size }) => size),
      [700, 512, 0, 1],
    )
    for (const step of [1, 13, 511, 512, 513, 1025]) assert.deepEqual(await read(bytes, LIMITS, step), expected)
    const names: string[] = []
    for await (const { path, body } of readArchive(pieces(Buffer.concat(bytes), 300), LIMITS)) {
      names.push(path)
      for await (const _ of body) break
    }
    assert.deepEqual(names, ['a', 'b', 'c', 'd'])
  })

  it('what follows the end is read and left', async () => {
    let taken = 0
    async function* source(): AsyncGenerator<Uint8Array> {
      for (const part of [entry('a', 'x'), END, Buffer.alloc(9000, 7), Buffer.alloc(9000, 7)]) {
        taken += part.length
        yield part
      }
    }
    for await (const { path, body } of readArchive(source(), LIMITS)) {
      assert.equal(path, 'a')
      for await (const _ of body);
    }
    assert.equal(taken, 1024 + 1024 + 18_000)
  })
})

describe('an archive that is written', () => {
  it('is read by tar with its names, sizes, modes and bytes', async () => {
    const long = `${'ü/'.repeat(60)}end.txt`
    const edge = 'n'.repeat(100)
    const past = 'm'.repeat(101)
    const files = [
      inMemory('a.sh', '#!/bin/sh\n', true),
      inMemory(edge, 'e'),
      inMemory(past, 'p'.repeat(512)),
      inMemory(long, 'l'.repeat(513)),
      inMemory('empty', ''),
    ]
    const file = join(root, 'made.tar')
    writeFileSync(file, await packed(files))
    const names = execFileSync('tar', ['tf', file, '--quoting-style=literal'], {
      encoding: 'utf8',
      env: { LC_ALL: 'C.UTF-8', PATH: process.env['PATH'] },
    })
    assert.deepEqual(
      names.trim().split('\n'),
      files.map(({ path }) => path),
    )
    const modes = execFileSync('tar', ['tvf', file], { encoding: 'utf8' }).split('\n')
    assert.match(modes[0] ?? '', /^-rwxr-xr-x .* 10 /)
    assert.match(modes[1] ?? '', /^-rw-r--r-- .* 1 /)
    assert.equal(execFileSync('tar', ['xOf', file, past], { encoding: 'utf8' }), 'p'.repeat(512))
    const back = await read([await packed(files)])
    assert.deepEqual(
      back.map(({ path, size, executable }) => [path, size, executable]),
      files.map(({ path, size, executable }) => [path, size, executable]),
    )
  })

  it('has digits in each field that is a number, as POSIX wants them, and belongs to nobody at no time', async () => {
    const header = (await packed([inMemory('a', 'b')])).subarray(0, 512)
    const field = (start: number, end: number): string => header.toString('latin1', start, end)
    const [mode, uid, gid, size, time] = [
      field(100, 108),
      field(108, 116),
      field(116, 124),
      field(124, 136),
      field(136, 148),
    ]
    assert.deepEqual([mode, uid, gid], ['0000644\0', '0000000\0', '0000000\0'])
    assert.deepEqual([size, time], ['00000000001\0', '00000000000\0'])
    assert.deepEqual([field(156, 157), field(257, 265)], ['0', 'ustar\x0000'])
  })

  it('names of every length about the edges of a header come back', async () => {
    for (let length = 85; length < 125; length++) {
      const path = 'x'.repeat(length)
      assert.deepEqual(await read([await packed([inMemory(path, 'y')])]), [plain(path, 'y')])
    }
    for (const length of [985, 990, 991, 992, 993, 994, 1000]) {
      const path = `${'abcdefghi/'.repeat(98)}${'x'.repeat(length - 980)}`
      assert.deepEqual(await read([await packed([inMemory(path, 'y')])]), [plain(path, 'y')])
    }
  })

  it('sizes from 8 GiB on are of base 256, as GNU tar has them', async () => {
    for (const [size, field] of [
      [8 ** 11 - 1, Buffer.from('77777777777\0')],
      [8 ** 11, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])],
      [2 ** 40 + 5, Buffer.from([0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5])],
    ] as const) {
      const file = { ...inMemory('large', ''), size }
      const { value } = await writeArchive([file]).next()
      assert.ok(field.equals((value as Buffer).subarray(124, 136)), String(size))
      const source = pieces(value as Buffer, 512)
      const { value: header } = await readArchive(source, { bytes: 2 ** 50, files: 1 }).next()
      assert.equal((header as { size: number }).size, size)
    }
  })

  it('a file that is not as long as it was is told by name', async () => {
    for (const size of [3, 5]) {
      const file = { ...inMemory('moving', 'four'), size }
      await assert.rejects(packed([file]), { code: 'conflict', message: /"moving" changed/ })
    }
  })
})

describe('a safe path', () => {
  it('has parts of 255 bytes and 4096 characters at most, and no drive', () => {
    assert.equal(safePath('é'.repeat(127)), 'é'.repeat(127))
    assert.throws(() => safePath('é'.repeat(128)), /not a plain relative path/)
    const long = `${'a/'.repeat(2047)}bb`
    assert.equal(long.length, 4096)
    assert.equal(safePath(long), long)
    assert.throws(() => safePath(`${long}b`), { code: 'bad_request' })
    assert.equal(safePath('./././a:b/..c/.d'), 'a:b/..c/.d')
    for (const bad of ['C:', 'z:x', '/', './', './../a', 'a/.', 'a/./b', '././/a'])
      assert.throws(() => safePath(bad), { code: 'bad_request' }, bad)
    assert.equal(safePath('1:x'), '1:x')
  })
})
