/** The file of checkpoints: its end is enough to go on from, what a crash cut off is taken away, and a line that was added is on the disk. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { descriptorsBelow } from '../store/descriptors.fixture.ts'
import { addLine, readCheckpoints, readTail } from './checkpoint-file.ts'
import { fileSigner } from './checkpoint-record.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-checkpoints-'))
after(() => rmSync(folder, { recursive: true }))
const signer = fileSigner(join(folder, 'key.pem'))
const lineOf = (n: number, note = ''): string =>
  signer.sign({ n, kind: 'checkpoint', at: '2026-03-01T00:00:00.000Z', rows: n, head: 'h', prev: 'p', note })
const hashOf = (line: string): string => createHash('sha256').update(line).digest('hex')
const ZEROS = '0'.repeat(64)

let files = 0
function fileOf(text?: string): string {
  const file = join(folder, `file-${++files}`)
  if (text !== undefined) writeFileSync(file, text)
  return file
}
async function tailOf(file: string) {
  const { points, prev, end } = await readTail(file)
  assert.deepEqual(descriptorsBelow(folder), [], 'it is closed')
  return { numbers: points.map(({ n }) => n), prev, end }
}

describe('the end of the file', () => {
  const EMPTY = { numbers: [], prev: ZEROS, end: 0 }

  test('is nothing where there is no file, no line, or the half of one', async () => {
    for (const text of [undefined, '', lineOf(1).slice(0, 40)]) assert.deepEqual(await tailOf(fileOf(text)), EMPTY)
  })

  test('is all whole lines of a short one: what they say, the hash of the last and where it ends', async () => {
    const [one, two] = [lineOf(1), lineOf(2, 'ü')]
    const whole = `${one}\n${two}\n`
    const told = { numbers: [1, 2], prev: hashOf(two), end: Buffer.byteLength(whole) }
    assert.deepEqual(await tailOf(fileOf(whole)), told)
    assert.deepEqual(await tailOf(fileOf(whole + lineOf(3))), told, 'what a crash cut off is left out')
    assert.deepEqual(await tailOf(fileOf(`${one}\n`)), { numbers: [1], prev: hashOf(one), end: one.length + 1 })
  })

  test('has lines that are none of ours only for the one that comes after', async () => {
    assert.deepEqual(await tailOf(fileOf(`${lineOf(1)}\nother\n`)), {
      numbers: [1],
      prev: hashOf('other'),
      end: lineOf(1).length + 7,
    })
  })

  test('is that of the last 128 KiB of a long one', async () => {
    const lines = Array.from({ length: 600 }, (_, i) => lineOf(i + 1))
    const text = `${lines.join('\n')}\n`
    const size = Buffer.byteLength(text)
    // a line lies in the last 131072 bytes as a whole
    const read = lines.flatMap((line, i) => (text.indexOf(line) >= size - 131_072 ? [i + 1] : []))
    assert.ok(read.length > 100 && read.length < 600)
    assert.deepEqual(await tailOf(fileOf(text)), { numbers: read, prev: hashOf(lines.at(-1) ?? ''), end: size })
    assert.deepEqual((await tailOf(fileOf(`${text}half`))).end, size)
  })

  test('and the whole of it fail where a folder is in its place', async () => {
    mkdirSync(join(folder, 'taken'))
    await assert.rejects(readTail(join(folder, 'taken')), { code: 'EISDIR' })
    await assert.rejects(readCheckpoints(join(folder, 'taken')), { code: 'EISDIR' })
    assert.deepEqual(descriptorsBelow(folder), [])
  })
})

test('the whole file is its text; of none it is empty', async () => {
  assert.equal(await readCheckpoints(fileOf('a\nb')), 'a\nb')
  assert.equal(await readCheckpoints(fileOf()), '')
})

describe('a line that is added', () => {
  test('begins the file, for its owner alone, and comes after the others', async () => {
    const file = fileOf()
    await addLine(file, 'one', await readTail(file))
    assert.equal(statSync(file).mode & 0o777, 0o600)
    await addLine(file, 'two', await readTail(file))
    assert.equal(readFileSync(file, 'utf8'), 'one\ntwo\n')
  })

  test('comes in the place of the half of one', async () => {
    const file = fileOf('one\n')
    appendFileSync(file, 'half of one that is long')
    await addLine(file, 'two', await readTail(file))
    assert.equal(readFileSync(file, 'utf8'), 'one\ntwo\n')
    assert.deepEqual(descriptorsBelow(folder), [])
  })

  test('is on the disk when it resolves: each step waits for the one before, however slow the disk is', async (t: TestContext) => {
    const file = fileOf('one\nhalf')
    const tail = await readTail(file)
    const other = await open(fileOf(''))
    const shared = Object.getPrototypeOf(other) as FileHandle
    await other.close()
    const done: string[] = []
    for (const name of ['truncate', 'sync'] as const) {
      const real: (this: FileHandle, length?: number) => Promise<void> = shared[name]
      t.mock.method(shared, name, async function slow(this: FileHandle, ...given: [number?]) {
        // by the clock: what waits for it does so however long it takes
        await sleep(20)
        await real.apply(this, given)
        done.push(`${name}: ${readFileSync(file, 'utf8')}`)
      })
    }
    await addLine(file, 'two', tail)
    assert.deepEqual(done, ['truncate: one\n', 'sync: one\ntwo\n'])
  })
})
