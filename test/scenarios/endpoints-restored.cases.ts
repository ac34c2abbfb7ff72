/** A backup brings the endpoints back: on another path, on SQLite with disk and on PostgreSQL with S3, they answer as before without a hand. */
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { servingApi } from '../../src/contract/serving.ts'
import { openStore } from '../../src/store/open.ts'
import { answers, furnish, slipway } from '../fixtures/two-endpoints.ts'
import type { Env } from '../fixtures/two-endpoints.ts'
import { startPostgres } from '../postgres.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { startTestServer } from '../server.ts'

const s3 = await startS3()
const folder = mkdtempSync(join(tmpdir(), 'slipway-restored-'))
after(() => {
  s3?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** No row names a place on the disk: what a row says must hold on another machine. */
async function assertNoPaths(data: string, env: Env, places: readonly string[]): Promise<void> {
  const databaseUrl = env['SLIPWAY_DATABASE_URL']
  const store = await openStore({ dataDir: data, ...(databaseUrl !== undefined && { databaseUrl }) })
  try {
    for (const table of ['endpoint_versions', 'endpoint_variants', 'endpoints', 'model_versions']) {
      const text = JSON.stringify(await store.db.all(`SELECT * FROM ${table}`))
      for (const place of places) assert.ok(!text.includes(place), `${table} names ${place}: ${text.slice(0, 2000)}`)
    }
  } finally {
    await store.db.close()
  }
}

type House = 'SQLite and disk' | 'PostgreSQL and S3'

const houses: Record<House, { skip: string | false; env: () => Promise<{ from: Env; to: Env }> }> = {
  'SQLite and disk': { skip: false, env: async () => ({ from: {}, to: {} }) },
  'PostgreSQL and S3': {
    skip: s3 === undefined ? NO_S3 : false,
    env: async () => {
      const [here, there] = [await startPostgres(), await startPostgres()]
      const env = { ...s3?.env }
      return {
        from: { ...env, SLIPWAY_DATABASE_URL: here.url },
        to: { ...env, SLIPWAY_BLOBS: `${s3?.url}/restored`, SLIPWAY_DATABASE_URL: there.url },
      }
    },
  },
}

/** The cases on one kind of database, with where its blobs lie. */
export function restoredCases(house: House): void {
  const { skip, env } = houses[house]
  test(`predict, back up, restore on another path, predict: equal (${house})`, { skip }, async (t) => {
    const { from, to } = await env()
    const data = join(folder, `data ${house}`)
    const first = await startTestServer({ data, gateways: 1, env: from })
    t.after(() => first.stop())
    const told = await furnish(first)
    const file = join(folder, `${house}.tar`)
    await slipway(from, 'backup', file, '--data', data)
    await first.stop()
    await assertNoPaths(data, from, [data, tmpdir()])
    renameSync(data, `${data}.gone`)

    const target = join(folder, 'elsewhere', house)
    await slipway(to, 'restore', file, '--data', target)
    const second = await startTestServer({ data: target, gateways: 1, env: to })
    t.after(() => second.stop())
    assert.deepEqual(await answers(second), told)
    const { items } = await second.client.call(servingApi.listEndpoints)
    assert.deepEqual(
      items.flatMap(({ variants }) => variants.map(({ fault }) => fault)),
      [null, null],
    )
    // these models have no training rows, so the doctor has something to say of their monitors, and of nothing else
    await assert.rejects(slipway({ ...to, SLIPWAY_DATA: target }, 'doctor'), (error: { stdout?: string }) => {
      assert.match(error.stdout ?? '', /^ok {3}Endpoints: 2 answer/m)
      assert.deepEqual((error.stdout ?? '').match(/^FAIL \w+/gm), ['FAIL Monitors'])
      return true
    })
  })
}
