/** A prediction that a page asks for through the server: a real gateway that demands credentials answers it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { noOpenssl, selfSigned } from '../../../test/certificate.ts'
import { servingModels } from '../../../test/serving-models.ts'
import { auditLog } from '../../auth/audit.ts'
import { tokens } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { endpointViewApi } from '../../contract/endpoint-view.ts'
import { makeIds } from '../../contract/ids.ts'
import type { Call } from '../../http/mount.ts'
import { openStore } from '../../store/open.ts'
import { openDoor } from '../open-door.fixture.ts'
import { servingRoom } from '../room.ts'
import { ifSound } from '../../store/if-sound.fixture.ts'

const ROOT: Principal = { id: 'u', name: 'tester', role: 'admin', project: null, token_id: null }

interface Answer {
  readonly status: number
  readonly took_ms: number
  readonly reply: { readonly scores?: number[]; readonly error?: { readonly message: string } }
}

test('the server asks its own gateway, also with a token that is new to it; a stranger sees no endpoint', (t) =>
  asksItself(t, false))

test('the server asks its own gateway over TLS, whose certificate it need not know', { skip: noOpenssl() }, (t) =>
  asksItself(t, true),
)

async function asksItself(t: TestContext, secure: boolean): Promise<void> {
  const models = await servingModels()
  const dataDir = mkdtempSync(join(tmpdir(), 'view-'))
  const tls = secure ? selfSigned(dataDir, 'example.com') : undefined
  const store = await openStore({ dataDir })
  const deps = { db: store.db, clock: Date.now, ids: makeIds(Date.now, randomBytes), audit: auditLog(Date.now) }
  const access = tokens(deps)
  const room = servingRoom({
    ...deps,
    ...openDoor(store.db),
    dataDir,
    ifSound,
    version: '0.0.0',
    gateways: { count: 1, host: '127.0.0.1', port: 0, allowHosts: [], ...(tls !== undefined && { tls }) },
    open: false,
    tokens: access,
    versionFiles: async () => models.files('hgb', false),
    workers: 1,
    memoryMb: 2048,
    hooks: () => [],
    modelProject: async () => 'p',
    returned: async () => undefined,
    changed: () => undefined,
    log: () => undefined,
  })
  t.after(async () => {
    await room.stop()
    await store.db.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  await room.start()
  await room.put(ROOT, 'flights', { project: 'p', model: 'm' })
  await room.deploy(ROOT, 'flights', { version: '1' })
  const mounted = room.routes.find(({ route }) => route === endpointViewApi.tryIt)
  const ask = async (inputs: object, who = ROOT): Promise<Answer> =>
    (await mounted?.handle({ who, params: { name: 'flights' }, body: { inputs } } as unknown as Call)) as Answer
  const { score, ...inputs } = models.rows[0] ?? { score: 0 }

  const first = await ask(inputs)
  assert.equal(first.status, 200)
  assert.ok(Math.abs((first.reply.scores?.[0] ?? 9) - score) < 1e-12)
  assert.ok(first.took_ms > 0)
  const refused = await ask({ nothing: 1 })
  assert.equal(refused.status, 400)
  assert.match(refused.reply.error?.message ?? '', /inputs\./)
  assert.equal((await access.list()).length, 1)
  await assert.rejects(ask(inputs, { ...ROOT, project: 'other' }), { code: 'not_found' })
}
