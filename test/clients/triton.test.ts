/** The unmodified tritonclient package against a gateway: HTTP, asyncio HTTP, gRPC, asyncio gRPC, the gRPC stream. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { testEnv } from '../python-env.ts'
import { echoModel, serveModels } from './gateway.ts'
import { runChecks } from './program.ts'
import { TRITON_CLIENT } from './packages.ts'

test('tritonclient over HTTP and gRPC', { timeout: 900_000 }, async (t) => {
  const python = await testEnv(TRITON_CLIENT).catch((error: Error) => error)
  if (python instanceof Error) {
    t.skip(`tritonclient cannot be installed here: ${python.message.split('\n')[0]}`)
    return
  }
  const gateway = await serveModels([
    echoModel('floats', 'number'),
    echoModel('wholes', 'integer'),
    echoModel('flags', 'boolean'),
    echoModel('texts', 'string'),
  ])
  try {
    const { checks, said } = await runChecks(python, [
      '-B',
      join(import.meta.dirname, 'triton_client.py'),
      gateway.http,
      gateway.grpc,
    ])
    const failed = checks.filter((check) => !check.ok)
    assert.deepEqual(failed, [], said)
    assert.ok(checks.length >= 60, `${checks.length} checks ran:\n${said}`)
  } finally {
    await gateway.stop()
  }
})
