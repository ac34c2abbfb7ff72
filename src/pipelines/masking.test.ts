/** Secrets in texts that the server shows: no spelling of them is left, and nothing else is taken away. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { openIdle } from './run/idle.fixture.ts'
import { explainStep } from './run/explanation.ts'
import { viewRun } from './run/view.ts'
import { masked, masker } from './context/mask.ts'

const SPELLINGS: readonly (readonly [name: string, spell: (secret: string, before: string) => string])[] = [
  ['as it is', (secret, before) => before + secret],
  ['JSON', (secret, before) => before + JSON.stringify({ secret })],
  ['an address', (secret, before) => `${before}?k=${encodeURIComponent(secret)}`],
  ['an address in small letters', (secret, before) => `${before}?k=${encodeURIComponent(secret).toLowerCase()}`],
  ['an address as Python writes it', (secret, before) => `${before}?k=${everySign(encodeURIComponent(secret))}`],
  ['small letters', (secret, before) => before + secret.toLowerCase()],
  ['hex', (secret, before) => before + Buffer.from(secret).toString('hex')],
  ['hex in capitals', (secret, before) => before + Buffer.from(secret).toString('hex').toUpperCase()],
  ['base64', (secret, before) => Buffer.from(before + secret).toString('base64')],
  ['base64 of addresses', (secret, before) => Buffer.from(`${before}${secret}:x`).toString('base64url')],
]

/** Python's `quote` escapes signs that JavaScript leaves. */
function everySign(address: string): string {
  return address.replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

for (const [name, spell] of SPELLINGS)
  test(`a random secret is hidden: ${name}`, () => {
    for (let round = 0; round < 200; round++) {
      const secret = `${randomBytes(4 + (round % 30))
        .toString('latin1')
        .replaceAll(/[^!-~]/g, 'q')}${round % 2 === 0 ? '"&/+%' : ''}`
      const before = 'u'.repeat(round % 7)
      const text = spell(secret, before)
      const hidden = masker(['other-one', secret])(`<${text}>`)
      assert.match(hidden, /^<.*\[secret\].*>$/s, `${secret} in ${text}`)
      assert.ok(!hidden.includes(secret))
      const left = hidden.replaceAll('[secret]', '')
      assert.ok(left.length <= text.length - secret.length + 6, `${left} is left of ${text}`)
    }
  })

test('other texts, short values and what is no text stay', () => {
  const mask = masker(['abc', '', '  ', 'long-enough'])
  assert.equal(mask('abc long-enoug'), 'abc long-enoug')
  const value = { n: 1, list: [true, null, 'x long-enough', { deep: 'long-enough' }], at: undefined, 'long-enough': 2 }
  assert.deepEqual(masked(value, mask), {
    n: 1,
    list: [true, null, 'x [secret]', { deep: '[secret]' }],
    at: undefined,
    'long-enough': 2,
  })
})

test('a value is not copied where there is nothing to hide', () => {
  const value = { list: ['text', { deep: 'text' }] }
  for (const secrets of [[], ['', 'abc']]) assert.equal(masked(value, masker(secrets)), value)
  assert.notEqual(masked(value, masker(['none of it'])), value)
})

test('a secret that was given as a param is not shown with its run', async (t: TestContext) => {
  const idle = await openIdle(t, { secret: () => Promise.resolve('s3cr3t-value') })
  const files = {
    'slipway.yaml':
      'project: p\npipeline:\n  steps:\n    one: {run: job:main, params: {key: none, n: 1}, secrets: [KEY]}\n',
    'job.py': 'def main(key, n): pass\n',
  }
  const encoded = Buffer.from('u:s3cr3t-value').toString('base64')
  const id = await idle.begin(files, { params: { one: { key: `Basic ${encoded}` } } })
  const change = { component: 'params', what: 'params.key', before: 'none', after: 's3cr3t-value' }
  await idle.setRun(id, { state: 'failed', outcome: 'failed', message: 'it said s3cr3t-value', finished_at: 1 })
  await idle.setStep(id, 'one', {
    state: 'failed',
    cache_key: 'k',
    key_parts: JSON.stringify({ code: {}, params: { key: 's3cr3t-value' } }),
    reason: 'params.key is s3cr3t-value',
    changes: JSON.stringify([change]),
    failure: JSON.stringify({ class: 'user', message: 's3cr3t-value', traceback: 's3cr3t-value' }),
  })
  const tree = await idle.read(id)
  const shown = JSON.stringify([await viewRun(idle.context, tree), await explainStep(idle.context, tree.run, 'one')])
  assert.ok(!shown.includes('s3cr3t') && !shown.includes(encoded.slice(4, 16)), shown)
  assert.equal(shown.split('[secret]').length - 1 >= 7, true, shown)
  assert.match(shown, /"n":1/)
})
