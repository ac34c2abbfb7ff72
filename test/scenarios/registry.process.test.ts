/** The unmodified mlflow client against the registry: its gates hold for it too, and it loads what was registered. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Db } from '../../src/store/db.ts'
import { serveRoutes } from '../routes.ts'
import type { ServedRoutes } from '../routes.ts'
import { mlflowOutput } from '../output.ts'
import type { Output } from '../output.ts'
import { verifyAudit } from '../../src/auth/audit.ts'
import { replayVerdict } from '../../src/registry/gates/verdicts.ts'
import type { Registry } from '../../src/registry/context/context.ts'
import { registryRoutes } from '../../src/registry/routes.ts'
import { registryWireRoutes } from '../../src/registry/wire/wire-routes.ts'
import { trackingRoutes } from '../../src/tracking/routes.ts'
import { evaluationRoutes } from '../../src/evaluation/routes.ts'
import { llmRoutes } from '../../src/llm/routes.ts'
import { traceRoutes } from '../../src/traces/routes.ts'
import { MLFLOW_CLIENT } from '../clients/packages.ts'
import { testEnv } from '../python-env.ts'

const MODEL = 'gated-model'

describe('the mlflow client and the registry', () => {
  let served: ServedRoutes
  let db: Db
  let room: Registry
  let python = ''

  before(async () => {
    python = await testEnv(MLFLOW_CLIENT)
    served = await serveRoutes(['maintainer'], (deps) => {
      db = deps.db
      room = { ...deps, modelsDir: join(deps.dataDir, 'models') }
      return [
        ...[trackingRoutes, traceRoutes, evaluationRoutes, llmRoutes].flatMap((routesOf) => routesOf(deps)),
        ...registryRoutes(room, []),
        ...registryWireRoutes(room, deps),
      ]
    })
    await db.tx((t) =>
      t.run(
        `INSERT INTO registered_models (name, project, description, created_at, updated_at, created_by, last_version, gates)
         VALUES (?, 'default', '', 0, 0, 'test', 0, ?)`,
        [MODEL, JSON.stringify([{ metric: 'auc', at_least: 0.7 }])],
      ),
    )
  })
  after(() => served.stop())

  it('registers, is refused by gates, promotes, loads, copies and deletes', async () => {
    const { code, out } = await run(python, { url: served.server.url, token: served.tokenOf('maintainer') })
    const passed = [...out.matchAll(/^passed (\w+)$/gm)].map((match) => match[1])
    assert.deepEqual(passed, ['gates', 'files', 'life', 'sources'], out.slice(-3000))
    assert.equal(code, 0)
  })

  it('leaves a trail that holds: verdicts replay, the audit chain is whole', async () => {
    const verdicts = await db.all<{ id: string; passed: number }>('SELECT id, passed FROM verdicts')
    assert.ok(verdicts.some((row) => row.passed === 1))
    for (const { id } of verdicts) assert.equal((await replayVerdict(room, id)).same, true)
    assert.equal((await verifyAudit(db)).ok, true)
    const jobs = await db.all<{ key: string }>("SELECT key FROM jobs WHERE kind = 'lower' ORDER BY key")
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
