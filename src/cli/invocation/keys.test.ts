/** The keys that a server is started with: those that it cannot sign with are refused by name, before anything starts. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, test } from 'node:test'
import { openSigner } from '../../registry/attestation/signer.ts'
import type { Invocation } from './command.ts'
import { readKeys } from './keys.ts'

describe('the signing key', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-keys-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const given = (name: string): Invocation =>
    ({ flags: { 'signing-key': join(folder, name) } }) as unknown as Invocation
  const write = (name: string, text: string | Buffer): void => writeFileSync(join(folder, name), text)
  const PEM = { type: 'pkcs8', format: 'pem' } as const

  for (const namedCurve of ['P-256', 'P-384', 'P-521'])
    test(`${namedCurve} signs, and its file is kept from steps`, async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve })
      write(namedCurve, privateKey.export(PEM))
      const keys = await readKeys(given(namedCurve))
      assert.deepEqual(keys.secretFiles, [join(folder, namedCurve)])
      assert.match(openSigner(keys.signingKey ?? '').key, /^[0-9a-f]{64}$/)
    })

  test('none is asked for: nothing is signed', async () => {
    assert.deepEqual(await readKeys({ flags: {} } as unknown as Invocation), { secretFiles: [] })
  })

  test('of a path from here, the whole path is kept from steps', async () => {
    write('near', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(PEM))
    const near = relative(process.cwd(), join(folder, 'near'))
    const { secretFiles } = await readKeys({ flags: { 'signing-key': near } } as unknown as Invocation)
    assert.deepEqual(secretFiles, [join(folder, 'near')])
  })

  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (const [name, text, why] of [
    [
      'rsa',
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(PEM),
      /the key is not of the curve P-256/,
    ],
    ['ed25519', generateKeyPairSync('ed25519').privateKey.export(PEM), /the key is not of the curve P-256/],
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export(PEM), /is not of the curve/],
    ['text', 'a key', /cannot be read/],
    ['empty', '', /cannot be read/],
    ['public', publicKey.export({ type: 'spki', format: 'pem' }), /cannot be read/],
    ['locked', privateKey.export({ ...PEM, cipher: 'aes-256-cbc', passphrase: 'secret' }), /cannot be read/],
  ] as const)
    test(`refused: ${name}`, async () => {
      write(name, text)
      await assert.rejects(readKeys(given(name)), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`^the signing key is ".*${name}"; expected the file of a private key in PEM`),
        )
        assert.match(error.message, why)
        return true
      })
    })

  test('a file that is not there is named', async () => {
    await assert.rejects(readKeys(given('none')), { code: 'ENOENT', path: join(folder, 'none') })
  })
})
