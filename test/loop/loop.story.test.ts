/**
 * How long each GET route holds the loop on as much as a busy project has: meanwhile nobody else is answered.
 *
 * The speed of the machine does not decide. What is measured is the CPU time of the main thread within one turn of the loop, so that other
 * processes and threads do not count. It is held against work of a fixed amount, 50 ms on an idle machine of ours, that this process
 * does at the same time: a slow processor is slow for both. A route is asked some times, each time for something that is not kept yet, and
 * the least counts: what else the server does meanwhile only adds to it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { App } from '../../src/options.ts'
import { startTestApp } from '../app.ts'
import { dearestTurn, fiftyMs } from './held.ts'
import { DAY, ROLLOUT, runId, seedData } from './seeded.ts'

/** Most tries of a route. */
const TRIES = 5

/** So little is quick on any machine, ms. */
const QUICK = 10

const time = (ms: number): string => encodeURIComponent(new Date(ms).toISOString())
const end = time(DAY + 48 * 3_600_000)
const runs = (count: number): string => Array.from({ length: count }, (_, i) => runId(i)).join(',')

/** What is asked of a route at a try, for routes that answer with much. */
const ASKED: Readonly<Record<string, (attempt: number) => string>> = {
  '/v1/change-reports/:run': (i) => `/v1/change-reports/pr_${i + 2}`,
  '/v1/endpoints/:name/performance': (i) => `/v1/endpoints/busy/performance?bucket=all&from=${time(DAY + i)}`,
  '/v1/endpoints/:name/performance by slice': (i) =>
    `/v1/endpoints/busy/performance?bucket=all&slice=x0&from=${time(DAY + i)}`,
  '/v1/endpoints/:name/attributions': () => `/v1/endpoints/busy/attributions?from=${time(DAY)}&until=${end}`,
  '/v1/endpoints/:name/recorded': () => '/v1/endpoints/busy/recorded?limit=20000',
  '/v1/endpoints/:name/predictions': () => '/v1/endpoints/busy/predictions?limit=1000',
  '/v1/endpoints/:name/monitor/heatmap': () =>
    `/v1/endpoints/busy/monitor/heatmap?bucket_hours=1&from=${time(DAY - 2000 * 3_600_000)}`,
  '/v1/rollouts': () => '/v1/rollouts?limit=1000',
  '/v1/rollouts/:id': () => `/v1/rollouts/${ROLLOUT}`,
  '/v1/rollouts/:id/curve': () => `/v1/rollouts/${ROLLOUT}/curve`,
  '/v1/rollouts/:id/exposures': () => `/v1/rollouts/${ROLLOUT}/exposures?limit=1000`,
  '/v1/models/:name/versions/:version': (i) => `/v1/models/m/versions/${6 - i}`,
  '/v1/runs': () => '/v1/runs?limit=1000',
  '/v1/runs/compare': () => `/v1/runs/compare?ids=${runs(50)}`,
  '/v1/runs/:id/diff/:other': () => `/v1/runs/${runId(0)}/diff/${runId(1)}`,
  '/v1/cost': () => '/v1/cost?by=run',
  '/v1/pipelines/:id/dag': () => '/v1/pipelines/pv_1/dag?tool=airflow',
}

/** By names of things that are there; of what is left as it is, there is none. */
const NAMES: Readonly<Record<string, string>> = {
  '/v1/endpoints/:name': '/v1/endpoints/busy',
  '/v1/models/:name': '/v1/models/m',
  '/v1/pipeline-runs/:id': '/v1/pipeline-runs/pr_2',
  '/v1/pipelines/:id': '/v1/pipelines/pv_1',
  '/v1/rollouts/:id': `/v1/rollouts/${ROLLOUT}`,
  '/v1/runs/:id': `/v1/runs/${runId(0)}`,
}

function namedIn(path: string): string {
  const found = Object.entries(NAMES).find(([begin]) => path === begin || path.startsWith(`${begin}/`))
  const named = found === undefined ? path : found[1] + path.slice(found[0].length)
  return named.replace(':version', '2').replaceAll(/(?<=\/):\w+/g, 'none')
}

describe('no GET route holds the loop for 50 ms', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-loop-'))
  let app: App
  let token: string

  before(async () => {
    await seedData(dataDir)
    app = await startTestApp({ dataDir, logLevel: 'fatal' })
    token = readFileSync(app.tokenFile, 'utf8').trim()
  })
  after(async () => {
    await app.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  /** The status of the answer, which is read to its end and not kept; of a stream of events, its beginning. */
  function ask(path: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const headers = { authorization: `Bearer ${token}` }
    const request = get(app.url + path, { headers }, (reply) => {
      const answered = (): void => resolve(reply.statusCode ?? 0)
      if (reply.headers['content-type']?.startsWith('text/event-stream') === true) {
        answered()
        reply.destroy()
      } else reply.resume().once('end', answered).once('error', reject)
    })
    request.once('error', reject)
    return promise
  }

  /** Asks until a try is within the limit; the tries and the limit, ms, and each status. */
  async function held(
    pathOf: (attempt: number) => string,
  ): Promise<{ tries: number[]; limit: number; told: number[] }> {
    const told: number[] = []
    const tries: number[] = []
    let limit = QUICK
    for (let i = 0; i < TRIES && tries.every((one) => one > limit); i++) {
      const one = await dearestTurn(async () => void told.push(await ask(pathOf(i))))
      tries.push(one)
      // what it is held against is work of its own, which few need
      if (one > limit) limit = Math.max(limit, fiftyMs())
    }
    return { tries, limit, told }
  }

  for (const [route, pathOf] of Object.entries(ASKED))
    test(route, async () => {
      const { tries, limit, told } = await held(pathOf)
      for (const status of told) assert.equal(status, 200)
      const said = `it held the loop for ${tries.join(', ')} ms of CPU; 50 ms of an idle machine are ${limit} here`
      assert.ok(Math.min(...tries) <= limit, said)
    })

  test('and none of all the others, on what is there of theirs', async () => {
    const others = app.routes.filter(({ method, path }) => method === 'GET' && ASKED[path] === undefined)
    assert.ok(others.length > 100)
    const slow: string[] = []
    for (const { path } of others) {
      const { tries, limit, told } = await held(() => namedIn(path))
      if (Math.min(...tries) > limit) slow.push(`${path}: ${tries.join(', ')} ms, and not ${limit}`)
      assert.ok(!told.includes(500), `${path} is a fault`)
    }
    assert.deepEqual(slow, [])
  })
})
