/** Two servers on one PostgreSQL and one S3 that do not see each other's disks: what one lowered, the other deploys and answers. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { servingApi } from '../../src/contract/serving.ts'
import { runFiles } from '../../src/gateway/run-files.ts'
import { answers, furnish, models, register, scores } from '../fixtures/two-endpoints.ts'
import { startPostgres } from '../postgres.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { cannotHide, startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const s3 = await startS3()
const folder = mkdtempSync(join(tmpdir(), 'slipway-replicas-'))
after(() => {
  s3?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** What lies in a folder as the process of a server sees it. */
function seen({ pid }: TestServer, path: string): string[] {
  return readdirSync(`/proc/${pid}/root${path}`)
}

test(
  'a replica that cannot see the disk of another deploys and answers what that one lowered',
  { skip: s3 === undefined ? NO_S3 : (cannotHide(folder) ?? false) },
  async (t) => {
    const database = await startPostgres()
    const env = { ...s3?.env, SLIPWAY_BLOBS: `${s3?.url}/replicas`, SLIPWAY_DATABASE_URL: database.url }
    const [here, there] = [join(folder, 'a'), join(folder, 'b')]
    for (const data of [here, there]) mkdirSync(data, { mode: 0o700 })
    const a = await startTestServer({ data: here, gateways: 1, env, hidden: [there] })
    t.after(() => a.stop())
    const told = await furnish(a)
    const second = await register(a, 'native', models.dir('hgb2'))
    await a.client.call(servingApi.deploy, { params: { name: 'native' }, body: { version: second } })
    const newer = await scores(a, 'native')
    assert.notDeepEqual(newer, told.native)
    await a.client.call(servingApi.deploy, { params: { name: 'native' }, body: { version: '1' } })

    const b = await startTestServer({ data: there, gateways: 1, env, hidden: [here] })
    t.after(() => b.stop())
    assert.deepEqual([seen(a, there), seen(b, here)], [[], []], 'neither sees the folder of the other')
    assert.ok(seen(a, here).includes('run') && seen(b, there).includes('run'), 'each sees its own')
    assert.deepEqual(await answers(b), told, 'it lays out for itself what the other lowered')
    assert.ok(
      !readFileSync(runFiles(there).routing, 'utf8').includes(here),
      'nothing of the other’s disk is in its table',
    )
    await a.kill()
    await b.client.call(servingApi.deploy, { params: { name: 'native' }, body: { version: second } })
    assert.deepEqual(await scores(b, 'native'), newer)

    const again = await startTestServer({ data: here, gateways: 1, env, hidden: [there] })
    t.after(() => again.stop())
    await until('the one that came back to be in step', async () =>
      isDeepStrictEqual(await scores(again, 'native'), newer),
    )
  },
)
