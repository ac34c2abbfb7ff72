/** Secrets and letters: what is taken out of texts before they leave. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { documentWithoutSecrets, oneLine, withoutSecrets } from './escape.ts'

it('secrets go, whole, in base64 and in an address', () => {
  const secret = 'ghs_secret/value+1'
  const text = `a ${secret} b ${Buffer.from(secret).toString('base64')} c ${encodeURIComponent(secret)}`
  assert.equal(withoutSecrets(text, [secret]), 'a *** b *** c ***')
})

it('what is too short to be a secret takes nothing away', () => {
  assert.equal(withoutSecrets('the end', ['e', '']), 'the end')
})

it('a line is one line, without what cannot be seen, and clipped between letters', () => {
  assert.equal(oneLine(' a\r\n\tb\u202e c\u{e0041} '), 'a b c')
  assert.equal(oneLine('😀😀😀', 3), '😀…')
  assert.equal(oneLine('abc', 3), 'abc')
  assert.equal(oneLine('\udc00abc', 3), '\ufffdab…')
})

it('secrets go from every text of a document, names of fields too, and nothing else changes', () => {
  const document = { a: ['x secret-one', 1, null, true], 'secret-one': { b: 'secret-one-two', at: '2026-05-03' } }
  assert.deepEqual(documentWithoutSecrets(document, ['secret-one', 'secret-one-two']), {
    a: ['x ***', 1, null, true],
    '***': { b: '***', at: '2026-05-03' },
  })
})
