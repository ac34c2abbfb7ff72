/** The proof that a server is that of a data folder: by openssl's HMAC, of one key a folder, for its owner alone. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs, { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { folderKey, isNonce, KEY_FILE, makeFolderKey, proofOf } from './folder-proof.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-proof-'))
after(() => rmSync(folder, { recursive: true }))
const NONCE = 'ab'.repeat(16)

test('a folder has one key, which its owner alone reads', () => {
  assert.equal(folderKey(folder), undefined)
  const key = makeFolderKey(folder)
  assert.equal(key.length, 32)
  assert.deepEqual([makeFolderKey(folder), folderKey(folder), readFileSync(join(folder, KEY_FILE))], [key, key, key])
  assert.equal(statSync(join(folder, KEY_FILE)).mode & 0o777, 0o600)
})

test('a proof is what openssl computes, another for another address, nonce and key', () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef')
  const asked = `slipway-server\nhttp://127.0.0.1:4600\n${NONCE}`
  const said = execFileSync('openssl', ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `key:${key.toString()}`], {
    input: asked,
  })
  const proof = proofOf(key, 'http://127.0.0.1:4600', NONCE)
  assert.equal(said.toString().trim().split(' ').at(-1), proof)
  const others = [
    proofOf(key, 'http://127.0.0.1:4601', NONCE),
    proofOf(key, 'http://127.0.0.1:4600', 'cd'.repeat(16)),
    proofOf(Buffer.alloc(32), 'http://127.0.0.1:4600', NONCE),
  ]
  assert.equal(new Set([proof, ...others]).size, 4)
})

test('a nonce is 32 to 128 hexadecimal digits', () => {
  for (const text of [NONCE, '0'.repeat(128)]) assert.ok(isNonce(text), text)
  for (const text of ['', 'ab', '0'.repeat(129), `${NONCE}\n`, NONCE.toUpperCase(), 'g'.repeat(32)])
    assert.ok(!isNonce(text), text)
})

test('on a full disk the server has a key that nobody else knows', (t) => {
  const other = mkdtempSync(join(tmpdir(), 'slipway-proof-'))
  t.after(() => rmSync(other, { recursive: true }))
  const full = t.mock.method(fs, 'openSync', () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  })
  syncBuiltinESMExports()
  try {
    const [one, two] = [makeFolderKey(other), makeFolderKey(other)]
    assert.equal(one.length, 32)
    assert.notDeepEqual(one, two)
  } finally {
    full.mock.restore()
    syncBuiltinESMExports()
  }
  assert.equal(folderKey(other), undefined)
})
