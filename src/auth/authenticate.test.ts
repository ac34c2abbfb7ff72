/** Who a call comes from: each header that may carry a credential, and what is not one. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { authenticator, COOKIE, cookieOf } from './authenticate.ts'
import type { Tokens } from './tokens.ts'

const person = (name: string): Principal => ({ id: name, name, role: 'viewer', project: null, token_id: name })

/** Two credentials that work; all else is refused, as the tokens do. */
const known: Pick<Tokens, 'find' | 'findSession'> = {
  async find(text) {
    if (text === 'slw_a.b:c') return person('token')
    throw problem('unauthenticated', { detail: `no token ${text}` })
  },
  async findSession(secret) {
    if (secret === 'secret') return person('session')
    throw problem('unauthenticated', { detail: 'no session' })
  },
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('authenticator', () => {
  const who = authenticator(known as Tokens, false)
  const name = async (headers: Record<string, string>): Promise<string | undefined> =>
    (await who({ headers, method: 'GET' }))?.name

  for (const authorization of [
    'Bearer slw_a.b:c',
    'bearer slw_a.b:c',
    'BEARER slw_a.b:c',
    `Basic ${base64('any:slw_a.b:c')}`,
    `basic ${base64(':slw_a.b:c')}`,
  ])
    test(`${authorization} names its token`, async () => assert.equal(await name({ authorization }), 'token'))

  for (const [authorization, told] of [
    ['Bearer wrong', 'no token wrong'],
    ['Bearer', 'no token '],
    ['Bearer slw_a.b:c d', 'no token slw_a.***:c d'],
    [`Basic ${base64('slw_x')}`, 'no token slw_x'],
    ['Digest user="a"', 'the scheme "Digest" is not Bearer or Basic'],
    [`${'x'.repeat(30)} y`, 'the header is not "Bearer TOKEN" or "Basic …"'],
    ['slw_ab12.SECRETSECRET', 'the header is not "Bearer TOKEN" or "Basic …"'],
    ['notbasic eA==', 'the scheme "notbasic" is not Bearer or Basic'],
    ['basics eA==', 'the scheme "basics" is not Bearer or Basic'],
    ['xbearer slw_a.b:c', 'the scheme "xbearer" is not Bearer or Basic'],
    ['bearers slw_a.b:c', 'the scheme "bearers" is not Bearer or Basic'],
  ] as const)
    test(`${authorization} is refused and says so`, () =>
      assert.rejects(name({ authorization }), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'unauthenticated')
        assert.ok(error.message.includes(told), error.message)
        return true
      }))

  test('a header wins over a cookie, even a wrong header', async () => {
    const cookie = `${COOKIE}=secret`
    assert.equal(await name({ cookie }), 'session')
    assert.equal(await name({ cookie, authorization: 'Bearer slw_a.b:c' }), 'token')
    await assert.rejects(name({ cookie, authorization: 'Bearer wrong' }), { code: 'unauthenticated' })
  })

  test('a session that has ended is as no credential', async () => {
    assert.equal(await name({ cookie: `${COOKIE}=old` }), undefined)
    assert.equal(await name({}), undefined)
  })

  test('where anyone may call, one without a credential, or with one that is not known, is an admin of all projects', async () => {
    const open = authenticator(known as Tokens, true)
    for (const headers of [
      {},
      { cookie: `${COOKIE}=old` },
      { authorization: 'Bearer wrong' },
      { authorization: 'Digest x' },
    ]) {
      assert.deepEqual(await open({ headers, method: 'GET' }), {
        id: 'anyone',
        name: 'anyone',
        role: 'admin',
        project: null,
        token_id: null,
      })
    }
    assert.equal((await open({ headers: { cookie: `${COOKIE}=secret` }, method: 'GET' }))?.name, 'session')
    assert.equal((await open({ headers: { authorization: 'Bearer slw_a.b:c' }, method: 'GET' }))?.name, 'token')
  })
})

describe('session cookie', () => {
  for (const [header, secret] of [
    [`${COOKIE}=s`, 's'],
    [`a=b; ${COOKIE}=s`, 's'],
    [`a=b;${COOKIE}=s;c=d`, 's'],
    [`${COOKIE}=; ${COOKIE}=s`, 's'],
    [`${COOKIE}=`, undefined],
    [COOKIE, undefined],
    [`x${COOKIE}=s`, undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const)
    test(`of ${header} it is ${secret}`, () => assert.equal(cookieOf(header), secret))
})
