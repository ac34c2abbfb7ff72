/** The unmodified mlflow client against the registry: its gates hold for it too, and it loads what was registered. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { mlflowOutput } from '../output.ts'
import type { Output } from '../output.ts'
import { auditLog, verifyAudit } from '../../src/auth/audit.ts'
import { authenticator } from '../../src/auth/authenticate.ts'
import { SYSTEM, tokens } from '../../src/auth/tokens.ts'
import { makeIds } from '../../src/contract/ids.ts'
import { startServer } from '../../src/http/server.ts'
import type { RunningServer } from '../../src/http/server.ts'
import { replayVerdict } from '../../src/registry/gates/verdicts.ts'
import type { Registry } from '../../src/registry/context/context.ts'
import { registryRoutes } from '../../src/registry/routes.ts'
import { registryWireRoutes } from '../../src/registry/wire/wire-routes.ts'
import { openTemporaryStore } from '../../src/store/open.ts'
import { trackingRoutes } from '../../src/tracking/routes.ts'
import { evaluationRoutes } from '../../src/evaluation/routes.ts'
import { llmRoutes } from '../../src/llm/routes.ts'
import { traceRoutes } from '../../src/traces/routes.ts'
import { testEnv } from '../python-env.ts'
import type { Tracking } from '../../src/tracking/context/context.ts'

const PACKAGES = ['scikit-learn==1.7.2', 'pandas==2.3.3', 'numpy==2.2.6', 'mlflow-skinny==3.17.2']
const MODEL = 'gated-model'

describe('the mlflow client and the registry', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let server: RunningServer
  let room: Registry
  let python = ''
  let token = ''

  before(async () => {
    python = await testEnv(PACKAGES)
    store = await openTemporaryStore()
    const audit = auditLog(Date.now)
    const ids = makeIds(Date.now, randomBytes)
    const access = tokens({ db: store.db, clock: Date.now, ids, audit })
    token = (await access.create(SYSTEM, { name: 'maintainer', role: 'maintainer' })).token
    const tracking: Tracking = { ...store, clock: Date.now, random: randomBytes, record: audit.record }
    room = { ...store, clock: Date.now, ids, audit, modelsDir: join(store.dataDir, 'models') }
    await store.db.tx((t) =>
      t.run(
        `INSERT INTO registered_models (name, project, description, created_at, updated_at, created_by, last_version, gates)
         VALUES (?, 'default', '', 0, 0, 'test', 0, ?)`,
        [MODEL, JSON.stringify([{ metric: 'auc', at_least: 0.7 }])],
      ),
    )
    server = await startServer({
      routes: [
        ...[trackingRoutes, traceRoutes, evaluationRoutes, llmRoutes].flatMap((routesOf) => routesOf(tracking)),
        ...registryRoutes(room, []),
        ...registryWireRoutes(room, tracking),
      ],
      authenticate: authenticator(access, false),
      host: '127.0.0.1',
      port: 0,
      logger: pino({ level: 'silent' }),
    })
  })
  after(async () => {
    await server.stop()
    await store.close()
  })

  it('registers, is refused by gates, promotes, loads, copies and deletes', { timeout: 240_000 }, async () => {
    const { code, out } = await run(python, { url: server.url, token })
    const passed = [...out.matchAll(/^passed (\w+)$/gm)].map((match) => match[1])
    assert.deepEqual(passed, ['gates', 'files', 'life', 'sources'], out.slice(-3000))
    assert.equal(code, 0)
  })

  it('leaves a trail that holds: verdicts replay, the audit chain is whole', async () => {
    const verdicts = await store.db.all<{ id: string; passed: number }>('SELECT id, passed FROM verdicts')
    assert.ok(verdicts.some((row) => row.passed === 1))
    for (const { id } of verdicts) assert.equal((await replayVerdict(room, id)).same, true)
    assert.equal((await verifyAudit(store.db)).ok, true)
    const jobs = await store.db.all<{ key: string }>("SELECT key FROM jobs WHERE kind = 'lower' ORDER BY key")
    assert.deepEqual(
      jobs.map((job) => job.key),
      ['copied/1', `${MODEL}/1`, `${MODEL}/2`],
    )
  })
})

function run(python: string, server: { url: string; token: string }): Promise<Output> {
  return mlflowOutput(
    { python, file: 'mlflow_registry.py', args: [MODEL], env: { OMP_NUM_THREADS: '1' }, limitMs: 230_000 },
    server,
  )
}
