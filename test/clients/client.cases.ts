/** What the unmodified clients of KServe, MLServer and Triton are asked to do: calls of a gateway of echo models, over HTTP and gRPC. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { testEnv } from '../python-env.ts'
import { echoModel, serveModels } from './gateway.ts'
import { runChecks } from './program.ts'

export interface Client {
  readonly name: string
  /** Its script beside this file. */
  readonly script: string
  readonly packages: readonly string[]
  /** How many checks it makes at least. */
  readonly checks: number
}

/** The test of one client. */
export function clientCase({ name, script, packages, checks: least }: Client): void {
  test(`${name} over HTTP and gRPC`, async (t) => {
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
