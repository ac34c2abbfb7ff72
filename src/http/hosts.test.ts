/** Which names a server may be reached by, and from which pages it may be changed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hostCheck } from './hosts.ts'

const check = hostCheck('192.0.2.7', ['Models.Example.org'])

function refusal(method: string, headers: Record<string, string>): string | undefined {
  try {
    check(method, headers)
    return undefined
  } catch (error) {
    const { code, data } = error as { code: string; data: { header: string } }
    assert.equal(code, 'untrusted_origin')
    return data.header
  }
}

describe('Host', () => {
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:4100',
    'localhost',
    'localhost:1',
    'LOCALHOST:65535',
    '[::1]',
    '[::1]:4100',
    '192.0.2.7',
    '192.0.2.7:80',
    'models.example.org',
    'MODELS.EXAMPLE.ORG:443',
  ]) {
    test(`${host} is this server`, () => assert.equal(refusal('GET', { host }), undefined))
  }

  for (const host of [
    '',
    'evil.example',
    'models.example.org.evil.example',
    'evil.example:127.0.0.1',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.2',
    '192.0.2.70',
    'models.example.org:',
    'models.example.org:x',
    'models.example.org@evil.example',
    'evil.example#localhost',
    'localhost/',
    ' localhost',
    '::1',
    '[::1',
    '2130706433',
    '0x7f000001',
    '127.1',
    'xn--lcalhost-s0a',
  ]) {
    test(`"${host}" is not, by any method`, () => {
      for (const method of ['GET', 'HEAD', 'POST']) assert.equal(refusal(method, { host }), 'Host')
    })
  }

  test('a request without it is refused', () => assert.equal(refusal('GET', {}), 'Host'))

  test('a name that was good does not make the next one good', () => {
    assert.equal(refusal('GET', { host: 'localhost:4100' }), undefined)
    assert.equal(refusal('GET', { host: 'evil.example' }), 'Host')
    assert.equal(refusal('GET', { host: 'localhost:4101' }), undefined)
  })
})

describe('Origin, where a name was bound to this address by somebody else (DNS rebinding) or another page asks', () => {
  const host = 'localhost:4100'
  for (const [origin, good] of [
    ['http://localhost:4100', true],
    ['https://localhost:4100', true],
    ['HTTP://LOCALHOST:4100', true],
    ['http://localhost', false],
    ['http://localhost:4101', false],
    ['http://127.0.0.1:4100', false],
    ['http://evil.example', false],
    ['http://localhost:4100.evil.example', false],
    ['http://evil.example/?http://localhost:4100', false],
    ['http://evil.example#localhost:4100', false],
    ['null', false],
    ['', false],
    ['localhost:4100', false],
    ['file://', false],
    ['chrome-extension://abc', false],
  ] as const) {
    test(`a change from "${origin}" is ${good ? 'taken' : 'refused'}; a read is not asked`, () => {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
        assert.equal(refusal(method, { host, origin }), good ? undefined : 'Origin', method)
      for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.equal(refusal(method, { host, origin }), undefined)
    })
  }

  test('a program, which sends no Origin, may change; a page of another site that hides it may not', () => {
    assert.equal(refusal('POST', { host }), undefined)
    for (const [site, refused] of [
      ['same-origin', undefined],
      ['none', undefined],
      ['same-site', undefined],
      ['cross-site', 'Sec-Fetch-Site'],
    ] as const)
      assert.equal(refusal('POST', { host, 'sec-fetch-site': site }), refused, site)
  })

  test('a page under a name that was bound to this address is refused by its Host before its Origin', () => {
    assert.equal(refusal('POST', { host: 'evil.example:4100', origin: 'http://evil.example:4100' }), 'Host')
  })
})
