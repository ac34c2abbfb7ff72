/** Machines: an ID token of a real issuer becomes a short-lived token of one project, once; what is forged, old or of others is refused. */
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, createSign, generateKeyPairSync } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createClient } from '../client/client.ts'
import type { Client } from '../client/client.ts'
import { toTime } from '../contract/fields.ts'
import { machinesApi } from '../contract/identity/machines.ts'
import type { Request } from '../contract/route.ts'
import { egress } from '../http/egress.ts'
import { startIssuer } from '../../test/fixtures/issuer.ts'
import type { Issuer } from '../../test/fixtures/issuer.ts'
import { serveRoutes } from '../../test/routes.ts'
import type { RoutesDeps, ServedRoutes } from '../../test/routes.ts'
import { verifyAudit } from './audit.ts'
import { tokens } from './tokens.ts'
import { exchange as exchangeToken } from './machine-exchange.ts'
import type { ExchangeDeps } from './machine-exchange.ts'
import { issuerKeys } from './machine-issuer.ts'
import { machineRoutes } from './machine-routes.ts'

const HERE = 'https://slipway.example'
const SUBJECT = 'repo:octo/models:environment:production'
const CLAIMS = { repository_id: '4711', environment: 'production' }
const MINUTE = 60_000

let issuer: Issuer
let served: ServedRoutes
let deps: RoutesDeps
let machines: ExchangeDeps
let admin: Client
let anyone: Client
/** How far the server's clock is ahead, ms. */
let ahead = 0

before(async () => {
  issuer = await startIssuer([HERE, 'https://other.example'])
  served = await serveRoutes(['admin', 'maintainer'], (given) => {
    const clock = (): number => ahead + Date.now()
    deps = given
    const access = tokens({ ...given, clock })
    const keys = issuerKeys(egress({ allow: [new URL(issuer.url).host] }), clock)
    machines = { ...given, clock, tokens: access, keys }
    return machineRoutes({ ...given, ...machines })
  })
  admin = createClient({ url: served.server.url, token: served.tokenOf('admin') })
  anyone = createClient({ url: served.server.url })
})
after(async () => {
  issuer.stop()
  await served.stop()
})
beforeEach(() => {
  ahead = 0
  issuer.broken = undefined
})

type Wanted = NonNullable<Request<typeof machinesApi.createTrust>['body']>

/** What a trust of the tests says of whom it trusts, and for what. */
const usual = () => ({
  issuer: issuer.url,
  audience: HERE,
  subject: SUBJECT,
  claims: CLAIMS,
  role: 'maintainer' as const,
  project: 'flights',
})
let made = 0
const trust = (changed: Partial<Wanted> = {}) =>
  admin.call(machinesApi.createTrust, {
    body: { name: `deploy-${made++}`, ...usual(), ...changed },
  })
let ids = 0
const idToken = (changed: Readonly<Record<string, unknown>> = {}, audience = HERE): Promise<string> =>
  issuer.token(audience, { sub: SUBJECT, ...CLAIMS, jti: `jti-${ids++}`, ...changed })
/** By the function: over HTTP wrong ones are counted, and answered 429 by and by. */
const exchange = async (id_token: string, name?: string) => {
  const { expires_at, ...given } = await exchangeToken(machines, {
    id_token,
    ...(name !== undefined && { trust: name }),
  })
  return { ...given, expires_at: toTime(expires_at) }
}
const refused = (text: RegExp) => (error: Error & { code?: string }) => {
  assert.equal(error.code, 'unauthenticated', error.message)
  assert.match(error.message, text)
  return true
}
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const payloadOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
const headerOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Record<string, unknown>

describe('the exchange', () => {
  before(async () => {
    await trust({ name: 'deploy' })
  })

  it('gives a token of the role and project for a while, and says so in the audit trail', async () => {
    const before = Date.now()
    const given = await exchange(await idToken())
    const after = Date.now()
    assert.deepEqual([given.trust, given.role, given.project], ['deploy', 'maintainer', 'flights'])
    const made = Date.parse(given.expires_at) - 60 * MINUTE
    assert.ok(before <= made && made <= after, `${before} <= ${made} <= ${after}`)
    const access = tokens({ ...deps, clock: Date.now })
    const who = await access.find(given.token)
    assert.deepEqual([who.name, who.role, who.project], ['ci:deploy', 'maintainer', 'flights'])
    const later = tokens({ ...deps, clock: () => 61 * MINUTE + Date.now() })
    await assert.rejects(later.find(given.token), /expired/)
    const entry = await deps.db.get<{ actor: string; detail: string }>('SELECT * FROM audit ORDER BY seq DESC LIMIT 1')
    assert.equal(entry?.actor, 'deploy')
    const { action, trust: name, issuer: by, subject } = JSON.parse(entry.detail) as Record<string, unknown>
    assert.deepEqual(
      { action, name, by, subject },
      { action: 'exchange', name: 'deploy', by: issuer.url, subject: SUBJECT },
    )
    assert.equal((await verifyAudit(deps.db)).ok, true)
  })

  it('takes an ID token once, in whatever spelling, also at the same time', async () => {
    const token = await idToken()
    const all = await Promise.allSettled([exchange(token), exchange(token), exchange(token)])
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1)
    await assert.rejects(exchange(token), refused(/exchanged before/))
    // the last letter of base64url has bits that say nothing
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = token.at(-1) ?? ''
    const other = token.slice(0, -1) + letters[letters.indexOf(last) ^ 1]
    await assert.rejects(exchange(other), refused(/./))
    const without = await idToken({ jti: undefined })
    await exchange(without)
    await assert.rejects(exchange(without), refused(/exchanged before/))
  })

  for (const [name, changed] of Object.entries({
    'another subject': { sub: 'repo:octo/models:ref:refs/heads/main' },
    'a subject that begins so': { sub: `${SUBJECT}-2` },
    'a subject in other letters': { sub: SUBJECT.toUpperCase() },
    'another repository of the same name': { repository_id: '4712' },
    'a repository that is a number': { repository_id: 4711 },
    'a list of repositories': { repository_id: ['4711'] },
    'no repository': { repository_id: undefined },
    'another environment': { environment: 'staging' },
  })) {
    it(`refuses ${name}`, async () => {
      await assert.rejects(exchange(await idToken(changed)), refused(/no trust has its audience, subject and claims/))
    })
  }

  it('refuses an ID token that was made for another audience', async () => {
    await assert.rejects(exchange(await idToken({}, 'https://other.example')), refused(/no trust has its audience/))
  })

  it('refuses one that is over, too old, or of the future', async () => {
    const token = await idToken()
    for (const [shift, reason] of [
      [61 * MINUTE, /timestamp check failed.*; it says \d{4}-.* UTC, and the clock of this server \d{4}-/],
      [16 * MINUTE, /too far in the past.*; it says .* UTC, and the clock of this server /],
      [-5 * MINUTE, /should be in the past.*; it says .* UTC, and the clock of this server /],
    ] as const) {
      ahead = shift
      await assert.rejects(exchange(token), refused(reason))
    }
    ahead = 0
    await exchange(token)
  })

  it('refuses one that is not valid yet, though it was made by now', async () => {
    const seconds = Math.floor(Date.now() / 1000)
    await assert.rejects(exchange(await idToken({ nbf: seconds + 300 })), refused(/"nbf" claim timestamp check failed/))
    await exchange(await idToken({ nbf: seconds - 5 }))
  })

  it('refuses the job of a fork, under whatever of the names it can give itself', async () => {
    for (const fork of [
      { sub: 'repo:eve/models:environment:production', repository_id: '9999', repository: 'eve/models' },
      { repository_id: '9999', repository: 'octo/models' },
      { repository_id: '9999', head_repository_id: '4711', repository: 'octo/models' },
    ])
      await assert.rejects(exchange(await idToken(fork)), refused(/no trust has its audience, subject and claims/))
  })

  it('refuses an issuer that nobody trusts, and asks it nothing', async () => {
    const stranger = await startIssuer([HERE])
    try {
      const token = await stranger.token(HERE, { sub: SUBJECT, ...CLAIMS })
      await assert.rejects(exchange(token), refused(/its issuer is not trusted/))
      assert.equal(stranger.asked, 0)
      // a stranger's signature under the name of the trusted one
      const forged = [token.split('.')[0], part({ ...payloadOf(token), iss: issuer.url }), token.split('.')[2]].join(
        '.',
      )
      await assert.rejects(exchange(forged), refused(/no applicable key found|signature verification failed/))
    } finally {
      stranger.stop()
    }
  })

  describe('refuses forgeries', () => {
    it('without a signature', async () => {
      const payload = payloadOf(await idToken())
      for (const alg of ['none', 'None', 'NONE'])
        await assert.rejects(exchange(`${part({ alg })}.${part(payload)}.`), refused(/./))
    })

    it('by HMAC with the public key as its secret', async () => {
      const token = await idToken()
      const set = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: { kid: string; n: string }[] }
      const [jwk] = set.keys
      assert.ok(jwk)
      const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      for (const secret of [pem.toString(), jwk.n]) {
        const text = `${part({ alg: 'HS256', kid: jwk.kid })}.${part(payloadOf(token))}`
        const forged = `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
        await assert.rejects(exchange(forged), refused(/"alg" \(Algorithm\) Header Parameter value not allowed/))
      }
    })

    it('by a key of their own, named or carried in the header', async () => {
      const token = await idToken()
      const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const jwk = own.publicKey.export({ format: 'jwk' })
      for (const more of [{}, { jwk }, { jku: 'http://127.0.0.1:9/keys' }, { kid: 'unknown' }]) {
        const text = `${part({ ...headerOf(token), ...more })}.${part(payloadOf(token))}`
        const forged = `${text}.${createSign('sha256').update(text).sign(own.privateKey).toString('base64url')}`
        await assert.rejects(exchange(forged), refused(/signature verification failed|no applicable key found/))
      }
    })

    it('with other claims under a signature that was good', async () => {
      const [head, , signature] = (await idToken({ environment: 'staging' })).split('.')
      const payload = payloadOf(await idToken())
      await assert.rejects(exchange(`${head}.${part(payload)}.${signature}`), refused(/signature verification failed/))
    })

    it('that name several issuers, or something else than a text', async () => {
      for (const iss of [[issuer.url], { url: issuer.url }, 7, null, true])
        await assert.rejects(exchange(`${part({ alg: 'RS256' })}.${part({ iss })}.x`), refused(/not trusted/))
    })

    it('by keys of the issuer that are too short or no keys', async () => {
      const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
      const good = short.publicKey.export({ format: 'jwk' })
      const kinds = [good, { kty: 'RSA', n: '!!', e: 'AQAB' }, { kty: 'RSA' }, null, 7]
      for (const key of kinds) {
        const keys = issuerKeys((asked) => {
          const iss = asked.url.replace('/.well-known/openid-configuration', '')
          const set = asked.url.endsWith('/keys')
            ? { keys: [typeof key === 'object' && key !== null ? { ...key, kid: 'k', alg: 'RS256' } : key] }
            : { issuer: iss, jwks_uri: `${iss}/keys` }
          return Promise.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(set)) })
        }, Date.now)
        const text = `${part({ alg: 'RS256', kid: 'k' })}.${part(payloadOf(await idToken()))}`
        const id_token = `${text}.${createSign('sha256').update(text).sign(short.privateKey).toString('base64url')}`
        await assert.rejects(
          exchangeToken({ ...machines, keys }, { id_token }),
          refused(/cannot be used|no applicable key/),
        )
      }
    })

    it('that are no tokens at all', async () => {
      for (const text of [
        'x',
        'a.b.c',
        '..',
        `${part({ alg: 'RS256' })}.${part('text')}.x`,
        `${part({})}.${part({ iss: 7 })}.`,
      ])
        await assert.rejects(exchange(text), refused(/./))
    })
  })

  it('takes a new key of the issuer, and no longer the old one', async () => {
    const old = await idToken()
    await exchange(await idToken())
    issuer.rotate()
    ahead = MINUTE
    await exchange(await idToken())
    await assert.rejects(exchange(old), refused(/no applicable key found/))
  })

  it('asks for keys seldom, whatever keys tokens name', async () => {
    ahead = 2 * MINUTE
    await exchange(await idToken())
    const before = issuer.asked
    for (let i = 0; i < 20; i++) {
      const [, payload, signature] = (await idToken()).split('.')
      await assert.rejects(
        exchange(`${part({ alg: 'RS256', kid: `k${i}` })}.${payload}.${signature}`),
        refused(/no applicable key/),
      )
    }
    assert.ok(issuer.asked - before <= 8, `${issuer.asked - before}`)
  })

  it('says that the issuer does not answer, and takes the next token when it does', async () => {
    ahead = 14 * MINUTE
    const token = await idToken()
    for (const status of [500, 503, 429]) {
      issuer.broken = status
      const said = (error: Error & { code?: string; status?: number }): boolean => {
        assert.deepEqual([error.code, error.status], ['unavailable', 503])
        assert.match(error.message, new RegExp(`issuer ${issuer.url} is not available: .* answers ${status}`))
        return true
      }
      await assert.rejects(exchange(token), said)
    }
    issuer.broken = 404
    await assert.rejects(exchange(token), { code: 'upstream_failed', message: /status 404/ })
    issuer.broken = undefined
    await exchange(token)
  })

  it('says that the issuer cannot be reached, or may not be', async () => {
    const gone = await startIssuer([HERE])
    await trust({ issuer: gone.url })
    const token = await gone.token(HERE, { sub: SUBJECT, ...CLAIMS })
    // only the issuer of the others is allowed at its private address
    await assert.rejects(exchange(token), { code: 'unavailable', message: /private one that SLIPWAY_EGRESS_ALLOW/ })
    gone.stop()
    const reaching = { ...machines, keys: issuerKeys(egress({ allow: [new URL(gone.url).host] }), machines.clock) }
    await assert.rejects(exchangeToken(reaching, { id_token: token }), {
      code: 'unavailable',
      message: /is not available: .*ECONNREFUSED/,
    })
  })

  it('takes one that claims to hold beyond the last date there is', async () => {
    for (const exp of [1e13, 1e300, 1.7e308]) assert.match((await exchange(await idToken({ exp }))).token, /^slw_/)
  })

  it('gives what strangers can set off no more than a look', async () => {
    for (const event_name of ['pull_request_target', 'issue_comment', 'workflow_run', 'fork', 7])
      assert.equal((await exchange(await idToken({ event_name }))).role, 'viewer', String(event_name))
    for (const event_name of ['push', 'pull_request', 'schedule'])
      assert.equal((await exchange(await idToken({ event_name }))).role, 'maintainer', event_name)
  })

  it('asks which is meant where several hold', async () => {
    const subject = 'repo:octo/twice:ref:refs/heads/main'
    await trust({ name: 'twice-a', subject, role: 'viewer' })
    await trust({ name: 'twice-b', subject, role: 'contributor' })
    await assert.rejects(exchange(await idToken({ sub: subject })), refused(/several trusts hold/))
    assert.equal((await exchange(await idToken({ sub: subject }), 'twice-b')).role, 'contributor')
    await assert.rejects(exchange(await idToken({ sub: subject }), 'deploy'), refused(/no trust/))
  })

  it('ends with the trust', async () => {
    const subject = 'repo:octo/gone:ref:refs/heads/main'
    const { id } = await trust({ subject })
    await exchange(await idToken({ sub: subject }))
    await admin.call(machinesApi.removeTrust, { params: { id } })
    await assert.rejects(exchange(await idToken({ sub: subject })), refused(/no trust/))
    await assert.rejects(admin.call(machinesApi.removeTrust, { params: { id } }), { code: 'not_found' })
  })
})

describe('over HTTP', () => {
  it('anybody may exchange, and wrong ones are counted as wrong tokens are', async () => {
    await trust({ name: 'wire', subject: 'repo:octo/wire:ref:refs/heads/main' })
    const right = await idToken({ sub: 'repo:octo/wire:ref:refs/heads/main' })
    const codes = new Set<unknown>()
    for (let i = 0; i < 30; i++) {
      const asked = anyone.call(machinesApi.exchange, { body: { id_token: `wrong-${i}` } })
      await asked.catch((error: { code?: string }) => codes.add(error.code))
    }
    assert.deepEqual([...codes], ['unauthenticated', 'too_many_requests'])
    const given = await anyone.call(machinesApi.exchange, { body: { id_token: right } })
    assert.deepEqual([given.trust, given.role], ['wire', 'maintainer'])
    await assert.rejects(anyone.call(machinesApi.exchange, { body: { id_token: 'x'.repeat(17_000) } }), {
      code: 'invalid_field',
    })
  })
})

describe('a trust', () => {
  for (const [name, changed] of Object.entries<Partial<Record<keyof Wanted, unknown>>>({
    'a star in its subject': { subject: 'repo:octo/*' },
    'a question mark in its audience': { audience: 'https://slipway.example?' },
    'a star in a claim': { claims: { repository_id: '*' } },
    'no id': { claims: { environment: 'production' } },
    'no claims': { claims: {} },
    'an empty subject': { subject: '' },
    'an issuer without an address': { issuer: 'token.actions' },
    'an issuer with a slash at its end': { issuer: 'https://host/' },
    'the role of an admin': { role: 'admin' },
    'no project': { project: undefined },
    'a life of days': { minutes: 1441 },
  })) {
    it(`is refused with ${name}`, async () => {
      await assert.rejects(trust(changed as Partial<Wanted>), { code: 'invalid_field' })
    })
  }

  it('has a name of its own, and is listed', async () => {
    const { id, created_at } = await trust({ name: 'listed', minutes: 5 })
    await assert.rejects(trust({ name: 'listed' }), { code: 'conflict' })
    const { items } = await admin.call(machinesApi.listTrusts)
    assert.deepEqual(
      items.find((one) => one.id === id),
      {
        id,
        name: 'listed',
        ...usual(),
        minutes: 5,
        created_at,
        created_by: 'admin',
      },
    )
  })

  it('is made by who manages tokens alone, and of their project', async () => {
    const maintainer = createClient({ url: served.server.url, token: served.tokenOf('maintainer') })
    const body = {
      name: 'mine',
      issuer: issuer.url,
      audience: HERE,
      subject: SUBJECT,
      claims: CLAIMS,
      project: 'flights',
    } as const
    await assert.rejects(maintainer.call(machinesApi.createTrust, { body }), { code: 'forbidden' })
    await assert.rejects(maintainer.call(machinesApi.listTrusts), { code: 'forbidden' })
    const made = await tokens({ ...deps, clock: Date.now }).create(
      { id: 's', name: 's', role: 'admin', project: null, token_id: null },
      { name: 'a', role: 'admin', project: 'elsewhere' },
    )
    const other = createClient({ url: served.server.url, token: made.token })
    await assert.rejects(other.call(machinesApi.createTrust, { body }), { code: 'forbidden' })
    assert.deepEqual((await other.call(machinesApi.listTrusts)).items, [])
    const { id } = await trust()
    await assert.rejects(other.call(machinesApi.removeTrust, { params: { id } }), { code: 'not_found' })
  })
})
