/** Files of keys: made once for their owner alone; what is in the way is told, and nothing half made is left. */
import assert from 'node:assert/strict'
import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { descriptorsBelow } from './descriptors.fixture.ts'
import { keptFile } from './kept-file.ts'

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'slipway-kept-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

test('a file is made once, for its owner alone', (t: TestContext) => {
  const place = folder(t)
  const make = (text: string) => keptFile(join(place, 'key'), () => Buffer.from(text)).toString()
  assert.deepEqual([make('one'), make('two')], ['one', 'one'])
  assert.equal(statSync(join(place, 'key')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(place), ['key'])
})

test('what is in the way is told at once, and no key is made', (t: TestContext) => {
  const place = folder(t)
  writeFileSync(join(place, 'file'), '')
  const make = (): never => assert.fail('no key is made')
  assert.throws(() => keptFile(join(place, 'file', 'key'), make), { code: 'ENOTDIR' })
  assert.throws(() => keptFile(place, make), { code: 'EISDIR' })
  assert.deepEqual(readdirSync(place), ['file'])
})

test('the file that another process made meanwhile is the one', (t: TestContext) => {
  const place = folder(t)
  const file = join(place, 'key')
  const make = (): Buffer => {
    writeFileSync(file, 'first')
    return Buffer.from('second')
  }
  assert.equal(keptFile(file, make).toString(), 'first')
  assert.deepEqual([readFileSync(file, 'utf8'), readdirSync(place)], ['first', ['key']])
})

test('nothing is left of a file that could not be made, be it on the disk or open', (t: TestContext) => {
  const place = folder(t)
  const fault = new Error('no random bytes')
  const make = (): never => {
    throw fault
  }
  assert.throws(() => keptFile(join(place, 'key'), make), fault)
  assert.deepEqual([readdirSync(place), descriptorsBelow(place)], [[], []])
  keptFile(join(place, 'key'), () => Buffer.from('one'))
  assert.deepEqual(descriptorsBelow(place), [])
})

test('the content is on the disk before the file has its name', (t: TestContext) => {
  const place = folder(t)
  const real = fs.fsyncSync
  const synced: unknown[] = []
  t.mock.method(fs, 'fsyncSync', (handle: number) => {
    real(handle)
    const [name = ''] = readdirSync(place)
    synced.push([name.startsWith('key.'), readFileSync(join(place, name), 'utf8')])
  })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  keptFile(join(place, 'key'), () => Buffer.from('one'))
  assert.deepEqual(synced, [[true, 'one']])
})
