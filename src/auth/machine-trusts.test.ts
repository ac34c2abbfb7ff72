/** Trusts in the database: whose they are, which hold, and what of them is on record; exchanges that are remembered as long as they must be. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, test } from 'node:test'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import { openedOnce } from '../../test/opened.ts'
import { makeIds } from '../contract/ids.ts'
import type { Principal } from '../contract/access.ts'
import { awaited, dbWith } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { openTemporaryStore } from '../store/open.ts'
import { auditLog } from './audit.ts'
import { exchange } from './machine-exchange.ts'
import type { ExchangeDeps } from './machine-exchange.ts'
import { issuerKeys } from './machine-issuer.ts'
import { createTrust, listTrusts, removeTrust, trustsOf } from './machine-trusts.ts'
import type { TrustsDeps } from './machine-trusts.ts'
import { SYSTEM, tokens } from './tokens.ts'

const ISSUER = 'https://issuer.example'
const HERE = 'https://slipway.example'
const SUBJECT = 'repo:octo/models:ref:refs/heads/main'
const START = Date.UTC(2026, 2, 1)
const MINUTE = 60_000

let db: Db
let now = START
const clock = (): number => now
const ids = makeIds(clock, randomBytes)
const audit = auditLog(clock)
openedOnce(openTemporaryStore, (store) => {
  db = awaited(store.db)
})
beforeEach(async () => {
  now = START
  await db.tx(async (t) => {
    for (const table of ['machine_trusts', 'machine_exchanges', 'tokens', 'audit']) await t.run(`DELETE FROM ${table}`)
  })
})

const deps = (): TrustsDeps => ({ db, clock, ids, audit })
const admin: Principal = { ...SYSTEM, name: 'ann' }
const adminOf = (project: string): Principal => ({ ...admin, project })
type Wanted = Parameters<typeof createTrust>[2]
const wanted = (changed: Partial<Wanted> = {}): Wanted => ({
  name: 'deploy',
  issuer: ISSUER,
  audience: HERE,
  subject: SUBJECT,
  claims: { repository_id: '4711' },
  role: 'maintainer',
  project: 'flights',
  minutes: 60,
  ...changed,
})
const make = (changed: Partial<Wanted> = {}, who = admin) => createTrust(deps(), who, wanted(changed))
const names = async (who = admin): Promise<string[]> => (await listTrusts(deps(), who)).map(({ name }) => name)
const held = async (issuer: string): Promise<string[]> => (await trustsOf(db, issuer)).map(({ name }) => name)
const entries = async () =>
  (await db.all<{ actor: string; resource_id: string; detail: string }>('SELECT * FROM audit ORDER BY seq')).map(
    ({ actor, resource_id, detail }) => [actor, resource_id, JSON.parse(detail) as unknown],
  )
/** The rooms' parts with a database whose transactions begin late. */
const late = (): TrustsDeps => ({
  ...deps(),
  db: dbWith(db, {
    async tx(work) {
      // by the clock: what waits for it does so however long it takes
      await new Promise((done) => setTimeout(done, 10))
      return db.tx(work)
    },
  }),
})

describe('a trust', () => {
  test('is what was asked for, by whom and when, and on record when it is made', async () => {
    const made = await createTrust(late(), admin, wanted())
    const { id } = made
    assert.deepEqual(made, { id, ...wanted(), created_at: '2026-03-01T00:00:00.000Z', created_by: 'ann' })
    assert.deepEqual(await listTrusts(deps(), admin), [made])
    assert.deepEqual(await entries(), [['ann', id, { action: 'trust', ...wanted() }]])
    await removeTrust(late(), admin, id)
    assert.deepEqual((await entries())[1], ['ann', id, { action: 'distrust' }])
  })

  test('has a name of its own among those that hold', async () => {
    const { id } = await make()
    await make({ name: 'other' })
    const detail = 'there is a machine called "deploy" already'
    await assert.rejects(make(), { code: 'conflict', data: { detail } })
    await removeTrust(deps(), admin, id)
    now++
    await make()
    assert.deepEqual(await names(), ['other', 'deploy'], 'oldest first')
  })

  test('is one of its issuer as long as it holds', async () => {
    const { id } = await make()
    await make({ name: 'other', issuer: 'https://other.example' })
    assert.deepEqual([await held(ISSUER), await held('https://other.example')], [['deploy'], ['other']])
    await removeTrust(deps(), admin, id)
    assert.deepEqual([await held(ISSUER), await held('https://other.example')], [[], ['other']])
    await assert.rejects(removeTrust(deps(), admin, id), { code: 'not_found', data: { what: 'machine', id } })
    await assert.rejects(removeTrust(deps(), admin, 'none'), { code: 'not_found' })
    assert.deepEqual(await names(), ['other'], 'nothing else is removed')
    const row = await db.get<{ removed_at: number }>('SELECT removed_at FROM machine_trusts WHERE id = ?', [id])
    assert.equal(row?.removed_at, START)
  })

  test('is made, seen and removed by admins of its project and of all', async () => {
    await assert.rejects(make({}, adminOf('loans')), {
      code: 'forbidden',
      data: { role: 'admin of project loans', verb: 'manage', resource: 'machines of project flights' },
    })
    const { id } = await make({}, adminOf('flights'))
    now++
    await make({ name: 'of loans', project: 'loans' }, admin)
    assert.deepEqual(await names(), ['deploy', 'of loans'])
    assert.deepEqual(await names(adminOf('flights')), ['deploy'])
    assert.deepEqual(await names(adminOf('loans')), ['of loans'])
    await assert.rejects(removeTrust(deps(), adminOf('loans'), id), { code: 'not_found' })
    await removeTrust(deps(), adminOf('flights'), id)
    assert.deepEqual(await names(), ['of loans'])
    assert.deepEqual(await names(adminOf('flights')), [])
  })

  test('that is not on record is not made', async () => {
    const failing = { ...deps(), audit: { record: () => Promise.reject(new Error('the disk')) } }
    await assert.rejects(createTrust(failing, admin, wanted()), /the disk/)
    assert.deepEqual(await names(), [])
    const { id } = await make()
    await assert.rejects(removeTrust(failing, admin, id), /the disk/)
    assert.deepEqual(await names(), ['deploy'])
  })
})

type Claims = Readonly<Record<string, unknown>>

describe('an exchange', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'k' }
  /** The issuer's answers. */
  const keys = issuerKeys(
    async ({ url }) => {
      const reply = url.endsWith('/keys') ? { keys: [jwk] } : { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` }
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(reply)) }
    },
    () => START,
  )
  const parts = (): ExchangeDeps => ({ db, clock, keys, tokens: tokens(deps()) })
  let made = 0
  /** Seconds since 1970. */
  const at = (ms: number): number => (START + ms) / 1000
  const idToken = (changed: Claims = {}): Promise<string> =>
    new SignJWT({
      iss: ISSUER,
      aud: HERE,
      sub: SUBJECT,
      repository_id: '4711',
      jti: `j${made++}`,
      iat: at(0),
      exp: at(5 * MINUTE),
      ...changed,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .sign(privateKey)
  const exchanged = async (changed: Claims = {}) => exchange(parts(), { id_token: await idToken(changed) })
  const refused = (message: RegExp) => ({ code: 'unauthenticated', message })
  beforeEach(() => make())

  test('gives a token for the minutes of the trust', async () => {
    assert.equal((await exchanged()).expires_at, START + 60 * MINUTE)
  })

  test('takes an ID token up to half a minute after its end, and one that is at most fifteen minutes old', async () => {
    const token = await idToken()
    now = START + 5 * MINUTE + 30_000
    await assert.rejects(exchange(parts(), { id_token: token }), refused(/"exp"/))
    now -= 1000
    await exchange(parts(), { id_token: token })
    now = START
    const old = (seconds: number) => exchanged({ iat: at(-15 * MINUTE) - seconds })
    await old(30)
    await assert.rejects(old(31), refused(/too far in the past/))
    await exchanged({ iat: at(30_000), nbf: at(30_000) })
    await assert.rejects(exchanged({ iat: at(31_000) }), refused(/in the past/))
  })

  for (const claim of ['exp', 'iat', 'sub', 'aud'])
    test(`refuses one without ${claim}`, () =>
      assert.rejects(exchanged({ [claim]: undefined }), refused(new RegExp(claim))))

  test('takes the audience as a text, or as a list of that one', async () => {
    await exchanged({ aud: [HERE] })
    for (const aud of [
      [],
      [HERE, 'https://other.example'],
      ['https://other.example', HERE],
      'https://other.example',
      'h',
    ])
      await assert.rejects(exchanged({ aud }), refused(/no trust has its audience/))
  })

  test('refuses what is no JWT, or names no issuer', async () => {
    for (const id_token of ['x', 'a.b.c', '..', `.${Buffer.from('5').toString('base64url')}.`])
      await assert.rejects(exchange(parts(), { id_token }), refused(/it is no JWT/))
    await assert.rejects(exchanged({ iss: undefined }), refused(/its issuer is not trusted/))
  })

  test('takes each claim of the trust', async () => {
    await make({ name: 'both', subject: 'two', claims: { repository_id: '4711', environment: 'production' } })
    await exchanged({ sub: 'two', environment: 'production' })
    for (const claims of [{}, { environment: 'other' }, { environment: 'production', repository_id: '1' }])
      await assert.rejects(exchanged({ sub: 'two', ...claims }), refused(/no trust has/))
  })

  for (const event_name of [
    'push',
    'pull_request',
    'merge_group',
    'workflow_dispatch',
    'schedule',
    'release',
    'deployment',
  ])
    test(`gives the role of the trust to a job of ${event_name}`, async () =>
      assert.equal((await exchanged({ event_name })).role, 'maintainer'))

  test('is remembered by issuer and jti, or by everything where there is none', async () => {
    const again = refused(/exchanged before/)
    await exchanged({ jti: 'one' })
    await assert.rejects(exchanged({ jti: 'one', exp: at(6 * MINUTE) }), again)
    await exchanged({ jti: 'two' })
    await exchanged({ jti: undefined })
    await assert.rejects(exchanged({ jti: undefined }), again)
    await exchanged({ jti: undefined, exp: at(6 * MINUTE) })
  })

  test('is forgotten a minute after its ID token has ended, and not before', async () => {
    const until = async (): Promise<number[]> =>
      (await db.all<{ at: number }>('SELECT expires_at AS at FROM machine_exchanges ORDER BY 1')).map((row) => row.at)
    await exchanged()
    assert.deepEqual(await until(), [START + 5 * MINUTE])
    now = START + 6 * MINUTE
    const next = { iat: at(6 * MINUTE), exp: at(9 * MINUTE) }
    await exchanged(next)
    assert.deepEqual(await until(), [START + 5 * MINUTE, START + 9 * MINUTE])
    now++
    await exchanged(next)
    assert.deepEqual(await until(), [START + 9 * MINUTE, START + 9 * MINUTE])
  })

  test('by a trust that is removed while the issuer is asked for its keys gives no token', async () => {
    const [held] = await listTrusts(deps(), admin)
    assert.ok(held)
    const slow: ExchangeDeps['keys'] = (issuer) => async (header, token) => {
      await removeTrust(deps(), admin, held.id)
      return keys(issuer)(header, token)
    }
    const asked = { id_token: await idToken() }
    await assert.rejects(exchange({ ...parts(), keys: slow }, asked), refused(/no trust has its audience/))
    assert.deepEqual(await db.all("SELECT name FROM tokens WHERE name LIKE 'ci:%'"), [])
    await make()
    await exchange(parts(), asked)
  })

  test('tells a fault of the keys or of the database as it is', async () => {
    const fault = new Error('a fault of ours')
    const asked = { id_token: await idToken() }
    const failing = (changed: Partial<ExchangeDeps>) => exchange({ ...parts(), ...changed }, asked)
    await assert.rejects(failing({ keys: () => () => Promise.reject(fault) }), fault)
    await assert.rejects(failing({ db: dbWith(db, { tx: () => Promise.reject(fault) }) }), fault)
    await exchange(parts(), asked)
  })
})
