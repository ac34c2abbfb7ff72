/** Trusts and exchanges on PostgreSQL, where two replicas that take one ID token at once run in transactions of their own. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, it } from 'node:test'
import { makeIds } from '../contract/ids.ts'
import { egress } from '../http/egress.ts'
import type { Db } from '../store/db.ts'
import { migrate } from '../store/migrate.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { startIssuer } from '../../test/fixtures/issuer.ts'
import type { Issuer } from '../../test/fixtures/issuer.ts'
import { startPostgres } from '../../test/postgres.ts'
import type { TestPostgres } from '../../test/postgres.ts'
import { auditLog, verifyAudit } from './audit.ts'
import { exchange } from './machine-exchange.ts'
import { issuerKeys } from './machine-issuer.ts'
import { createTrust, listTrusts, removeTrust } from './machine-trusts.ts'
import { SYSTEM, tokens } from './tokens.ts'

const HERE = 'https://slipway.example'
const CLAIMS = { sub: 'repo:octo/models:ref:refs/heads/main', repository_id: '4711' }

let server: TestPostgres
let issuer: Issuer
let replicas: Db[] = []
before(async () => {
  ;[server, issuer] = await Promise.all([startPostgres(), startIssuer([HERE])])
  replicas = [openPostgres(server.url, { writers: 4 }), openPostgres(server.url, { writers: 4 })]
  await migrate(replicas[0]!)
})
after(async () => {
  issuer.stop()
  for (const db of replicas) await db.close()
  await server.stop()
})

const clock = Date.now
const depsOf = (db: Db) => {
  const common = { db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) }
  const keys = issuerKeys(egress({ allow: [new URL(issuer.url).host] }), clock)
  return { ...common, tokens: tokens(common), keys }
}
const wanted = (name: string, project = 'flights') => ({
  name,
  issuer: issuer.url,
  audience: HERE,
  subject: CLAIMS.sub,
  claims: { repository_id: CLAIMS.repository_id },
  role: 'contributor' as const,
  project,
  minutes: 30,
})

const idToken = (jti: string): Promise<string> => issuer.token(HERE, { ...CLAIMS, jti })

it('of two replicas that make a trust of one name at once, one is refused', async () => {
  const made = await Promise.allSettled(replicas.map((db) => createTrust(depsOf(db), SYSTEM, wanted('deploy'))))
  assert.deepEqual(made.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const refused = made.find((one) => one.status === 'rejected')
  assert.equal((refused?.reason as { code?: string } | undefined)?.code, 'conflict')
  const [listed] = await listTrusts(depsOf(replicas[1]!), SYSTEM)
  const { id: _id, created_at: _at, created_by: _by, ...kept } = listed ?? {}
  assert.deepEqual(kept, wanted('deploy'))
})

it('an ID token is exchanged once by all replicas together', async () => {
  for (const claims of [{ ...CLAIMS, jti: 'one' }, CLAIMS]) {
    const id_token = await issuer.token(HERE, claims)
    const all = await Promise.allSettled([...replicas, ...replicas].map((db) => exchange(depsOf(db), { id_token })))
    const given = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    assert.equal(given.length, 1)
    for (const one of all)
      if (one.status === 'rejected') assert.match((one.reason as Error).message, /exchanged before/)
    const who = await tokens(depsOf(replicas[1]!)).find(given[0]?.token ?? '')
    assert.deepEqual([who.name, who.role, who.project], ['ci:deploy', 'contributor', 'flights'])
  }
  assert.equal((await verifyAudit(replicas[0]!)).ok, true)
})

it('what was exchanged is forgotten a minute after its ID token is over, and not before', async () => {
  const [db] = replicas
  assert.ok(db)
  const kept = async (): Promise<string[]> =>
    (await db.all<{ hash: string }>("SELECT hash FROM machine_exchanges WHERE hash LIKE 'of %' ORDER BY hash")).map(
      ({ hash }) => hash,
    )
  for (const [hash, ago] of [
    ['of an hour ago', 3_600_000],
    ['of a moment ago', 30_000],
  ] as const)
    await db.tx((t) =>
      t.run('INSERT INTO machine_exchanges (hash, expires_at) VALUES (?, ?)', [hash, Date.now() - ago]),
    )
  await exchange(depsOf(db), { id_token: await idToken('two') })
  assert.deepEqual(await kept(), ['of a moment ago'])
})

it('a project sees and removes its own trusts alone, and one that is removed holds no longer', async () => {
  const deps = depsOf(replicas[0]!)
  const other = await createTrust(deps, SYSTEM, wanted('elsewhere', 'moon'))
  const moon = { ...SYSTEM, project: 'moon' }
  assert.deepEqual(
    (await listTrusts(deps, moon)).map(({ name }) => name),
    ['elsewhere'],
  )
  const [mine] = await listTrusts(deps, { ...SYSTEM, project: 'flights' })
  assert.ok(mine)
  await assert.rejects(removeTrust(deps, moon, mine.id), { code: 'not_found' })
  await assert.rejects(exchange(deps, { id_token: await idToken('four') }), /several trusts hold/)
  await removeTrust(deps, moon, other.id)
  assert.equal((await exchange(deps, { id_token: await idToken('five') })).trust, 'deploy')
  await removeTrust(deps, SYSTEM, mine.id)
  await assert.rejects(exchange(deps, { id_token: await idToken('six') }), /its issuer is not trusted/)
})
