/** Sealed texts: opened with the same key for the same webhook and by nothing else, and the file in which the key lies. */
import assert from 'node:assert/strict'
import { createDecipheriv } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { fileSeal } from './sealing.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealing-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = (): string => join(folder, `key-${++files}`)

const SECRET = 'shared, häßlich and long enough for more than one block of the cipher'

function assertShut(open: () => string): void {
  assert.throws(
    open,
    ({ code, data }: { code: string; data: { detail: string } }) =>
      code === 'unprocessable' && /sealed with another key than the one in .*set it again/.test(data.detail),
  )
}

describe('a sealed text', () => {
  const file = newFile()
  const sealed = fileSeal(file).seal(SECRET, 'w1')

  test('is AES-256-GCM of a nonce, a tag and the text, bound to its webhook', () => {
    const bytes = Buffer.from(sealed, 'base64url')
    const cipher = createDecipheriv('aes-256-gcm', readFileSync(file), bytes.subarray(0, 12))
    cipher.setAAD(Buffer.from('w1')).setAuthTag(bytes.subarray(12, 28))
    assert.equal(cipher.update(bytes.subarray(28), undefined, 'utf8') + cipher.final('utf8'), SECRET)
  })

  test('is opened by whoever has the file of its key; an empty one too', () => {
    assert.equal(fileSeal(file).open(sealed, 'w1'), SECRET)
    assert.equal(fileSeal(file).open(fileSeal(file).seal('', 'w1'), 'w1'), '')
  })

  test('is another one each time', () => {
    const seal = fileSeal(file)
    assert.equal(new Set(Array.from({ length: 50 }, () => seal.seal(SECRET, 'w1').slice(0, 16))).size, 50)
  })

  test('is not opened for another webhook, with another key, cut short, or changed anywhere', () => {
    const seal = fileSeal(file)
    assertShut(() => seal.open(sealed, 'w2'))
    assertShut(() => fileSeal(newFile()).open(sealed, 'w1'))
    const bytes = Buffer.from(sealed, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (bytes[at] ?? 0) ^ 1
      assertShut(() => seal.open(changed.toString('base64url'), 'w1'))
      assertShut(() => seal.open(bytes.subarray(0, at).toString('base64url'), 'w1'))
    }
  })
})

describe('the file of the key', () => {
  test('is made when something is first sealed, with 32 bytes that its owner alone reads, and is kept', () => {
    const file = newFile()
    const seal = fileSeal(file)
    assert.equal(existsSync(file), false)
    const sealed = seal.seal(SECRET, 'w')
    const { size, mode } = statSync(file)
    assert.deepEqual([size, mode & 0o777], [32, 0o600])
    const key = readFileSync(file)
    fileSeal(file).seal(SECRET, 'w')
    assert.deepEqual(readFileSync(file), key)
    rmSync(file)
    assert.equal(seal.open(sealed, 'w'), SECRET, 'it is read once')
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith(`key-${files}.`)),
      [],
    )
  })

  test('that is no key is refused and left as it is', () => {
    for (const bytes of [0, 31, 33]) {
      const file = newFile()
      writeFileSync(file, Buffer.alloc(bytes))
      assert.throws(() => fileSeal(file).seal(SECRET, 'w'), {
        code: 'unprocessable',
        data: { detail: `the key file ${file} has ${bytes} bytes, not 32` },
      })
      assert.equal(statSync(file).size, bytes)
    }
  })

  test('that can neither be read nor made is a fault of the disk', () => {
    const taken = newFile()
    mkdirSync(taken)
    assert.throws(() => fileSeal(taken).seal(SECRET, 'w'), { code: 'EISDIR' })
    assert.throws(() => fileSeal(join(folder, 'none', 'key')).seal(SECRET, 'w'), { code: 'ENOENT' })
  })

  test('is one for all that make it at the same time', async () => {
    const file = newFile()
    const gate = new Int32Array(new SharedArrayBuffer(8))
    const code = `const { workerData: { url, file, gate }, parentPort } = require('node:worker_threads')
      import(url).then(({ fileSeal }) => {
        Atomics.add(gate, 0, 1)
        Atomics.notify(gate, 0)
        Atomics.wait(gate, 1, 0)
        parentPort.postMessage(fileSeal(file).seal('mine', 'w'))
      })`
    const workerData = { url: import.meta.resolve('./sealing.ts'), file, gate }
    const sealed = [1, 2, 3, 4].map(
      () =>
        new Promise<string>((resolve, reject) => {
          const worker = new Worker(code, { eval: true, workerData })
          worker.once('message', resolve).once('error', reject)
        }),
    )
    for (let ready = 0; ready < sealed.length; ready = Atomics.load(gate, 0)) {
      await Atomics.waitAsync(gate, 0, ready).value
    }
    Atomics.store(gate, 1, 1)
    Atomics.notify(gate, 1)
    for (const one of await Promise.all(sealed)) assert.equal(fileSeal(file).open(one, 'w'), 'mine')
  })
})
