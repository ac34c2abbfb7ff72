/** The writer of segments on a disk that is slow, full or gone: what is lost, what is told, and what goes on. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { allClosedBelow, descriptorsBelow } from '../descriptors.fixture.ts'
import { listSegments, readSegment, SegmentWriter, type SegmentOptions } from './segments.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-writer-'))
after(() => rmSync(root, { recursive: true, force: true }))
const skip = existsSync('/proc/self/fd') && existsSync('/dev/full') ? false : 'finds the open file in /proc'

let folders = 0

/** A writer whose clock is told, with what it says of failures. */
function open(t: TestContext, options: SegmentOptions = {}) {
  const folder = join(root, String(++folders))
  const failures: [code: unknown, lost: number][] = []
  const clock = { now: 10_000, step: 0 }
  t.mock.method(performance, 'now', () => (clock.now += clock.step))
  const writer = new SegmentWriter(folder, {
    onError: (error, lost) => failures.push([(error as { code?: unknown }).code, lost]),
    ...options,
  })
  const texts = (): string[][] =>
    listSegments(folder).map(({ path }) => readSegment(path, 0, 1 << 20).records.map(({ payload }) => String(payload)))
  return { folder, writer, failures, clock, texts }
}

/** Puts a device in the place of the one file that is open: /dev/full takes no byte, /dev/null cannot be synced. */
function replaceBy(device: '/dev/full' | '/dev/null', folder: string): void {
  const [fd = assert.fail()] = descriptorsBelow(folder)
  closeSync(fd)
  const opened: number[] = []
  while (opened.at(-1) !== fd) opened.push(openSync(device, 'w'))
  for (const other of opened.slice(0, -1)) closeSync(other)
}

describe('a writer of segments', { skip }, () => {
  it('closes each file that is full, and the last one when it is closed', async (t) => {
    const { folder, writer, failures, texts } = open(t, { maxBytes: 30, manual: true })
    for (let i = 0; i < 12; i++) writer.append(`record ${i}`)
    await writer.flush()
    assert.equal(writer.flushNow(), true, 'nothing is under way any more')
    assert.deepEqual(texts().length, 12)
    await writer.close()
    await allClosedBelow(folder)
    assert.deepEqual(failures, [])
  })

  it('has nothing to write, to sync or to close before its first record', async (t) => {
    const { writer, texts } = open(t)
    await writer.flush()
    await writer.sync()
    await writer.close()
    assert.deepEqual([writer.flushNow(), texts()], [true, []])
  })

  it('on a full disk loses what is being written and what waits, refuses for a second, and goes on in a new file', async (t) => {
    const { folder, writer, failures, clock, texts } = open(t, { manual: true })
    writer.append('kept')
    await writer.flush()
    replaceBy('/dev/full', folder)
    writer.append('lost 1')
    const flushed = writer.flush()
    await Promise.resolve()
    writer.append('lost 2')
    writer.append('lost 3, of a call of 40 rows', 40)
    await flushed
    assert.deepEqual(failures, [['ENOSPC', 42]])
    await allClosedBelow(folder)
    clock.now += 999
    assert.throws(() => writer.append('refused'), { code: 'ENOSPC' })
    clock.now += 1
    assert.equal(writer.append('after'), 0)
    await writer.close()
    assert.deepEqual([texts(), failures.length], [[['kept'], ['after']], 1])
  })

  it('tells of a full disk in the call that writes at once', async (t) => {
    const { folder, writer, failures, clock, texts } = open(t, { manual: true, retryMs: 50 })
    writer.append('kept')
    assert.equal(writer.flushNow(), true)
    replaceBy('/dev/full', folder)
    writer.append('lost 1')
    writer.append('lost 2', 7)
    assert.equal(writer.flushNow(), true)
    assert.deepEqual(failures, [['ENOSPC', 8]])
    await allClosedBelow(folder)
    clock.now += 49
    assert.throws(() => writer.append('refused'), { code: 'ENOSPC' })
    clock.now += 1
    writer.append('after')
    assert.equal(writer.flushNow(), true)
    assert.deepEqual(texts(), [['kept'], ['after']])
    await writer.close()
  })

  it('a sync that fails is told to who asked for it, and at the end of a file to the owner', async (t) => {
    const { folder, writer, failures, texts } = open(t)
    writer.append('written')
    await writer.flush()
    replaceBy('/dev/null', folder)
    await assert.rejects(writer.sync(), { code: 'EINVAL' })
    await writer.close()
    assert.deepEqual([failures, texts()], [[['EINVAL', 0]], [['written']]])
  })

  it('a file that cannot be made is tried again after a second', (t) => {
    const { folder, writer, clock } = open(t, { writerId: 'w' })
    const taken = join(folder, 'w-00000001.seg')
    writeFileSync(taken, '')
    assert.throws(() => writer.append('x'), { code: 'EEXIST' })
    rmSync(taken)
    clock.now += 999
    assert.throws(() => writer.append('x'), { code: 'EEXIST' })
    clock.now += 1
    assert.equal(writer.append('x'), 0)
    assert.equal(writer.segment, 'w-00000001.seg')
  })

  it('after a slow write at once the disk is left alone for a second', async (t) => {
    const { writer, clock, texts } = open(t, { manual: true })
    writer.append('5 ms are not slow')
    clock.step = 5
    assert.equal(writer.flushNow(), true)
    writer.append('6 ms are')
    clock.step = 6
    assert.equal(writer.flushNow(), true)
    clock.step = 0
    writer.append('waits')
    clock.now += 999
    assert.equal(writer.flushNow(), false)
    assert.deepEqual(texts(), [['5 ms are not slow', '6 ms are']])
    clock.now += 1
    assert.equal(writer.flushNow(), true)
    assert.deepEqual(texts(), [['5 ms are not slow', '6 ms are', 'waits']])
    await writer.close()
  })

  it('does not write at once while a file is being finished', async (t) => {
    const { writer, texts } = open(t, { manual: true, maxBytes: 20 })
    writer.append('x'.repeat(12))
    writer.append('y')
    assert.equal(writer.flushNow(), false)
    await writer.flush()
    writer.append('z')
    assert.equal(writer.flushNow(), true)
    assert.deepEqual(texts(), [['x'.repeat(12)], ['y', 'z']])
    await writer.close()
  })
})
