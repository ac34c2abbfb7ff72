/** The unmodified tritonclient against a gateway with a certificate, over HTTPS and gRPC. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { noOpenssl, selfSigned } from '../certificate.ts'
import { testEnv } from '../python-env.ts'
import { echoModel, serveModels } from './gateway.ts'
import { TRITON_CLIENT } from './packages.ts'
import { runChecks } from './program.ts'

test('tritonclient over TLS', { skip: noOpenssl() }, async (t) => {
  const python = await testEnv(TRITON_CLIENT, 'once').catch((error: Error) => error)
  if (python instanceof Error) {
    t.skip(`tritonclient cannot be installed here: ${python.message.split('\n')[0]}`)
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'triton-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tls = selfSigned(folder, 'gateway')
  const gateway = await serveModels([echoModel('floats', 'number')], { tls })
  t.after(() => gateway.stop())
  const script = join(import.meta.dirname, 'triton_tls.py')
  const { code, checks, said } = await runChecks(python, ['-B', script, gateway.http, gateway.grpc, tls.cert])
  assert.deepEqual([code, checks.map(({ ok }) => ok)], [0, [true, true]], said)
})
