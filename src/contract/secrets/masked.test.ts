/** Keys and tokens never come back in a message: by their form, by the name of their field, in every route of the contract. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, test } from 'node:test'
import { ZodObject } from 'zod'
import type { ZodType } from 'zod'
import { problem } from '../errors.ts'
import { isSecretName, maskedText, schemeFault } from './masked.ts'
import { fromZod, slipwayFailure } from '../../http/failure.ts'

const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()
const [, material = ''] = pem.split('\n')
const token = 'slw_ab12cd.SECRETSECRETSECRET'
const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

test('a key is told by its kind, whole or cut off, with line ends or their escapes', () => {
  for (const text of [pem, pem.slice(0, 90), JSON.stringify(pem), `${pem}${pem}`]) {
    const shown = maskedText(`got ${text}`)
    assert.ok(!shown.includes(material.slice(0, 8)), shown)
    assert.match(shown, /^got "?\(PEM of PRIVATE KEY: \*\*\*\)/)
  }
  assert.equal(maskedText(`${pem}and more`), '(PEM of PRIVATE KEY: ***)\nand more')
})

test('tokens are not repeated, and what only looks a little like them is', () => {
  assert.equal(maskedText(`a ${token}, b`), 'a slw_ab12cd.***, b')
  assert.equal(maskedText(`Bearer ${jwt}`), 'Bearer ***')
  for (const text of ['slw_', 'slow_a.b', 'eyJ', 'a-----BEGIN', 'key', 'sha256:0123'])
    assert.equal(maskedText(text), text)
})

test('a long text of beginnings is looked through at once', () => {
  for (const part of ['-----BEGIN A-----', 'eyJ-', 'eyJabcdefgh.', 'slw_a.'])
    assert.ok(maskedText(part.repeat(400_000)).length < 40_000)
})

test('fields that hold secrets are known by their names', () => {
  for (const name of [
    'secret',
    'id_token',
    'token',
    'client_secret',
    'api_key',
    'apiKey',
    'private-key',
    'Authorization',
  ])
    assert.ok(isSecretName(name), name)
  for (const name of ['page_token', 'max_tokens', 'key', 'keys', 'tokens', 'token_id', 'secretary', 'value'])
    assert.ok(!isSecretName(name), name)
  const hidden = problem('invalid_field', { field: 'body.id_token', value: 'hunter22', expected: 'less' })
  assert.equal(hidden.message, 'body.id_token: got ***, expected less')
  const deep = problem('invalid_field', {
    field: 'body',
    value: { a: [{ password: 'hunter22', n: 1 }] },
    expected: 'x',
  })
  assert.deepEqual(deep.data['value'], { a: [{ password: '***', n: 1 }] })
})

test('a header without a scheme is not taken apart', () => {
  assert.equal(schemeFault('Digest a="b"'), 'the scheme "Digest" is not Bearer or Basic')
  for (const header of [token, 'hunter22', `${'x'.repeat(30)} y`, 'a1b2c3 d'])
    assert.ok(!schemeFault(header).includes(header.slice(0, 4)), header)
})

describe('no route repeats a key, a token or a signed token', () => {
  const folder = join(import.meta.dirname, '..')
  const modules = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !/\.(?:test|cases|fixture)\.ts$/.test(path),
  )
  for (const path of modules)
    it(path, async () => {
      for (const [name, api] of Object.entries((await import(join(folder, path))) as Record<string, unknown>)) {
        if (!name.endsWith('Api')) continue
        for (const route of Object.values(api as Record<string, { body?: ZodType; query?: ZodType; path: string }>))
          for (const schema of [route.body, route.query])
            // a body of text or bytes has no schema
            if (typeof schema === 'object') sweep(route.path, schema)
      }
    })
})

/** What was sent wrong, at every field and at the place of the whole. */
function sweep(path: string, schema: ZodType): void {
  const fields = schema instanceof ZodObject ? Object.keys(schema.shape) : []
  for (const secret of [pem, token, jwt])
    for (const wrong of [secret, [secret], { x: secret }, secret.repeat(60)])
      for (const input of [wrong, ...fields.map((field) => ({ [field]: wrong }))]) {
        const parsed = schema.safeParse(input)
        if (parsed.success) continue
        const { body } = slipwayFailure(fromZod(parsed.error, 'body', input), 'req')
        for (const part of [material.slice(0, 12), 'SECRETSECRET', 'c2lnbmF0'])
          assert.ok(!JSON.stringify(body).includes(part), `${path}: ${JSON.stringify(body).slice(0, 300)}`)
      }
}
