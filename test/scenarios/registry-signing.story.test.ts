/** Signatures both ways with the format's own tool: it verifies ours, we verify its, and both refuse a changed file. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { differences, signFiles, verifyBundle } from '../../src/registry/attestation/bundle.ts'
import { testEnv } from '../python-env.ts'

const call = promisify(execFile)
const NAMES = ['MLmodel', 'a/weights.bin', 'a-b/weights.bin', 'a.txt']

describe('model-signing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-signing-'))
  const model = join(folder, 'model')
  const [privateFile, publicFile] = [join(folder, 'key.pem'), join(folder, 'key.pub')]
  let python = ''

  before(async () => {
    python = await testEnv(['model-signing==1.1.1', 'pyopenssl==26.4.0'])
    for (const name of NAMES) {
      mkdirSync(join(model, name, '..'), { recursive: true })
      writeFileSync(join(model, name), `content of ${name}`)
    }
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(publicFile, publicKey.export({ type: 'spki', format: 'pem' }))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const files = (): { path: string; digest: string }[] =>
    NAMES.map((path) => ({
      path,
      digest: `sha256:${createHash('sha256')
        .update(readFileSync(join(model, path)))
        .digest('hex')}`,
    }))
  const tool = (...args: string[]) => call(python, ['-m', 'model_signing', ...args], { timeout: 120_000 })
  const verifies = (signature: string) =>
    tool('verify', 'key', model, '--signature', signature, '--public_key', publicFile)

  it('it verifies what was signed here, and refuses a changed file', async () => {
    const signature = join(folder, 'ours.sig')
    writeFileSync(signature, signFiles('model', files(), readFileSync(privateFile, 'utf8')))
    const { stdout, stderr } = await verifies(signature)
    assert.match(stdout + stderr, /succeeded/i)
    writeFileSync(join(model, 'a.txt'), 'tampered')
    await assert.rejects(verifies(signature))
    writeFileSync(join(model, 'a.txt'), 'content of a.txt')
  })

  it('what it signs is verified here, and a changed file is named', async () => {
    const signature = join(folder, 'theirs.sig')
    await tool('sign', 'key', model, '--signature', signature, '--private_key', privateFile)
    const { manifest } = verifyBundle(readFileSync(signature, 'utf8'), [readFileSync(publicFile, 'utf8')])
    assert.equal(manifest.name, 'model')
    assert.deepEqual(differences(manifest, files()), [])
    const ours = signFiles('model', files(), readFileSync(privateFile, 'utf8'))
    const { manifest: own } = verifyBundle(ours, [readFileSync(publicFile, 'utf8')])
    assert.deepEqual(own.files, manifest.files, 'the same files in the same order')
    writeFileSync(join(model, 'a/weights.bin'), 'tampered')
    assert.deepEqual(differences(manifest, files()), ['a/weights.bin differs from what was signed'])
    writeFileSync(join(model, 'a/weights.bin'), 'content of a/weights.bin')
  })
})
