/** Segment files: nothing written is lost or doubled, wherever a file is cut or damaged. */
import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { listSegments, MAX_RECORD_BYTES, readSegment, SegmentWriter } from './segments.ts'

const root = temporaryFolder('segments')

let folders = 0
const fresh = (): string => join(root, String(++folders))

/** Reads a whole file in small steps, as an ingester does. */
function readAll(
  path: string,
  maxBytes: number,
  finished = false,
): { texts: string[]; damaged: number; torn: boolean } {
  const texts: string[] = []
  let damaged = 0
  let from = 0
  for (;;) {
    const chunk = readSegment(path, from, maxBytes, finished)
    texts.push(...chunk.records.map((record) => record.payload.toString()))
    damaged += chunk.damaged.length
    if (chunk.next === from) return { texts, damaged, torn: chunk.torn }
    from = chunk.next
  }
}

/** A segment of records with these texts; `ends` is where each record ends. */
async function written(
  texts: readonly string[],
): Promise<{ path: string; offsets: number[]; bytes: Buffer; ends: number[] }> {
  const writer = new SegmentWriter(fresh())
  const offsets = texts.map((text) => writer.append(text))
  await writer.close()
  const [segment] = listSegments(join(root, String(folders)))
  assert.ok(segment)
  const bytes = readFileSync(segment.path)
  return { path: segment.path, offsets, bytes, ends: [...offsets.slice(1), bytes.length] }
}

describe('segments', () => {
  const texts = ['first', '', 'ünïcode 🙂', 'x'.repeat(300), 'last']

  it('reads back what was appended, at the offsets that were told', async () => {
    const { path, offsets } = await written(texts)
    const chunk = readSegment(path, 0, 1 << 20)
    assert.deepEqual(
      chunk.records.map((record) => record.payload.toString()),
      texts,
    )
    assert.deepEqual(
      chunk.records.map((record) => record.offset),
      offsets,
    )
    assert.equal(chunk.next, statSync(path).size)
    assert.equal(chunk.torn, false)
    assert.deepEqual(chunk.damaged, [])
    const third = readSegment(path, offsets[2] ?? -1, 0)
    assert.deepEqual(
      third.records.map((record) => record.payload.toString()),
      [texts[2]],
    )
  })

  it('is the same with any step', async () => {
    const { path } = await written(texts)
    for (let step = 1; step < 400; step += 7) assert.deepEqual(readAll(path, step), { texts, damaged: 0, torn: false })
  })

  it('cut at any byte: every whole record is read, the rest is left, and goes on when the bytes arrive', async () => {
    const { bytes, ends } = await written(texts)
    const cut = join(root, 'cut')
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(cut, bytes.subarray(0, length))
      const whole = ends.filter((end) => end <= length).length
      const chunk = readSegment(cut, 0, 1 << 20)
      assert.equal(chunk.records.length, whole)
      assert.equal(chunk.torn, length !== (ends[whole - 1] ?? 0))
      writeFileSync(cut, bytes)
      const rest = readSegment(cut, chunk.next, 1 << 20)
      assert.deepEqual(
        [...chunk.records, ...rest.records].map((record) => record.payload.toString()),
        texts,
      )
    }
  })

  it('damage of any byte costs one record, and is reported', async () => {
    const { bytes, ends } = await written(texts)
    const bad = join(root, 'bad')
    for (let at = 0; at < bytes.length; at++) {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ 0x5a
      writeFileSync(bad, copy)
      const hit = ends.findIndex((end) => at < end)
      for (const step of [64, 1 << 20]) {
        const read = readAll(bad, step, true)
        assert.deepEqual(
          read.texts,
          texts.filter((_, index) => index !== hit),
          `byte ${at}, step ${step}`,
        )
        assert.ok(read.damaged >= 1)
      }
    }
  })

  it('zeros at the end, as a crash of the machine leaves them, are no records', async () => {
    const { path } = await written(texts)
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(100)]))
    assert.deepEqual(readAll(path, 1 << 20), { texts, damaged: 0, torn: true })
    assert.deepEqual(readAll(path, 1 << 20, true), { texts, damaged: 1, torn: false })
  })

  it('rotates, and says which files are finished', async () => {
    const folder = fresh()
    const writer = new SegmentWriter(folder, { maxBytes: 100, writerId: 'gw.1' })
    const all = Array.from({ length: 50 }, (_, i) => `record ${i}`)
    for (const text of all) writer.append(text)
    await writer.flush()
    const files = listSegments(folder)
    assert.ok(files.length > 5)
    assert.equal(files[0]?.name, 'gw.1-00000001.seg')
    assert.equal(files.at(-1)?.name, writer.segment)
    assert.deepEqual(
      files.map((file) => file.finished),
      files.map((_, i) => i < files.length - 1),
    )
    assert.deepEqual(
      files.flatMap((file) => readAll(file.path, 1 << 20).texts),
      all,
    )
    for (const file of files) assert.ok(statSync(file.path).size <= 100)
    await writer.close()
    const again = new SegmentWriter(folder, { writerId: 'gw.1' })
    assert.equal(again.segment, `gw.1-${String(files.length + 1).padStart(8, '0')}.seg`)
  })

  it('two writers in one folder never share a file', async () => {
    const folder = fresh()
    const writers = [new SegmentWriter(folder), new SegmentWriter(folder)]
    for (let i = 0; i < 100; i++) writers[i % 2]?.append(String(i))
    for (const writer of writers) {
      await writer.sync()
      await writer.close()
    }
    const read = listSegments(folder).flatMap((file) => readAll(file.path, 1 << 20).texts)
    assert.deepEqual(
      read.map(Number).sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i),
    )
  })

  it('many records of one turn, more than a system call takes', async () => {
    const folder = fresh()
    const writer = new SegmentWriter(folder)
    for (let i = 0; i < 5000; i++) writer.append(`n ${i}`)
    await writer.flush()
    const [file] = listSegments(folder)
    assert.equal(readAll(file?.path ?? '', 4096).texts.length, 5000)
    await writer.close()
  })

  const noProc = existsSync('/proc/self/fd') ? false : 'finds the open file in /proc'
  it('a failed write costs its records, says so, and the next file is sound', { skip: noProc }, async (t) => {
    const folder = fresh()
    const lost: number[] = []
    let now = 0
    t.mock.method(performance, 'now', () => now)
    const writer = new SegmentWriter(folder, { retryMs: 200, onError: (_, records) => lost.push(records) })
    writer.append('before')
    await writer.flush()
    const held = readdirSync('/proc/self/fd').find((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).endsWith(writer.segment)
      } catch {
        return false
      }
    })
    const path = join(folder, writer.segment)
    // The writer's descriptor now stands for a file that is open for reading only.
    closeSync(Number(held))
    const opened: number[] = []
    while (opened.at(-1) !== Number(held)) opened.push(openSync(path, 'r'))
    writer.append('lost 1')
    writer.append('lost 2')
    await writer.flush()
    assert.throws(() => writer.append('refused at once'), { code: 'EBADF' })
    assert.equal(listSegments(folder).length, 1)
    now += 200
    writer.append('after')
    await writer.close()
    assert.deepEqual(lost, [2])
    assert.deepEqual(
      listSegments(folder).flatMap((file) => readAll(file.path, 1 << 20).texts),
      ['before', 'after'],
    )
  })

  it('refuses a record that is too long', () => {
    const writer = new SegmentWriter(fresh())
    assert.throws(() => writer.append(Buffer.alloc(MAX_RECORD_BYTES + 1)), /at most/)
  })

  it('are listed by their numbers, also where those have more digits than others', () => {
    const folder = fresh()
    mkdirSync(folder)
    const names = ['v-00000002', 'w-00000007', 'w-99999999', 'w-100000000'].map((name) => `${name}.seg`)
    for (const name of [...names, 'w-1.seg', 'notes']) writeFileSync(join(folder, name), '')
    assert.deepEqual(
      listSegments(folder).map(({ name, finished }) => [name, finished]),
      names.map((name) => [name, name.startsWith('w') && name !== 'w-100000000.seg']),
    )
  })

  it('a file is filled to its last byte, and the record that does not fit begins the next', async () => {
    const folder = fresh()
    const writer = new SegmentWriter(folder, { maxBytes: 40, writerId: 'w' })
    // header of 8 bytes and payload of 12 each
    const offsets = ['a', 'b', 'c', 'd'].map((letter) => writer.append(letter.repeat(12)))
    assert.deepEqual(offsets, [0, 20, 0, 20])
    assert.equal(writer.append('x'), 0)
    await writer.close()
    assert.deepEqual(
      listSegments(folder).map(({ seq, path, finished }) => [seq, statSync(path).size, finished]),
      [
        [1, 40, true],
        [2, 40, true],
        [3, 9, false],
      ],
    )
    assert.equal(writer.segment, 'w-00000004.seg')
    assert.equal(writer.append('after closing'), 0)
    await writer.close()
    assert.equal(listSegments(folder).at(-1)?.name, 'w-00000004.seg')
  })

  it('a record larger than a file has one to itself', async () => {
    const folder = fresh()
    const writer = new SegmentWriter(folder, { maxBytes: 10 })
    for (const text of ['y'.repeat(200_000), 'z']) writer.append(text)
    await writer.close()
    assert.deepEqual(
      listSegments(folder).map(({ path }) => readAll(path, 1 << 20).texts.map((text) => text.length)),
      [[200_000], [1]],
    )
  })

  it('the bytes of a record are its length, the checksum of both, and its payload', async () => {
    const { path } = await written(['abc'])
    const bytes = readFileSync(path)
    const sum = crc32(Buffer.concat([bytes.subarray(0, 4), Buffer.from('abc')]))
    const expected = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 97, 98, 99])
    expected.writeUInt32LE(sum, 4)
    assert.deepEqual(bytes, expected)
  })

  it('written by hand, nothing goes out before flush or flushNow', async () => {
    const folder = fresh()
    const writer = new SegmentWriter(folder, { manual: true })
    const size = (): number => statSync(join(folder, writer.segment)).size
    assert.equal(writer.flushNow(), true)
    writer.append('abc')
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    assert.equal(size(), 0)
    assert.equal(writer.flushNow(), true)
    assert.equal(size(), 11)
    assert.equal(writer.flushNow(), true)
    assert.equal(size(), 11)
    writer.append(new Uint8Array(2_000_000))
    assert.equal(writer.flushNow(), true)
    writer.append('d')
    await writer.flush()
    assert.equal(size(), 11 + 2_000_008 + 9)
    writer.append('e')
    const flushed = writer.flush()
    assert.equal(writer.flushNow(), false)
    await flushed
    await writer.close()
    assert.deepEqual(
      readAll(join(folder, listSegments(folder)[0]?.name ?? ''), 1 << 20).texts.map((text) => text.length),
      [3, 2_000_000, 1, 1],
    )
  })

  it('one turn of the event loop is one write', async () => {
    const folder = fresh()
    const writer = new SegmentWriter(folder)
    writer.append('a')
    writer.append('b')
    assert.equal(statSync(join(folder, writer.segment)).size, 0)
    await writer.sync()
    assert.equal(statSync(join(folder, writer.segment)).size, 18)
    await writer.close()
  })

  it('reading ends behind the record that reaches the limit, and takes one at least', async () => {
    const { path } = await written(['a', 'b', 'c', 'd'])
    const read = (from: number, most: number): number => readSegment(path, from, most).records.length
    assert.deepEqual(
      [0, 1, 8, 9, 10, 18, 19, 36, 37].map((most) => read(0, most)),
      [1, 1, 1, 1, 2, 2, 3, 4, 4],
    )
    assert.deepEqual(readSegment(path, 36, 100), { records: [], next: 36, torn: false, damaged: [] })
    const [second] = readSegment(path, 9, 1).records
    assert.deepEqual([second?.offset, second?.next, second?.payload.toString()], [9, 18, 'b'])
  })

  it('what is damaged is told with its place and its length', async () => {
    const { path } = await written(['aaaa', 'bbbb', 'cccc'])
    const bytes = readFileSync(path)
    bytes[20] = 0
    writeFileSync(path, bytes)
    const chunk = readSegment(path, 0, 1 << 20)
    assert.deepEqual(chunk.damaged, [{ offset: 12, bytes: 12 }])
    assert.deepEqual([chunk.next, chunk.torn], [36, false])
    // the last one damaged: only a finished file can tell it from one that is being written
    bytes[35] = 0
    writeFileSync(path, bytes)
    assert.deepEqual(readSegment(path, 24, 100), { records: [], next: 24, torn: true, damaged: [] })
    assert.deepEqual(readSegment(path, 24, 100, true), {
      records: [],
      next: 36,
      torn: false,
      damaged: [{ offset: 24, bytes: 12 }],
    })
  })

  it('a length that no record has is damage at once', async () => {
    const { path } = await written(['aaaa', 'bbbb'])
    const bytes = readFileSync(path)
    bytes.writeUInt32LE(MAX_RECORD_BYTES + 1, 0)
    writeFileSync(path, bytes)
    const chunk = readSegment(path, 0, 1 << 20)
    assert.deepEqual(chunk.damaged, [{ offset: 0, bytes: 12 }])
    assert.equal(chunk.records[0]?.payload.toString(), 'bbbb')
    // one that is possible, and more than there is, may be on its way
    bytes.writeUInt32LE(MAX_RECORD_BYTES, 0)
    writeFileSync(path, bytes)
    assert.equal(readSegment(path, 0, 1 << 20).torn, true)
  })

  it('lists segments by writer and number, and nothing else', () => {
    const folder = fresh()
    assert.deepEqual(listSegments(folder), [])
    mkdirSync(folder)
    const names = ['b-00000002.seg', 'a-00000010.seg', 'b-00000001.seg', 'a-00000009.seg', 'a-123456789.seg']
    for (const name of [...names, 'a-1.seg', 'a-00000001.seg.tmp', 'xa-00000001', '-00000001.seg', 'notes'])
      writeFileSync(join(folder, name), '')
    assert.deepEqual(
      listSegments(folder).map(({ name, path, writer, seq, finished }) => [name, path, writer, seq, finished]),
      [
        ['a-00000009.seg', join(folder, 'a-00000009.seg'), 'a', 9, true],
        ['a-00000010.seg', join(folder, 'a-00000010.seg'), 'a', 10, true],
        ['a-123456789.seg', join(folder, 'a-123456789.seg'), 'a', 123_456_789, false],
        ['b-00000001.seg', join(folder, 'b-00000001.seg'), 'b', 1, true],
        ['b-00000002.seg', join(folder, 'b-00000002.seg'), 'b', 2, false],
      ],
    )
    assert.throws(() => listSegments(join(folder, 'notes')), { code: 'ENOTDIR' })
  })

  it('refuses a writer whose name is none, and a file that is there', () => {
    for (const writerId of ['', 'a-b', 'a/b', '../x', 'ü'])
      assert.throws(() => new SegmentWriter(fresh(), { writerId }), /letters, digits/)
    const folder = fresh()
    const [one, two] = [1, 2].map(() => new SegmentWriter(folder, { writerId: 'same', retryMs: 0 }))
    one?.append('x')
    assert.throws(() => two?.append('y'), { code: 'EEXIST' })
  })

  it('a file has 64 MiB where nothing else is said', async () => {
    const writer = new SegmentWriter(fresh())
    const quarter = Buffer.alloc(16 * 2 ** 20 - 8)
    const offsets = [quarter, quarter, quarter, quarter, 'x'].map((payload) => writer.append(payload))
    assert.deepEqual(offsets, [0, 2 ** 24, 2 * 2 ** 24, 3 * 2 ** 24, 0])
    await writer.close()
  })

  it('a record as long as is allowed is taken', async () => {
    const { path } = await written(['x'.repeat(MAX_RECORD_BYTES)])
    assert.equal(readSegment(path, 0, 1).records[0]?.payload.length, MAX_RECORD_BYTES)
  })
})
