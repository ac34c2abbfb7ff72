/** The unmodified mlflow client, with a token, against a running server: everything that a data scientist's notebook does. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startTestApp } from '../app.ts'
import { mlflowOutput } from '../output.ts'
import type { Output } from '../output.ts'
import type { App } from '../../src/options.ts'
import { startPostgres } from '../postgres.ts'
import { MLFLOW_CLIENT } from '../clients/packages.ts'
import { testEnv } from '../python-env.ts'
import { NO_S3, startS3 } from '../s3.ts'
import type { TestS3 } from '../s3.ts'

const PARTS = ['autolog', 'logging', 'search', 'artifacts', 'datasets', 'workspaces']

/** The cases on a server that keeps what it is told here, and the files there. */
export function mlflowClientCases(database: 'SQLite' | 'PostgreSQL', files: 'disk' | 'S3'): void {
  describe(`the mlflow client on ${database} with files on ${files}`, () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'slipway-mlflow-'))
    let app: App | undefined
    let python = ''
    let stopDatabase = async (): Promise<void> => undefined
    let s3: TestS3 | undefined

    before(async () => {
      python = await testEnv(MLFLOW_CLIENT)
      const server = database === 'PostgreSQL' ? await startPostgres() : undefined
      if (server !== undefined) stopDatabase = () => server.stop()
      if (files === 'S3') s3 = await startS3()
      if (files === 'S3' && s3 === undefined) return
      Object.assign(process.env, s3?.env)
      app = await startTestApp({
        dataDir,
        ...(server !== undefined && { databaseUrl: server.url }),
        ...(s3 !== undefined && { blobsUrl: s3.url }),
      })
    })
    after(async () => {
      if (app !== undefined) await app.stop()
      for (const name of Object.keys(s3?.env ?? {})) Reflect.deleteProperty(process.env, name)
      s3?.stop()
      await stopDatabase()
      rmSync(dataDir, { recursive: true, force: true })
    })

    it('logs, searches, uploads and reads back', async (t) => {
      if (app === undefined) {
        t.skip(NO_S3)
        return
      }
      const { code, out } = await run(python, { url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
      const passed = [...out.matchAll(/^passed (\w+)$/gm)].map((match) => match[1])
      assert.deepEqual(passed, PARTS, out.slice(-3000))
      assert.equal(code, 0)
    })

    if (database === 'SQLite' && files === 'disk') {
      it('is refused without a token', async () => {
        const { code, out } = await run(python, { url: app?.url ?? '', token: 'slw_wrong.wrong' })
        assert.equal(code, 1)
        assert.match(out, /UNAUTHENTICATED|no valid credential/)
      })
    }
  })
}

function run(python: string, server: { url: string; token: string }): Promise<Output> {
  return mlflowOutput({ python, file: 'mlflow_client.py', env: { OMP_NUM_THREADS: '1' }, limitMs: 230_000 }, server)
}
