/** Files of keys: made once for their owner alone; what is in the way is told, and nothing half made is left. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
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
