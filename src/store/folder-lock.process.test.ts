/** The lock of a data folder: one holder, given back by release and by death. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../test/until.ts'
import { LOCK_FILE, lockFolder } from './folder-lock.ts'

test('a second holder is refused until the first lets go', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-lock-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const release = lockFolder(join(folder, 'made'))
  assert.ok(release)
  assert.equal(lockFolder(join(folder, 'made')), undefined)
  release()
  const again = lockFolder(join(folder, 'made'))
  assert.ok(again)
  again()
})

test('a holder in another process keeps it, and loses it when it is killed with -9', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-lock-'))
  const module = join(import.meta.dirname, 'folder-lock.ts')
  const script = `const {lockFolder} = await import(${JSON.stringify(module)}); console.log(lockFolder(${JSON.stringify(folder)}) !== undefined); let times = 0; setInterval(() => { gc(); if (++times === 5) console.log('collected') }, 10)`
  // its way to give it back is dropped, and the collector of garbage runs all the time
  const holder = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => {
    holder.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  let said = ''
  holder.stdout.on('data', (piece) => (said += String(piece)))
  await until('the garbage of the holder to be collected', () => said.includes('collected'))
  assert.equal(said, 'true\ncollected\n')
  assert.equal(lockFolder(folder), undefined)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const release = lockFolder(folder)
  assert.ok(release)
  release()
})

test('the folder is made for its owner alone, the lock holds nothing, and what is no lock is an error', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-lock-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const made = join(folder, 'a', 'b')
  const release = lockFolder(made)
  assert.equal(statSync(made).mode & 0o777, 0o700)
  assert.equal(statSync(join(made, LOCK_FILE)).size, 0)
  release?.()
  const odd = join(folder, 'odd')
  mkdirSync(join(odd, LOCK_FILE), { recursive: true })
  assert.throws(() => lockFolder(odd), /unable to open/)
})
