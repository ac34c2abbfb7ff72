/** Rollouts over HTTP with real gateways and models: a good version is led into use by evidence and labels, a failing one is stopped unseen. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { auditLog, verifyAudit } from '../../src/auth/audit.ts'
import { SYSTEM } from '../../src/auth/tokens.ts'
import { makeIds } from '../../src/contract/ids.ts'
import { authApi } from '../../src/contract/auth.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { rolloutApi } from '../../src/contract/rollout.ts'
import { Plan } from '../../src/contract/rollout/plan.ts'
import type { Rollout } from '../../src/contract/rollout.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { envsRoom } from '../../src/envs/room.ts'
import { requestOf } from '../../src/envs/request.ts'
import { runFiles } from '../../src/gateway/run-files.ts'
import type { RoutingTable } from '../../src/gateway/table/table.ts'
import { registerVersion } from '../../src/registry/versions/register.ts'
import { bucket, BUCKETS } from '../../src/stats/hash.ts'
import { openStore } from '../../src/store/open.ts'
import { putTree } from '../../src/store/blobs/trees.ts'
import { startLoad } from '../predict-load.ts'
import type { LoadResult } from '../predict-load.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { PACKAGES, servingModels } from '../serving-models.ts'
import { until } from '../until.ts'
import type { ServingModels } from '../serving-models.ts'
import type { Registry } from '../../src/registry/context/context.ts'

const MODEL = 'flight-delay'
const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
/** Longest time of a command, ms. */
const LIMIT_MS = 120_000
/** How fast each version answers hangs on what else the machine does. */
const ANY_LATENCY = { p99_ratio_at_most: 1000 }
const data = mkdtempSync(join(tmpdir(), 'slipway-rollout-scenario-'))
let models: ServingModels
let server: TestServer

before(async () => {
  models = await servingModels()
  await register(['hgb', 'hgb2', 'faulty'])
  server = await startTestServer({ data, gateways: 1 })
})
after(async () => {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
})

/** Versions 1, 2, … as a pipeline leaves them; the first asks for an endpoint. */
async function register(names: readonly string[]): Promise<void> {
  const store = await openStore({ dataDir: data })
  const clock = Date.now
  const { envs } = envsRoom({ db: store.db, clock })
  const lock = await envs.resolve(
    await requestOf({ requires: '>=3.10', packages: PACKAGES }, () => Promise.resolve(undefined)),
  )
  const room: Registry = {
    ...store,
    clock,
    ids: makeIds(clock, randomBytes),
    audit: auditLog(clock),
    modelsDir: join(data, 'models'),
  }
  for (const [i, name] of names.entries()) {
    await registerVersion(room, SYSTEM, {
      project: 'flights',
      model: MODEL,
      tree: (await putTree(store.blobs, models.dir(name))).digest,
      run_id: null,
      pipeline_run_id: null,
      metrics: { auc: 0.8 },
      data: [],
      environment: lock.digest,
      evaluation: null,
      holdout: null,
      reference: null,
      gates: [{ metric: 'auc', at_least: 0.7 }],
      deployment:
        i === 0 ? { endpoint: MODEL, project: 'flights', plan: null, monitor: { slices: ['carrier'] } } : null,
    })
  }
  await store.db.close()
}

function plan(shadow: { requests: number; labels: number }): Plan {
  const gates = { latency: ANY_LATENCY }
  return Plan.parse({ shadow, canary: [2000, 5000], each: { min_requests: 100 }, gates })
}

async function rollouts(): Promise<Rollout[]> {
  return (await server.client.call(rolloutApi.list, { query: { endpoint: MODEL } })).items
}

async function production(): Promise<string | undefined> {
  const { items } = await server.client.call(registryApi.aliasHistory, { params: { name: MODEL } })
  return items.find((move) => move.alias === 'production')?.to ?? undefined
}

/** What the command line prints with --json, as the admin; rejects with what it says when it fails. */
async function slipway<Told = unknown>(...args: string[]): Promise<Told> {
  const env = { ...process.env, SLIPWAY_DATA: data, NO_COLOR: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args, '--json'], { env, timeout: LIMIT_MS })
  return JSON.parse(stdout) as Told
}

/** Waits until a rollout is over; looks at each state of it that is seen on the way. */
function over(id: string, look: (seen: Rollout) => Promise<void>): Promise<Rollout> {
  return until(
    async () => `the end of rollout ${id}: ${JSON.stringify(await rollouts())}`,
    async () => {
      const seen = await server.client.call(rolloutApi.get, { params: { id } })
      if (seen.finished_at !== null) return seen
      await look(seen)
      return undefined
    },
  )
}

/** Waits until a rollout under way says this as its reason. */
function said(id: string, pattern: RegExp): Promise<Rollout> {
  return until(
    async () => `${pattern} of rollout ${id}: ${JSON.stringify(await rollouts())}`,
    async () => {
      const seen = await server.client.call(rolloutApi.get, { params: { id } })
      return pattern.test(seen.reason) && seen
    },
  )
}

/** Routing keys by which callers meet the two sides of an even split in turns, so that no chance says how many there are of each. */
function evenKeys(): (i: number) => string {
  const { endpoints } = JSON.parse(readFileSync(runFiles(data).routing, 'utf8')) as RoutingTable
  const { salt = '' } = endpoints.find(({ name }) => name === MODEL) ?? {}
  return (i) => {
    for (let n = 0; ; n++) {
      const key = `caller ${i}, ${n}`
      if (bucket(salt, key) < BUCKETS / 2 === (i % 2 === 0)) return key
    }
  }
}

/** A load of predictions, whose answers are labelled while it runs if told; `stop` gives what became of it. */
function load(labelled: boolean, keyOf?: (i: number) => string): { stop(): Promise<LoadResult> } {
  const started = Date.now()
  const run = startLoad({
    url: () => `${server.gatewayUrl}/v1/endpoints/${MODEL}:predict`,
    body: (i) => {
      const { score: _, ...inputs } = models.rows[i % models.rows.length] ?? { score: 0 }
      return JSON.stringify({ inputs, id: `${started}-${i}`, ...(keyOf && { routing_key: keyOf(i) }) })
    },
    headers: { authorization: `Bearer ${server.token}` },
    clients: 2,
    retries: 0,
  })
  const state = { done: 0, stopping: false }
  const labelling = labelled ? deliver() : Promise.resolve()
  return {
    async stop() {
      state.stopping = true
      await labelling
      return run.stop()
    },
  }
  async function deliver(): Promise<void> {
    while (!state.stopping) {
      // by the clock: labels come in batches; the rollout waits for as many as it needs
      await sleep(200)
      const end = Math.min(run.count(), state.done + 2000)
      const labels = Array.from({ length: end - state.done }, (_, k) => {
        const i = state.done + k
        const { score } = models.rows[i % models.rows.length] ?? { score: 0 }
        // a fixed draw for each row of the table, so that the models are as good as each other
        return { prediction_id: `${started}-${i}`, label: score > ((i * 7919) % 1000) / 1000 ? 1 : 0 }
      })
      if (labels.length > 0)
        await server.client.call(monitoringApi.putLabels, { params: { name: MODEL }, body: { labels } })
      state.done = end
    }
  }
}

describe('rollouts of a real endpoint', () => {
  test('the first version is lowered, promoted at once and answers', async () => {
    const { id } = await until('the first rollout', async () => (await rollouts())[0])
    const first = await over(id, () => Promise.resolve())
    assert.deepEqual([first.state, first.version], ['promoted', '1'], first.reason)
    assert.equal(await production(), '1')
    // Python answers until the native form is proved, which on a busy machine is later than the promotion
    const variants = await until('the native form', async () => {
      const endpoint = await server.client.call(servingApi.getEndpoint, { params: { name: MODEL } })
      return endpoint.variants.some((one) => one.backend === 'native') && endpoint.variants
    })
    assert.deepEqual(
      variants.map((one) => [one.role, one.version, one.backend]),
      [['stable', '1', 'native']],
    )
  })

  test('an equal version goes through shadow, labels and canary into use; the alias moves at the end alone', async () => {
    const running = load(true)
    const { id } = await server.client.call(rolloutApi.start, {
      params: { name: MODEL },
      body: { version: '2', plan: plan({ requests: 200, labels: 50 }) },
    })
    const steps = new Set<string>()
    const ended = await over(id, async (seen) => {
      steps.add(seen.state)
      const moved = await production()
      // the rollout may have ended between the two questions
      if (moved !== '1') assert.equal((await server.client.call(rolloutApi.get, { params: { id } })).state, 'promoted')
    })
    const { failed, broken, answers } = await running.stop()
    assert.deepEqual([ended.state, failed, broken], ['promoted', [], 0], ended.reason)
    assert.deepEqual(
      ended.verdicts.map((one) => [one.step, one.decision]),
      [
        ['shadow', 'advance'],
        ['canary 20 %', 'advance'],
        ['canary 50 %', 'promote'],
      ],
    )
    const quality = ended.gates.find((gate) => gate.gate === 'quality' && gate.slice === null)
    assert.ok((quality?.n ?? 0) >= 50, JSON.stringify(quality))
    assert.ok(ended.gates.some((gate) => gate.slice?.startsWith('carrier=')))
    assert.ok(answers.some((one) => one.variant === 'canary' && one.version === '2'))
    assert.equal(await production(), '2')
    for (const { id: verdict } of ended.verdicts)
      assert.equal((await server.client.call(rolloutApi.replay, { params: { id, verdict } })).same, true)
  })

  test('a version that fails one request in five is stopped by the breaker or its gate; no caller sees a failure', async () => {
    const running = load(false)
    const { id } = await server.client.call(rolloutApi.start, {
      params: { name: MODEL },
      body: { version: '3', plan: plan({ requests: 0, labels: 0 }) },
    })
    const ended = await over(id, () => Promise.resolve())
    const { failed, broken, answers } = await running.stop()
    assert.equal(ended.state, 'rolled_back', ended.reason)
    // whichever sees it first: the gateway by itself, or the gate by what it has logged
    assert.match(ended.reason, /breaker|error_rate/)
    assert.deepEqual([failed, broken], [[], 0])
    // how many had been ingested when it was stopped depends on the machine; that it failed is on record
    assert.ok(ended.failed_requests >= 1, `${ended.failed_requests}`)
    assert.ok(answers.length > 0)
    const endpoint = await server.client.call(servingApi.getEndpoint, { params: { name: MODEL } })
    assert.deepEqual(
      endpoint.variants.map((one) => [one.role, one.version]),
      [['stable', '2']],
    )
    assert.equal(await production(), '2')
  })

  test('an A/B waits for a freeze and a person, is decided by values posted over HTTP, and keeps stable', async () => {
    const { client } = server
    const params = { name: MODEL }
    await slipway('freeze', 'add', MODEL, '--reason', 'end of quarter')
    const [cold] = await slipway<{ reason: string; by: string }[]>('freeze')
    assert.deepEqual([cold?.reason, cold?.by], ['end of quarter', 'admin'])
    const { id } = await client.call(rolloutApi.start, {
      params,
      body: {
        version: '1',
        plan: {
          mode: 'ab',
          shadow: { requests: 0 },
          each: { min_requests: 50 },
          gates: { latency: ANY_LATENCY },
          metrics: [{ name: 'bought', min_values: 50 }],
          ab: { metric: 'bought' },
          approvals: [{ before: 5000 }],
        },
      },
    })
    assert.equal((await said(id, /frozen until it is lifted: end of quarter/)).state, 'starting')
    await assert.rejects(slipway('deploy', MODEL, '1'), /is frozen until it is lifted: end of quarter/)
    await slipway('freeze', 'remove', MODEL)
    const waits = await said(id, /approval of a maintainer before 50 %/)
    assert.deepEqual(waits.awaits, { before: 5000, role: 'maintainer' })
    const running = load(false, evenKeys())
    await assert.rejects(slipway('rollout', 'approve', MODEL), /needs an endpoint and a reason/)
    const approved = await slipway<Rollout>('rollout', 'approve', MODEL, '--reason', 'go')
    assert.deepEqual([approved.id, approved.approvals.map((one) => one.before)], [id, [5000]])
    const met = { stable: 0, candidate: 0 }
    const posted = new Set<string>()
    let token: string | undefined
    const ended = await over(id, async () => {
      const page = await client.call(rolloutApi.exposures, { params: { id }, query: { limit: 500, page_token: token } })
      const fresh = page.items.filter((one) => !posted.has(one.prediction_id))
      token = page.next_page_token ?? token
      if (fresh.length === 0) return
      const values = fresh.map(({ prediction_id, arm, version }) => {
        posted.add(prediction_id)
        assert.equal(version, arm === 'candidate' ? '1' : '2')
        met[arm] += 1
        return { metric: 'bought', prediction_id, value: met[arm] % 10 < (arm === 'candidate' ? 2 : 7) ? 1 : 0 }
      })
      await client.call(rolloutApi.metrics, { params, body: { values } })
    })
    const { failed, answers } = await running.stop()
    assert.deepEqual([ended.state, failed], ['kept', []], ended.reason)
    assert.match(ended.reason, /^stable is better: bought/)
    const first = new Set(answers.slice(0, 5000).map((one) => one.version))
    assert.deepEqual([...first].toSorted(), ['1', '2'], 'both sides answered')
    assert.ok(met.stable >= 50 && met.candidate >= 50, JSON.stringify(met))
    const gate = ended.gates.find((one) => one.gate === 'metric bought')
    // how wide the interval is depends on how many values had come when it was decided; the evidence was enough
    assert.ok((gate?.evidence ?? 0) >= (gate?.boundary ?? Infinity), JSON.stringify(gate))
    assert.ok((gate?.candidate ?? 1) < (gate?.stable ?? 0), JSON.stringify(gate))
    for (const { id: verdict } of ended.verdicts)
      assert.equal((await client.call(rolloutApi.replay, { params: { id, verdict } })).same, true)
    assert.equal(await production(), '2')
  })

  test('a deploy by hand goes over a freeze with a reason, on record; with nothing under way there is nothing to steer', async () => {
    await slipway(
      'freeze',
      'add',
      MODEL,
      '--reason',
      'audit',
      '--until',
      new Date(Date.now() + 3_600_000).toISOString(),
    )
    const why = ['--override-freeze', '--reason', 'it is a fix']
    await slipway('deploy', MODEL, '1', ...why)
    await slipway('freeze', 'remove', MODEL)
    await slipway('deploy', MODEL, '2')
    assert.deepEqual(await slipway('freeze'), [])
    const { items } = await server.client.call(authApi.listAudit, { query: { resource: 'endpoints', limit: 1000 } })
    const told = items.map((one) => one.detail as { overrides?: string; reason?: string })
    const over = told.find((one) => one.overrides !== undefined)
    assert.match(over?.overrides ?? '', /^frozen until .*: audit \(admin\)$/)
    assert.equal(over?.reason, 'it is a fix')
    await assert.rejects(slipway('rollout', 'abort', MODEL, '--reason', 'x'), /no rollout is under way on flight-delay/)
  })

  test('what happened is told by the audit chain, and the verdicts of the registry replay', async () => {
    const moves = (await server.client.call(registryApi.aliasHistory, { params: { name: MODEL } })).items
    assert.deepEqual(
      moves.map((move) => [move.from, move.to]),
      [
        ['1', '2'],
        [null, '1'],
      ],
    )
    for (const { verdict_id } of moves)
      assert.equal(
        (await server.client.call(registryApi.replayVerdict, { params: { id: verdict_id ?? '' } })).same,
        true,
      )
    const states = new Map((await rollouts()).map((one) => [one.id, one.state]))
    await server.stop()
    const store = await openStore({ dataDir: data })
    assert.equal((await verifyAudit(store.db)).ok, true)
    const rows = await store.db.all<{ resource_id: string; detail: string }>(
      "SELECT resource_id, detail FROM audit WHERE resource = 'rollouts' ORDER BY seq",
    )
    for (const [id, state] of states) {
      const own = rows.filter((row) => row.resource_id === id)
      const told = own.map((row) => (JSON.parse(row.detail) as { state: string }).state)
      assert.deepEqual([told[0], told.at(-1)], ['starting', state])
    }
    await store.db.close()
  })
})
