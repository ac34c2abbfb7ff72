/** Watched or not is a state that everyone sees, and traffic of six rows an hour is watched: over HTTP, with a real gateway and real models. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditLog } from '../../src/auth/audit.ts'
import { SYSTEM } from '../../src/auth/tokens.ts'
import { endpointViewApi } from '../../src/contract/endpoint-view.ts'
import { makeIds } from '../../src/contract/ids.ts'
import { monitoringApi, MonitorSettings } from '../../src/contract/monitoring.ts'
import type { Watched } from '../../src/contract/endpoint-view.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { requestOf } from '../../src/envs/request.ts'
import { envsRoom } from '../../src/envs/room.ts'
import { registerVersion } from '../../src/registry/versions/register.ts'
import { prng } from '../../src/stats/prng.ts'
import { putTree } from '../../src/store/blobs/trees.ts'
import { openStore } from '../../src/store/open.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { PACKAGES, servingModels } from '../serving-models.ts'
import type { ServingModels } from '../serving-models.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const HOUR = 3_600_000
/** A Monday; 20 weeks of training rows, then live ones. */
const START = Date.UTC(2025, 0, 6)
const TRAINED = 20 * 7 * 24
const CLEAN = 14 * 24
const FAULT_HOURS = 5 * 24
const CARRIERS = ['AA', 'B6', 'DL', 'EV', 'UA']

interface Row {
  readonly distance: number
  readonly temp: number | null
  readonly dewp: number
  readonly hour: number
  readonly carrier: string
}

const random = prng(4711)
const fronts = Array.from({ length: 200 }, () => 4 * random.normal())

/** About six rows of an hour: fewer at night, weather of one value an hour. */
function rowsOf(hour: number): Row[] {
  const day = hour / 24
  const busy = 6 * (1 + 0.7 * Math.sin(((hour % 24) - 9) * (Math.PI / 12)))
  const n = Math.floor(busy + random.uniform())
  const [a = 0, b = 0] = [fronts[Math.floor(day)], fronts[Math.floor(day) + 1]]
  const air =
    50 + 18 * Math.sin((day - 100) / 58) + 8 * Math.sin(((hour % 24) - 9) * (Math.PI / 12)) + a + (b - a) * (day % 1)
  return Array.from({ length: n }, () => {
    const temp = Math.round(10 * (air + random.normal())) / 10
    return {
      distance: 100 * (1 + random.below(20)),
      temp: random.uniform() < 0.02 ? null : temp,
      dewp: Math.round(10 * (temp - 12)) / 10,
      hour: hour % 24,
      carrier: CARRIERS[random.below(5)] ?? 'AA',
    }
  })
}

const cells = (row: Row): string => [row.distance, row.temp ?? '', row.dewp, row.hour, row.carrier].join(',')
const HEADER = 'distance,temp,dewp,hour,carrier'
const trained = Array.from({ length: TRAINED }, (_, hour) => rowsOf(hour))
const live = Array.from({ length: CLEAN + FAULT_HOURS }, (_, i) => rowsOf(TRAINED + i))

/** Endpoints with the reference table that their version has. */
const TABLES: Readonly<Record<string, string | null>> = {
  nulls: timed(trained),
  units: timed(trained),
  bare: null,
  untimed: `${HEADER}\n${trained.flat().slice(0, 5000).map(cells).join('\n')}\n`,
  short: timed(trained.slice(-20 * 24)),
}
const FAULTS: Readonly<Record<string, (row: Row) => Row>> = {
  nulls: (row) => (random.uniform() < 0.4 ? { ...row, temp: null } : row),
  units: (row) => ({ ...row, distance: 1e6 * row.distance }),
}

function timed(hours: readonly (readonly Row[])[]): string {
  const from = TRAINED - hours.length
  const lines = hours.flatMap((rows, i) =>
    rows.map((row, k) => `${START + (from + i) * HOUR + k * 60_000},${cells(row)}`),
  )
  return `event_time,${HEADER}\n${lines.join('\n')}\n`
}

const data = mkdtempSync(join(tmpdir(), 'slipway-watched-'))
let server: TestServer

before(async () => {
  await register(await servingModels())
  server = await startTestServer({ data, gateways: 1 })
  for (const name of Object.keys(TABLES))
    await until(async () => {
      const { items } = await server.client.call(servingApi.listEndpoints)
      return items.some(
        (one) => one.name === name && one.variants.some(({ role, fault }) => role === 'stable' && fault === null),
      )
    }, `${name} answers`)
})
after(async () => {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
})

/** A version for each endpoint as a pipeline leaves it, with a hold-out of the outcomes 0 and 1. */
async function register(models: ServingModels): Promise<void> {
  const store = await openStore({ dataDir: data })
  const clock = Date.now
  const { envs } = envsRoom({ db: store.db, clock })
  const lock = await envs.resolve(
    await requestOf({ requires: '>=3.10', packages: PACKAGES }, () => Promise.resolve(undefined)),
  )
  const ids = makeIds(clock, randomBytes)
  const room = { ...store, clock, ids, audit: auditLog(clock), modelsDir: join(data, 'models') }
  const file = join(data, 'table.csv')
  const tree = async (text: string): Promise<string> => {
    writeFileSync(file, text)
    return (await putTree(store.blobs, file)).digest
  }
  const holdout = `y,score\n${Array.from({ length: 100 }, (_, i) => `${i % 2},0.${(i % 9) + 1}\n`).join('')}`
  for (const [name, table] of Object.entries(TABLES))
    await registerVersion(room, SYSTEM, {
      project: 'flights',
      model: name,
      tree: (await putTree(store.blobs, models.dir('hgb'))).digest,
      run_id: null,
      pipeline_run_id: null,
      metrics: { roc_auc: 0.8 },
      data: [],
      environment: lock.digest,
      evaluation: await tree(holdout),
      holdout: null,
      reference: table === null ? null : await tree(table),
      gates: [],
      deployment: { endpoint: name, project: 'flights', plan: null, monitor: {} },
    })
  await store.db.close()
}

async function until(holds: () => Promise<boolean>, what: string, most = 180_000): Promise<void> {
  for (const end = Date.now() + most; Date.now() < end; await sleep(200)) if (await holds()) return
  assert.fail(`${what}: not within ${most / 1000} s\n${server.errors().slice(-2000)}`)
}

const monitor = (name: string) => server.client.call(monitoringApi.getMonitor, { params: { name } })
const watched = async (name: string): Promise<Watched> => (await monitor(name)).watched
const incidents = async (endpoint: string) =>
  (await server.client.call(monitoringApi.listIncidents, { query: { endpoint } })).items

/** Sends hours of rows, a day a request. */
async function send(name: string, hours: readonly (readonly Row[])[], from: number): Promise<void> {
  for (let i = 0; i < hours.length; i += 24) {
    const day = hours.slice(i, i + 24)
    const inputs = day.flat()
    const event_time = day.flatMap((rows, k) => rows.map((_, n) => START + (from + i + k) * HOUR + n * 60_000))
    const reply = await fetch(`${server.gatewayUrl}/v1/endpoints/${name}:predict`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs, event_time }),
    })
    assert.equal(reply.status, 200, await reply.text())
  }
}

async function judgedUntil(name: string, hour: number): Promise<void> {
  const time = new Date(START + hour * HOUR).toISOString()
  await until(async () => ((await monitor(name)).evaluated_until ?? '') >= time, `${name} is judged until ${time}`)
}

describe('an endpoint that nobody can watch', () => {
  it('says so at once, everywhere, with the reason and the remedy', async () => {
    for (const [name, reason, detail, remedy] of [
      ['bare', 'no_reference', /no table of training rows/, /reference: STEP\.OUTPUT/],
      ['untimed', 'no_event_time', /event_time/, /write a column event_time/],
      ['short', 'limits_not_learned', /too few days/, /two months/],
    ] as const) {
      // the reason is noted with its time by the next look
      const noted = async (): Promise<boolean> => {
        const now = await watched(name)
        return now.reason === reason && now.since !== null
      }
      await until(noted, `${name} is ${reason}`, 90_000)
      const state = await watched(name)
      assert.equal(state.state, 'unwatched')
      assert.match(state.detail, detail)
      assert.match(state.remedy ?? '', remedy)
      assert.ok(state.since !== null)
    }
    await until(async () => (await watched('nulls')).reason === 'no_rows', 'the limits of nulls are learned')
    const { items } = await server.client.call(endpointViewApi.listWatched)
    const reasons = new Map(items.map((one) => [one.endpoint, one.watched.reason]))
    assert.deepEqual(
      ['bare', 'untimed', 'short', 'nulls'].map((name) => reasons.get(name)),
      ['no_reference', 'no_event_time', 'limits_not_learned', 'no_rows'],
    )
    const text = await (await server.client.open(monitoringApi.metrics)).text()
    assert.match(text, /^slipway_endpoint_watched\{endpoint="bare",state="unwatched",reason="no_reference"\} 0$/m)
    assert.match(text, /^slipway_endpoint_watched\{endpoint="nulls",state="waiting",reason="no_rows"\} 1$/m)
    const found = await new Promise<string>((done) => {
      execFile(
        process.execPath,
        [MAIN, 'doctor', '--data', data],
        { env: { ...process.env, NO_COLOR: '1' } },
        (_, out) => done(out),
      )
    })
    assert.match(found, /^FAIL Monitors: .*bare is not watched since .*no table of training rows.*STEP\.OUTPUT/m)
  })

  it('has figures of judgement that stand still while hours go by', async () => {
    await send('bare', live.slice(0, 72), TRAINED)
    await until(async () => {
      const text = await (await server.client.open(monitoringApi.metrics)).text()
      return /^slipway_predictions_total\{endpoint="bare"\} \d/m.test(text)
    }, 'rows are counted')
    await sleep(3000)
    const { evaluated_until, last_run_at, looked_until } = await monitor('bare')
    assert.deepEqual([evaluated_until, last_run_at], [null, null])
    assert.notEqual(looked_until, null, 'hours were looked at')
    const text = await (await server.client.open(monitoringApi.metrics)).text()
    assert.doesNotMatch(text, /slipway_monitor_(last_success|evaluated_until)\w*\{endpoint="bare"\}/)
  })

  it('can be switched off, and everybody sees that somebody did', async () => {
    await server.client.call(monitoringApi.putMonitor, {
      params: { name: 'bare' },
      body: MonitorSettings.parse({ enabled: false }),
    })
    const state = await watched('bare')
    assert.deepEqual([state.state, state.reason], ['unwatched', 'off'])
    assert.match(state.remedy ?? '', /enabled: true/)
  })

  it('writes a line of the log for each change and not one for each look', async () => {
    await until(async () => /endpoint untimed is not watched/.test(server.errors()), 'the log says it', 150_000)
    const lines = server.errors().match(/reference cannot be learned/g) ?? []
    assert.equal(lines.length, 1, 'learning failed once and is told once')
  })
})

describe('six rows an hour', () => {
  it('are watched; two clean weeks page no more often than once a month gives', { timeout: 400_000 }, async (t) => {
    await send('nulls', live.slice(0, CLEAN), TRAINED)
    await send('units', live.slice(0, CLEAN), TRAINED)
    for (const name of Object.keys(FAULTS)) {
      await judgedUntil(name, TRAINED + CLEAN - 2)
      assert.equal((await watched(name)).state, 'watched')
      const told = await incidents(name)
      t.diagnostic(`${name}: ${told.length} in two clean weeks`)
      // 99 % of the fortnights of a monitor that pages once a month have at most two, by Poisson's law
      assert.ok(told.length <= 2, told.map(({ title }) => title).join('; '))
    }
  })

  for (const [name, change] of Object.entries(FAULTS))
    it(`${name}: a fault is told within the largest window, with the feature`, { timeout: 400_000 }, async (t) => {
      const bad = live.slice(CLEAN).map((rows) => rows.map(change))
      await send(name, bad, TRAINED + CLEAN)
      await judgedUntil(name, TRAINED + CLEAN + FAULT_HOURS - 2)
      const fault = START + (TRAINED + CLEAN) * HOUR
      const incident = (await incidents(name)).find((one) => Date.parse(one.opened_event_time) > fault)
      assert.ok(incident !== undefined, 'told')
      const delay = (Date.parse(incident.opened_event_time) - START) / HOUR - (TRAINED + CLEAN)
      t.diagnostic(`${name}: told after ${delay} h: ${incident.title}`)
      assert.ok(delay > 0 && delay <= 168, `${delay} h`)
      assert.match(incident.title, name === 'nulls' ? /temp/ : /distance/)
      assert.ok(incident.checks.some((check) => check.window_hours === 24))
      const began = (Date.parse(incident.began_event_time) - START) / HOUR - (TRAINED + CLEAN)
      assert.ok(Math.abs(began) <= 12, `it began ${began} h from the truth`)
    })

  it('labels that cannot be are refused by what the hold-out had', async () => {
    const give = (label: number | string) =>
      server.client.call(monitoringApi.putLabels, {
        params: { name: 'nulls' },
        body: { labels: [{ prediction_id: 'p', label }] },
      })
    for (const label of [-1, 2, 'late', 'nan']) await assert.rejects(give(label), { status: 400 }, String(label))
    assert.equal((await give(1)).accepted, 1)
  })
})
