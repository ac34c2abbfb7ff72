import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import type { Db } from '../../store/db.ts'
import { openStore } from '../../store/open.ts'
import { latencyOf } from './latency.ts'

const START = Date.parse('2026-05-03T10:00:00Z')

async function fill(db: Db): Promise<void> {
  await db.tx(async (t) => {
    await t.run(
      "INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at) VALUES ('e', 'p', 'm', 's', NULL, '{}', NULL, 0, 0)",
    )
    for (let i = 0; i < 300; i++) {
      const role = i % 3 === 0 ? 'canary' : 'stable'
      // an event of long ago that arrived now; one in a hundred of the stable ones is slow
      const us = role === 'canary' ? 5000 : i === 100 || i === 250 ? 40_000 : 200
      await t.run(
        `INSERT INTO predictions (endpoint, id, role, version, epoch, event_time, at, latency_us, status, route_key, inputs, score, prediction, fallback, error)
         VALUES ('e', ?, ?, ?, 1, 0, ?, ?, ?, NULL, '[]', NULL, 'null', 0, NULL)`,
        [`i${i}`, role, role === 'canary' ? '2' : '1', START + i * 1000, us, i >= 297 && role === 'canary' ? 500 : 200],
      )
    }
  })
}

const near = (value: number | null | undefined, wanted: number): void =>
  assert.ok(Math.abs((value ?? 0) - wanted) / wanted <= 0.021, `${String(value)} is not near ${wanted}`)

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`latency by variant and window of arrival, on ${kind}`, async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'latency-'))
    const server = kind === 'postgres' ? await startPostgres() : undefined
    const store = await openStore({ dataDir, ...(server !== undefined && { databaseUrl: server.url }) })
    t.after(async () => {
      await store.db.close()
      await server?.stop()
      rmSync(dataDir, { recursive: true, force: true })
    })
    await fill(store.db)
    const seen = await latencyOf(store.db, 0, {
      endpoint: 'e',
      from: START,
      until: START + 300_000,
      windows: 3,
      span_s: 3600,
    })
    assert.equal(seen.window_s, 120)
    assert.deepEqual(seen.windows, ['2026-05-03T10:00:00.000Z', '2026-05-03T10:02:00.000Z', '2026-05-03T10:04:00.000Z'])
    assert.deepEqual(
      seen.series.map(({ role, version, requests, errors }) => ({ role, version, requests, errors })),
      [
        { role: 'canary', version: '2', requests: [40, 40, 20], errors: [0, 0, 1] },
        { role: 'stable', version: '1', requests: [80, 80, 40], errors: [0, 0, 0] },
      ],
    )
    const [canary, stable] = seen.series
    near(canary?.p50_ms[1], 5)
    near(stable?.p50_ms[0], 0.2)
    near(stable?.p95_ms[0], 0.2)
    near(stable?.p99_ms[0], 40)
    near(stable?.p99_ms[1], 0.2)

    const last = await latencyOf(store.db, 0, { endpoint: 'e', windows: 60, span_s: 3600 })
    assert.equal(last.until, '2026-05-03T10:04:59.001Z')
    assert.equal(last.from, '2026-05-03T09:04:59.001Z')
    assert.equal(last.series[0]?.p50_ms[0], null)
    await assert.rejects(latencyOf(store.db, 0, { endpoint: 'none', windows: 3, span_s: 3600 }), { code: 'not_found' })
    const empty = { endpoint: 'e', from: START, until: START, windows: 3, span_s: 3600 }
    await assert.rejects(latencyOf(store.db, 0, empty), { code: 'invalid_field' })
    if (kind === 'postgres') return
    const plan = await store.db.all<{ detail: string }>(
      "EXPLAIN QUERY PLAN SELECT at, role, version, latency_us, status FROM predictions WHERE endpoint = 'e' AND at >= 1 AND at < 2",
    )
    assert.match(plan[0]?.detail ?? '', /COVERING INDEX predictions_by_arrival/)
  })
}
