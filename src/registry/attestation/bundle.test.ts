/** Signatures: what is signed verifies, and every change of key, envelope or file is refused and named. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { differences, signFiles, SignatureFault, verifyBundle } from './bundle.ts'

const pair = (namedCurve = 'P-256') => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
const digest = (character: string): string => `sha256:${character.repeat(64)}`
const FILES = [
  { path: 'model/weights.bin', digest: digest('a') },
  { path: 'MLmodel', digest: digest('b') },
  { path: 'model.sig', digest: digest('c') },
]
const key = pair()

/** The bundle with its statement changed, the signature kept. */
function forged(change: (statement: Record<string, unknown>) => void): string {
  const bundle = JSON.parse(signFiles('m', FILES, key.privateKey)) as { dsseEnvelope: { payload: string } }
  const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()) as Record<string, unknown>
  change(statement)
  bundle.dsseEnvelope.payload = Buffer.from(JSON.stringify(statement)).toString('base64')
  return JSON.stringify(bundle)
}

describe('signatures', () => {
  for (const curve of ['P-256', 'P-384', 'P-521']) {
    test(`${curve}: signed and verified`, () => {
      const { publicKey, privateKey } = pair(curve)
      const { manifest } = verifyBundle(signFiles('m', FILES, privateKey), [key.publicKey, publicKey])
      assert.equal(manifest.name, 'm')
      assert.deepEqual(
        manifest.files.map((file) => file.path),
        ['MLmodel', 'model/weights.bin'],
      )
      assert.deepEqual(differences(manifest, FILES), [])
    })
  }
  test('changed, missing and new files are named; the signature itself is none of them', () => {
    const { manifest } = verifyBundle(signFiles('m', FILES, key.privateKey), [key.publicKey])
    const changed = [
      { path: 'MLmodel', digest: digest('f') },
      { path: 'extra.py', digest: digest('e') },
    ]
    assert.deepEqual(differences(manifest, changed), [
      'MLmodel differs from what was signed',
      'extra.py was not there when it was signed',
      'model/weights.bin is missing',
    ])
  })
  for (const [title, bundle, keys, reason] of [
    ['another key', signFiles('m', FILES, key.privateKey), [pair().publicKey], /none of the known keys/],
    ['no keys', signFiles('m', FILES, key.privateKey), [], /none of the known keys/],
    ['a forged name', forged((s) => (s['subject'] = [])), [key.publicKey], /changed after it was signed/],
    ['no JSON', 'hello', [key.publicKey], /no JSON/],
    ['another bundle', '{"mediaType":"x"}', [key.publicKey], /not of the type/],
    ['a broken key', signFiles('m', FILES, key.privateKey), ['no key'], /cannot be read/],
  ] as const) {
    test(`refused: ${title}`, () => {
      assert.throws(
        () => verifyBundle(bundle, keys),
        (error) => error instanceof SignatureFault && reason.test(error.message),
      )
    })
  }
  test('a key of another kind does not sign', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    assert.throws(
      () => signFiles('m', FILES, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
      SignatureFault,
    )
  })
})
