/** The unmodified clients of KServe, MLServer and Triton against a gateway of echo models, over HTTP and gRPC. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { testEnv } from '../python-env.ts'
import { echoModel, serveModels } from './gateway.ts'
import { KSERVE_CLIENT, MLSERVER_CLIENT, TRITON_CLIENT } from './packages.ts'
import { runChecks } from './program.ts'

/** A client: its script beside this file, what it needs, and how many checks it makes at least. */
const CLIENTS = [
  { name: 'tritonclient', script: 'triton_client.py', packages: TRITON_CLIENT, checks: 60 },
  { name: 'kserve', script: 'kserve_client.py', packages: KSERVE_CLIENT, checks: 38 },
  { name: 'mlserver', script: 'mlserver_client.py', packages: MLSERVER_CLIENT, checks: 16 },
] as const

for (const { name, script, packages, checks: least } of CLIENTS) {
  test(`${name} over HTTP and gRPC`, { timeout: 900_000 }, async (t) => {
    const python = await testEnv(packages, 'once').catch((error: Error) => error)
    if (python instanceof Error) {
      t.skip(`${name} cannot be installed here: ${python.message.split('\n')[0]}`)
      return
    }
    const gateway = await serveModels([
      echoModel('floats', 'number'),
      echoModel('wholes', 'integer'),
      echoModel('flags', 'boolean'),
      echoModel('texts', 'string'),
    ])
    try {
      const path = join(import.meta.dirname, script)
      const { code, checks, said } = await runChecks(python, ['-B', path, gateway.http, gateway.grpc])
      const failed = checks.filter((check) => !check.ok)
      assert.deepEqual([code, failed], [0, []], said)
      assert.ok(checks.length >= least, `${checks.length} checks ran:\n${said}`)
    } finally {
      await gateway.stop()
    }
  })
}
