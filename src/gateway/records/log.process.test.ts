/** The prediction log: what was released is on the disk, also after a kill; order and size of records; a disk that refuses. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listSegments, readSegment } from '../../store/segments/segments.ts'
import { PredictionLog } from './log.ts'
import { predictionsIn } from './packed.ts'
import { prediction } from './prediction.fixture.ts'
import type { BatchRecord, LogRecord, PredictionRecord } from './records.ts'

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'log-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return join(made, 'segments')
}

/** Every record of a folder, in order. */
function recordsIn(segments: string): LogRecord[] {
  return listSegments(segments).flatMap(({ path, finished }) => {
    const found: LogRecord[] = []
    for (let from = 0; ;) {
      const { records, next } = readSegment(path, from, 1 << 20, finished)
      found.push(...records.map(({ payload }) => JSON.parse(payload.toString('utf8')) as LogRecord))
      if (next === from) return found
      from = next
    }
  })
}

const idsIn = (segments: string): string[] => recordsIn(segments).map((one) => (one as PredictionRecord).id)

/** Resolves when a log has released what was appended before. */
const written = (log: PredictionLog): Promise<void> => new Promise((resolve) => log.afterWrite(resolve))

test('a reply is released only when its record and all before it can be read', async (t) => {
  const segments = folder(t)
  const log = new PredictionLog({ folder: segments, writerId: 'w' })
  log.append(prediction('a'))
  const early: string[] = []
  log.afterWrite(() => early.push(...idsIn(segments)))
  log.append(prediction('b'))
  assert.deepEqual(early, [], 'not in the turn that appends')
  await written(log)
  assert.deepEqual(early, ['a', 'b'], 'one write for the turn')
  assert.equal(log.records, 2)
  await log.close()
})

test('what is done together is written at once behind it, with what was appended before, also where it throws', async (t) => {
  const segments = folder(t)
  const log = new PredictionLog({ folder: segments, writerId: 'w' })
  const released: string[][] = []
  const release = (): void => void released.push(idsIn(segments))
  log.append(prediction('a'))
  log.afterWrite(release)
  log.together(() => {
    log.append(prediction('b'))
    log.afterWrite(release)
    log.append(prediction('c'))
    assert.deepEqual(released, [])
  })
  const both = ['a', 'b', 'c']
  assert.deepEqual(released, [both, both])
  log.together(() => undefined)
  assert.throws(
    () =>
      log.together(() => {
        log.append(prediction('d'))
        throw new Error('mine')
      }),
    /mine/,
  )
  await written(log)
  assert.deepEqual([idsIn(segments), released.length], [[...both, 'd'], 2])
  await log.close()
})

test('records are counted row by row, as what is lost is, however a call of many rows is packed or cut', async (t) => {
  const log = new PredictionLog({ folder: folder(t), writerId: 'w' })
  const { id: _id, x: _x, s: _s, p: _p, ex: _ex, ...rest } = prediction('-')
  const call = (texts: readonly string[]): BatchRecord => ({
    ...rest,
    t: 'm',
    ids: texts.map((_, i) => `id-${i}`),
    x: [[...texts]],
    p: texts.map(() => 0),
  })
  log.append(prediction('a'))
  log.append(call(['b', 'c', 'd']))
  assert.equal(log.records, 4)
  log.append(call(Array.from({ length: 8 }, () => 'x'.repeat(200_000))))
  assert.equal(log.records, 12, 'it lies in several records')
  await log.close()
})

test('replies without a record of their own are released in their order too', async (t) => {
  const log = new PredictionLog({ folder: folder(t), writerId: 'w' })
  const order: number[] = []
  for (const i of [1, 2, 3]) log.afterWrite(() => order.push(i))
  await written(log)
  assert.deepEqual(order, [1, 2, 3])
  await log.close()
})

test('killed at once, a gateway has lost nothing that it had released, and wrote nothing twice', (t) => {
  const segments = folder(t)
  const { stdout, signal } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'log.fixture.ts'), segments, '200'],
    { encoding: 'utf8' },
  )
  assert.equal(signal, 'SIGKILL')
  const released = stdout.trimEnd().split('\n').map((line) => `id-${line}`) // prettier-ignore
  assert.ok(released.length >= 100, `${released.length} were released`)
  const kept = idsIn(segments)
  assert.deepEqual(kept.slice(0, released.length), released)
  assert.equal(new Set(kept).size, kept.length)
})

test('a record of many long texts becomes several, which are read as the one was', async (t) => {
  const segments = folder(t)
  const count = 7
  const texts = Array.from({ length: count }, (_, i) => `${i}`.repeat(200_000))
  const { id: _id, x: _x, s: _s, p: _p, ex: _ex, ...rest } = prediction('-')
  const batch: BatchRecord = {
    ...rest,
    t: 'm',
    ids: texts.map((_, i) => `id-${i}`),
    x: [texts],
    p: texts.map((_, i) => i),
  }
  const log = new PredictionLog({ folder: segments, writerId: 'w' })
  log.append(batch)
  await log.close()
  const parts = recordsIn(segments)
  assert.ok(parts.length > 1, 'it was cut')
  for (const part of parts)
    assert.ok(JSON.stringify(part).length <= 512 * 1024 || predictionsIn(part as BatchRecord).length === 1)
  const rows = parts.flatMap((part) => (part.t === 'm' ? predictionsIn(part) : [part as PredictionRecord]))
  assert.deepEqual(
    rows.map((row) => [row.id, row.x, row.p]),
    texts.map((text, i) => [`id-${i}`, [text], i]),
  )
})

test('where the disk refuses, what is lost is counted with its reason, and replies go out', async (t) => {
  const segments = folder(t)
  const log = new PredictionLog({ folder: segments, writerId: 'w' })
  rmSync(segments, { recursive: true })
  log.append(prediction('a'))
  log.append(prediction('b'))
  const { id: _id, x: _x, s: _s, p: _p, ex: _ex, ...rest } = prediction('-')
  log.append({ ...rest, t: 'm', ids: ['c', 'd', 'e'], x: [[1, 2, 3]], p: [0, 0, 0] })
  await written(log)
  assert.equal(log.lost, 5, 'two predictions, and a call of three rows')
  assert.match(String(log.lastError), /ENOENT/)
  await log.close()
})
