/** Public keys of issuers: where they are asked for, how long they are kept, which are taken, and what is said when they cannot be had. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, test } from 'node:test'
import { errors } from 'jose'
import { problem } from '../contract/errors.ts'
import type { EgressRequest } from '../http/egress.ts'
import { issuerKeys } from './machine-issuer.ts'
import type { KeyOf } from './machine-issuer.ts'

const ISSUER = 'https://issuer.example'
const CONFIGURATION = `${ISSUER}/.well-known/openid-configuration`
const KEYS = `${ISSUER}/keys`
const MINUTE = 60_000
const START = 1_700_000_000_000

const jwk = (kid: string) => ({
  ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }),
  kid,
  alg: 'EdDSA',
})
const [first, second] = [jwk('first'), jwk('second')]

let now: number
let asked: EgressRequest[]
/** Replies by address: a status, or a body of JSON or text; an error is thrown. */
let replies: Record<string, unknown>
let find: ReturnType<typeof issuerKeys>
/** Every answer waits for it. */
let slow: Promise<void> = Promise.resolve()

beforeEach(() => {
  now = START
  asked = []
  slow = Promise.resolve()
  replies = { [CONFIGURATION]: { issuer: ISSUER, jwks_uri: KEYS }, [KEYS]: { keys: [first] } }
  find = issuerKeys(
    async (request) => {
      asked.push(request)
      await slow
      const reply = replies[request.url]
      if (reply instanceof Error) throw reply
      const body = typeof reply === 'string' ? reply : JSON.stringify(reply)
      return { status: typeof reply === 'number' ? reply : 200, headers: {}, body: Buffer.from(body) }
    },
    () => now,
  )
})

const key = (kid: string, issuer = ISSUER): ReturnType<KeyOf> =>
  find(issuer)({ alg: 'EdDSA', kid }, { payload: '', signature: '', protected: '' })
/** How often the keys themselves were asked for. */
const reads = (): number => asked.filter(({ url }) => url === KEYS).length

describe('keys', () => {
  test('are asked for where the configuration of the issuer says', async () => {
    assert.equal((await key('first')).type, 'public')
    const headers = { accept: 'application/json' }
    assert.deepEqual(asked, [
      { method: 'GET', url: CONFIGURATION, headers },
      { method: 'GET', url: KEYS, headers },
    ])
  })

  test('are asked for once by all that come at the same time, and kept for ten minutes', async () => {
    await Promise.all([key('first'), key('first'), key('first')])
    now += 10 * MINUTE
    await key('first')
    assert.equal(reads(), 1)
    now += 1
    await key('first')
    assert.equal(reads(), 2)
    await key('first')
    assert.equal(reads(), 2)
  })

  test('are asked for again after a clock that was set back', async () => {
    await key('first')
    now -= 1
    await key('first')
    assert.equal(reads(), 2)
  })

  test('that an issuer has just changed are asked for at once', async () => {
    await key('first')
    replies[KEYS] = { keys: [second] }
    now += 1
    await key('second')
    assert.equal(reads(), 2)
  })

  test('that are unknown are asked for again once each within half a minute, eight of them at most', async () => {
    await key('first')
    for (let i = 0; i < 2; i++) await assert.rejects(key('second'), errors.JWKSNoMatchingKey)
    assert.equal(reads(), 2)
    for (let i = 0; i < 20; i++) await assert.rejects(key(`made-up-${i}`), errors.JWKSNoMatchingKey)
    assert.equal(reads(), 9)
    now += 30_001
    replies[KEYS] = { keys: [second] }
    await key('second')
    assert.equal(reads(), 10)
  })

  test('that are known but of no use are not asked for again', async () => {
    replies[KEYS] = { keys: [first, { ...second, kid: 'first' }] }
    await assert.rejects(key('first'), errors.JWKSMultipleMatchingKeys)
    now += 5 * MINUTE
    await assert.rejects(key('first'), errors.JWKSMultipleMatchingKeys)
    assert.equal(reads(), 1)
  })

  test('that are known are taken while unknown ones are asked for, of an issuer that is slow or away', async () => {
    await key('first')
    now += 31_000
    const { promise: answer, resolve } = Promise.withResolvers<void>()
    slow = answer
    const unknown = key('second')
    let isAnswered = false
    void unknown.catch(() => undefined).finally(() => (isAnswered = true))
    for (let i = 0; i < 3; i++) assert.equal((await key('first')).type, 'public')
    assert.equal(isAnswered, false)
    replies[KEYS] = 503
    resolve()
    await assert.rejects(unknown, { code: 'unavailable' })
    assert.equal((await key('first')).type, 'public', 'what is known holds for its ten minutes')
    now += 10 * MINUTE
    await assert.rejects(key('first'), { code: 'unavailable' })
    replies[KEYS] = { keys: [second] }
    await key('second')
    await assert.rejects(key('first'), errors.JWKSNoMatchingKey)
  })

  test('that are unknown are asked for once by all that name them', async () => {
    await key('first')
    now += 31_000
    replies[KEYS] = { keys: [second] }
    await Promise.all([key('second'), key('second'), key('second')])
    assert.equal(reads(), 2)
  })

  test('that could not be had are asked for by the next', async () => {
    replies[KEYS] = 503
    await assert.rejects(key('first'), { code: 'unavailable' })
    replies[KEYS] = { keys: [first] }
    await key('first')
    assert.equal(reads(), 2)
  })

  test('of each issuer are its own', async () => {
    const other = 'https://other.example'
    replies[`${other}/.well-known/openid-configuration`] = { issuer: other, jwks_uri: `${other}/keys` }
    replies[`${other}/keys`] = { keys: [second] }
    await key('first')
    await key('second', other)
    await assert.rejects(key('first', other), errors.JWKSNoMatchingKey)
  })

  test('are those of key pairs: a secret that is shared proves nothing', async () => {
    const pairs = [
      ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
      ['EdDSA', generateKeyPairSync('ed25519')],
    ] as const
    const keys = pairs.map(([alg, { publicKey }]) => ({ ...publicKey.export({ format: 'jwk' }), alg, kid: alg }))
    replies[KEYS] = { keys: [...keys, { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256', kid: 'HS256' }] }
    const found = (alg: string) => find(ISSUER)({ alg, kid: alg }, { payload: '', signature: '' })
    for (const [alg] of pairs) assert.equal((await found(alg)).type, 'public', alg)
    await assert.rejects(found('HS256'), (error: Error) => !(error instanceof TypeError))
    assert.equal(reads(), 1)
  })
})

describe('an issuer', () => {
  const failed = (message: RegExp) => ({ code: 'upstream_failed', message })

  for (const [what, configuration, message] of [
    ['names another issuer', { issuer: 'https://other.example', jwks_uri: KEYS }, /names another issuer/],
    ['has no configuration', 'no JSON', /names another issuer/],
    ['has null for one', null, /names another issuer/],
    ['names no address of keys', { issuer: ISSUER }, /names no safe address of keys/],
    ['names an address that is none', { issuer: ISSUER, jwks_uri: 5 }, /names no safe address of keys/],
    [
      'gives its keys in the clear',
      { issuer: ISSUER, jwks_uri: KEYS.replace('https', 'http') },
      /names no safe address/,
    ],
  ] as const)
    test(`that ${what} is refused, and no keys are asked for`, async () => {
      replies[CONFIGURATION] = configuration
      await assert.rejects(key('first'), failed(message))
      assert.equal(asked.length, 1)
    })

  test('that is in the clear itself may name keys that are, or are not', async () => {
    const plain = 'http://127.0.0.1:9'
    for (const keys of [`${plain}/keys`, KEYS]) {
      replies[`${plain}/.well-known/openid-configuration`] = { issuer: plain, jwks_uri: keys }
      replies[keys] = { keys: [first] }
      now += 11 * MINUTE
      assert.equal((await key('first', plain)).type, 'public')
    }
  })

  for (const keys of ['text', null, {}, { keys: 'text' }, []])
    test(`whose keys are ${JSON.stringify(keys)} is refused`, async () => {
      replies[KEYS] = keys
      await assert.rejects(key('first'), failed(/issuer https:\/\/issuer\.example.*its keys are no set of keys/))
    })

  for (const status of [500, 502, 599, 429])
    test(`that answers ${status} is away`, async () => {
      replies[KEYS] = status
      await assert.rejects(key('first'), {
        code: 'unavailable',
        message: new RegExp(`issuer ${ISSUER} is not available: ${KEYS} answers ${status}`),
      })
    })

  for (const status of [201, 302, 404, 428, 430, 499])
    test(`that answers ${status} is none`, async () => {
      replies[KEYS] = status
      await assert.rejects(key('first'), failed(new RegExp(`issuer ${KEYS}.*status ${status}`)))
    })

  test('that may not be reached is told so, and one that cannot by the reason', async () => {
    replies[CONFIGURATION] = problem('invalid_field', { field: 'url', value: ISSUER, expected: 'a public address' })
    await assert.rejects(key('first'), {
      code: 'unavailable',
      message: /private one that SLIPWAY_EGRESS_ALLOW does not name/,
    })
    replies[CONFIGURATION] = problem('upstream_failed', { what: 'it', detail: 'no route' })
    await assert.rejects(key('first'), { code: 'unavailable', message: /no route/ })
    const fault = new Error('a fault of ours')
    replies[CONFIGURATION] = fault
    await assert.rejects(key('first'), fault)
  })
})
