/** What the check of attributions must do, on every database. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import type { AttributionCheck } from '../../contract/monitoring.ts'
import { writeLimits } from '../../serving/context/limits.ts'
import { prng } from '../../stats/prng.ts'
import type { Db } from '../../store/db.ts'
import { actOnIncident } from '../acts.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { advance } from '../rounds/evaluate.ts'
import { incidentRows, viewIncident } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentView } from '../incidents/rows.ts'
import { viewMonitor } from '../read.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import type { GivenRow } from '../room.fixture.ts'
import type { MonitoringDeps } from '../context/context.ts'

const START = Date.UTC(2026, 3, 6)
const NAMES = ['delay', 'temp', 'carrier']
/** Mean size of what each input adds: before a change, after it. */
const USUAL = [4, 2, 1]
const CHANGED = [2, 4, 1]
const ROWS = 12
const random = prng(3)

/** Rows of an hour; every second one was explained. */
function rowsOf(hour: number, sizes: readonly number[]): GivenRow[] {
  return Array.from({ length: 2 * ROWS }, (_, i) => ({
    id: `${hour}-${i}`,
    et: START + hour * HOUR_MS + i * 60_000,
    score: 0.5,
    x: [1, 2, 'UA'],
    ...(i % 2 === 0 && { added: sizes.map((size) => size * random.normal()) }),
  }))
}

const ANN: Principal = { id: 'u', name: 'ann', role: 'admin', project: null, token_id: null }

/** Declares the cases; `open` gives a migrated, empty database. */
export function attributionCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`attributions on ${name}`, () => {
    let opened: { db: Db; close(): Promise<void> }
    let deps: MonitoringDeps
    let version = '1'
    const signal = new AbortController().signal
    const changed: string[] = []

    /** An endpoint whose rows are sampled for explanations. */
    async function endpoint(of: string, monitor: object = {}): Promise<void> {
      await addEndpoint(opened.db, of, monitor)
      const inputs = JSON.stringify(NAMES.map((input) => ({ name: input, kind: 'number', required: true })))
      await opened.db.tx((t) =>
        t.run(
          'INSERT INTO endpoint_versions (endpoint, version, inputs, backend, reason, created_at) VALUES (?,?,?,?,NULL,0)',
          [of, '1', inputs, '{}'],
        ),
      )
      await writeLimits({ db: opened.db, clock: Date.now, audit: deps.audit }, ANN, of, { explain_share: 0.5 })
    }

    /** Sends hours and lets the monitor judge those that are closed. */
    async function live(
      of: string,
      hours: readonly [from: number, to: number],
      sizes: readonly number[],
    ): Promise<void> {
      const memory = { live: undefined, learning: undefined }
      for (let hour = hours[0]; hour < hours[1]; hour++) await ingest(deps, of, rowsOf(hour, sizes))
      while (await advance(deps, of, memory, signal));
    }

    const checkOf = async (of: string): Promise<AttributionCheck | undefined> =>
      (await viewMonitor(deps, of)).attribution
    const incidentsOf = async (of: string): Promise<IncidentView[]> =>
      Promise.all((await incidentRows(opened.db, { endpoint: of })).map((row) => viewIncident(opened.db, row)))

    before(async () => {
      opened = await open()
      // every hour of these cases has closed
      deps = testDeps(opened.db, () => START + 90 * 24 * HOUR_MS, {
        referenceOf: async () => ({ version, table: null, evaluation: null, inputs: [], metrics: {} }),
        changed: (id) => void changed.push(id),
        retrain: async () => 'r1',
      })
    })
    after(() => opened.close())

    it('says when there is too little, then ok, then alert; two looks open an incident that wakes nobody', async () => {
      await endpoint('told')
      await live('told', [0, 4], USUAL)
      assert.equal(await checkOf('told'), undefined, 'no look yet')
      await live('told', [4, 32], USUAL)
      const early = await checkOf('told')
      assert.deepEqual([early?.check.state, early?.check.value], ['not_enough_data', null])
      await live('told', [32, 97], USUAL)
      const quiet = await checkOf('told')
      assert.ok(quiet !== undefined && quiet.check.value !== null && quiet.check.limit !== null)
      assert.equal(quiet.check.state, 'ok')
      assert.ok(quiet.check.value < 0.06 && quiet.check.limit >= 0.1, JSON.stringify(quiet.check))
      assert.deepEqual([quiet.check.n, quiet.baseline_rows], [24 * ROWS, 72 * ROWS])
      assert.ok((quiet.ndcg ?? 0) > 0.999)
      assert.deepEqual(await incidentsOf('told'), [])

      await live('told', [97, 127], CHANGED)
      const moved = await checkOf('told')
      assert.deepEqual([moved?.check.state, moved?.check.check, moved?.version], ['alert', 'attribution', '1'])
      assert.ok((moved?.ndcg ?? 1) < 0.95, String(moved?.ndcg))
    })

    it('the incident of two looks names the inputs that moved and wakes nobody', async () => {
      const [incident, ...others] = await incidentsOf('told')
      assert.ok(incident !== undefined && others.length === 0)
      const { kind, state, pages, severity } = incident
      assert.deepEqual([kind, state, pages, severity], ['drift', 'open', false, 'low'])
      const [cause] = incident.causes
      assert.match(
        incident.title,
        /^shares of the contributions moved: (delay|temp) \d+ % → \d+ % and (delay|temp) \d+ % → \d+ %$/,
      )
      assert.deepEqual([cause?.kind, cause?.features.toSorted()], ['attribution_shift', ['delay', 'temp']])
      const told = cause?.evidence['inputs'] as AttributionCheck['inputs']
      const delay = told.find((one) => one.name === 'delay')
      assert.ok(delay !== undefined && delay.baseline_share > 0.5 && delay.share < 0.4, JSON.stringify(delay))
      assert.deepEqual(
        incident.checks.map(({ check, state: is }) => [check, is]),
        [['attribution', 'alert']],
      )
      assert.deepEqual(changed, [incident.id], 'told once')
    })

    it('is over after two clear looks; its baseline never takes in an hour that was told', async () => {
      await live('told', [127, 170], CHANGED)
      assert.equal((await incidentsOf('told'))[0]?.state, 'open')
      const baseline = (await checkOf('told'))?.baseline_rows ?? 0
      assert.ok(baseline <= 84 * ROWS, `${baseline} rows of before the change`)
      await live('told', [170, 205], USUAL)
      const [incident, ...others] = await incidentsOf('told')
      assert.deepEqual([incident?.state, others.length], ['resolved', 0])
      assert.equal((await checkOf('told'))?.check.state, 'ok')
    })

    it('called a false alarm it raises its own limit', async () => {
      await endpoint('false')
      await live('false', [0, 96], USUAL)
      await live('false', [96, 121], CHANGED)
      const [incident] = await incidentsOf('false')
      assert.ok(incident !== undefined)
      await actOnIncident(deps, ANN, { id: incident.id, action: 'false_alarm', reason: 'a season' })
      await live('false', [121, 139], CHANGED)
      const check = (await checkOf('false'))?.check
      assert.ok(check?.state === 'ok' && (check.limit ?? 0) > 0.2, JSON.stringify(check))
      assert.equal((await incidentsOf('false')).length, 1)
    })

    it('wakes somebody, and is reacted to, where the settings say so; below their floor nothing is told', async () => {
      const reactions = { drift: ['incident', 'retrain'] }
      await endpoint('pages', { attribution: { pages: true }, reactions })
      await endpoint('floor', { attribution: { floor: 0.6 }, reactions })
      for (const one of ['pages', 'floor']) {
        await live(one, [0, 72], USUAL)
        await live(one, [72, 100], CHANGED)
      }
      const [incident] = await incidentsOf('pages')
      assert.deepEqual([incident?.pages, incident?.severity], [true, 'medium'])
      const wanted = await opened.db.all<{ reaction: string }>(
        'SELECT reaction FROM incident_reactions WHERE incident_id = ?',
        [incident?.id ?? ''],
      )
      assert.deepEqual(
        wanted.map((one) => one.reaction),
        ['retrain'],
      )
      assert.deepEqual(await incidentsOf('floor'), [])
      assert.equal((await checkOf('floor'))?.check.limit, 0.6)
    })

    it('joins the drift incident that is open as one more cause', async () => {
      await endpoint('joins')
      await live('joins', [0, 72], USUAL)
      const event = START + 72 * HOUR_MS
      const cause = {
        rank: 1,
        kind: 'shift',
        title: 'temp moved',
        score: 0.3,
        features: ['temp'],
        evidence: {},
      } as const
      const detail = {
        causes: [{ ...cause, features: ['temp'] }],
        checks: [],
        timeline: [],
        features: ['temp'],
        clear: 0,
        until: 0,
      }
      const times = { opened_at: START, opened_event: event, began_event: event, last_event: event }
      const row = {
        id: 'inc_open',
        endpoint: 'joins',
        kind: 'drift',
        severity: 'high',
        state: 'open',
        title: 'temp moved',
      } as const
      const rest = { resolved_at: null, resolved_event: null, pages: 1, marked: 0, dismissed: 0, detail }
      await opened.db.tx((t) => writeIncident(t, { ...row, ...times, ...rest }))
      await live('joins', [72, 100], CHANGED)
      const [incident, ...others] = await incidentsOf('joins')
      assert.ok(incident !== undefined && others.length === 0)
      assert.deepEqual(
        incident.causes.map(({ kind }) => kind),
        ['shift', 'attribution_shift'],
      )
      assert.deepEqual([incident.pages, incident.severity, incident.state], [true, 'high', 'open'])
      assert.ok(incident.timeline.some((one) => one.kind === 'attributions moved'))
    })

    it('a new version begins with a baseline of its own, and what was told of the old one ends', async () => {
      await endpoint('versions')
      await live('versions', [0, 72], USUAL)
      await live('versions', [72, 100], CHANGED)
      assert.equal((await incidentsOf('versions'))[0]?.state, 'open')
      version = '2'
      await live('versions', [100, 124], CHANGED)
      version = '1'
      const { check, version: of } = (await checkOf('versions')) ?? assert.fail('a look')
      assert.deepEqual([of, check.state, check.n], ['2', 'not_enough_data', 0])
      assert.equal((await incidentsOf('versions'))[0]?.state, 'resolved')
    })
  })
}
