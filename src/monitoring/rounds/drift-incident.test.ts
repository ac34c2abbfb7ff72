/** The life of a drift incident hour by hour: opened, grown, resolved, opened again; severity and marks that only rise. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { MonitorSettings } from '../../contract/monitoring.ts'
import type { Finding } from '../../stats/calibrate.ts'
import { changed, HOUR, historyOf, spec } from '../../stats/explain.fixture.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { incidentRows } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import type { Live } from '../profiles/live.ts'
import { testDeps } from '../room.fixture.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { tablesOf } from './book.ts'
import { applyHour } from './drift-incident.ts'
import type { JudgedHour } from './drift-incident.ts'

let deps: MonitoringDeps
let now = 5000

openedOnce(openTemporaryStore, (store) => {
  deps = testDeps(store.db, () => now)
})

const history = historyOf(changed('temp', (x: number) => (x - 32) / 1.8))
const none = { days: [], features: {} }
const learned = { spec, pasts: { 6: none, 24: none, 168: none }, muted: [], hours: [] }
const live: Live = { reference: 'r', learned, history, first: null, seq: 0 }
const finding = (feature: string): Finding => ({ feature, measure: 'z', value: 9, limit: 4, ratio: 2.25 })

interface Hour {
  readonly at: number
  readonly found?: readonly string[]
  /** Features whose finding was there in the evaluation before; those found when not given. */
  readonly sure?: readonly string[]
  readonly more?: Partial<JudgedHour>
}

/** Judges an hour of an endpoint; the id of an incident that changed. */
async function judge(endpoint: string, { at, found = [], sure = found, more = {} }: Hour): Promise<string | undefined> {
  now += 1000
  const features = found.map((feature) => ({
    feature,
    n: 300,
    measures: { z: 9 },
    mean: 70,
    usual: { n: 28, mean: 50, sd: 5 },
  }))
  return deps.db.tx((t) =>
    applyHour(deps, tablesOf(t, endpoint), {
      endpoint,
      hour: at,
      settings: MonitorSettings.parse({ reactions: { drift: ['incident', 'retrain'] } }),
      live,
      window: { hour: at, rows: 300, days: 28, features },
      checks: found.map((feature) => [feature, 'z', 9, 4, 300, 1, 1] as const),
      findings: found.map(finding),
      confirmed: sure.map(finding),
      importance: { temp: 0.02, age: 0.002, rain: 0.001 },
      values: () => undefined,
      held: false,
      began: at - 2,
      events: [],
      ...more,
    }),
  )
}

const only = async (endpoint: string): Promise<IncidentRow> => {
  const [row, ...others] = await incidentRows(deps.db, { endpoint })
  assert.ok(row !== undefined && others.length === 0, `${others.length} more`)
  return row
}
const kinds = (row: IncidentRow): string[] => row.detail.timeline.map((one) => one.kind)

describe('an incident', () => {
  test('opens with the first finding that two evaluations agree on, from the hour in which the change began', async () => {
    assert.equal(await judge('opens', { at: HOUR - 1, found: ['age'], sure: [] }), undefined)
    assert.deepEqual(await incidentRows(deps.db, { endpoint: 'opens' }), [])
    const id = await judge('opens', { at: HOUR, found: ['temp'] })
    const row = await only('opens')
    assert.equal(row.id, id)
    assert.deepEqual([row.state, row.pages, row.kind, row.severity], ['open', 1, 'drift', 'high'])
    assert.deepEqual(
      [row.opened_event, row.began_event, row.last_event].map((time) => time / HOUR_MS),
      [HOUR + 1, HOUR - 2, HOUR + 1],
    )
    assert.equal(row.title, 'unit changed °F → °C, temp')
    assert.deepEqual(kinds(row), ['began', 'opened', 'marked_bad'])
    assert.match(row.detail.timeline[1]?.text ?? '', /^temp \(mean\); expected change of the score 0\.0\d\d$/)
    assert.deepEqual(
      row.detail.checks.map(({ feature, check, state }) => [feature, check, state]),
      [['temp', 'mean', 'alert']],
    )
  })

  test('marks the rows of a fault of a feed, and not those of a shift', async () => {
    await judge('fault', { at: HOUR, found: ['temp'] })
    await judge('shift', { at: HOUR, found: ['age'] })
    assert.deepEqual([(await only('fault')).marked, (await only('shift')).marked], [1, 0])
    assert.deepEqual(kinds(await only('shift')), ['began', 'opened'])
    assert.match((await only('shift')).title, /^age moved away from/)
  })

  test('asks for reactions once, whatever comes to it', async () => {
    const id = await judge('reacts', { at: HOUR, found: ['age'] })
    await judge('reacts', { at: HOUR + 1, found: ['age', 'rain'] })
    const wanted = await deps.db.all<{ reaction: string; at: number }>(
      'SELECT reaction, at FROM incident_reactions WHERE incident_id = ?',
      [id ?? ''],
    )
    assert.equal(wanted.length, 1)
    assert.equal(wanted[0]?.reaction, 'retrain')
  })

  test('grows by features, keeps its beginning and its worst severity, and tells nothing twice', async () => {
    await judge('grows', { at: HOUR, found: ['temp'] })
    await judge('grows', { at: HOUR + 1, found: ['age'] })
    const row = await only('grows')
    assert.deepEqual(row.detail.features, ['temp', 'age'])
    assert.deepEqual([row.severity, row.marked], ['high', 1])
    assert.deepEqual([row.began_event / HOUR_MS, row.last_event / HOUR_MS], [HOUR - 2, HOUR + 2])
    assert.deepEqual(kinds(row), ['began', 'opened', 'marked_bad', 'another cause'])
    await judge('grows', { at: HOUR + 2, found: ['age'] })
    assert.deepEqual(kinds(await only('grows')), kinds(row), 'nothing twice')
    assert.deepEqual(
      row.detail.checks.map((one) => one.feature),
      ['age'],
      'the checks of now',
    )
  })

  test('takes events of the house as suspects when it opens, and not later', async () => {
    const events = [{ at: 0, kind: 'deploy' as const, text: 'version 2 went live', href: null }]
    await judge('house', { at: HOUR, found: ['age'], more: { events } })
    await judge('house', {
      at: HOUR + 1,
      found: ['age'],
      more: { events: [{ ...events[0]!, text: 'version 3 went live' }] },
    })
    assert.deepEqual(
      (await only('house')).detail.causes.map(({ kind, title }) => [kind, title.replace(/ from.*/, '')]),
      [
        ['shift', 'age moved away'],
        ['deploy', 'version 2 went live'],
      ],
    )
  })
})

describe('its end', () => {
  const calm = async (
    endpoint: string,
    from: number,
    n: number,
    more: Partial<Hour> = {},
  ): Promise<(string | undefined)[]> => {
    const told: (string | undefined)[] = []
    for (let i = 0; i < n; i++) told.push(await judge(endpoint, { at: from + i, ...more }))
    return told
  }

  test('comes with the sixth clear hour in a row', async () => {
    const id = await judge('ends', { at: HOUR, found: ['age'] })
    assert.deepEqual(
      await calm('ends', HOUR + 1, 5),
      Array.from({ length: 5 }, () => undefined),
    )
    assert.equal((await only('ends')).state, 'open')
    assert.deepEqual(await calm('ends', HOUR + 6, 1), [id])
    const row = await only('ends')
    assert.deepEqual([row.state, row.resolved_at, (row.resolved_event ?? 0) / HOUR_MS], ['resolved', now, HOUR + 7])
    assert.deepEqual(kinds(row), ['began', 'opened', 'resolved'])
    assert.deepEqual(await calm('ends', HOUR + 7, 3), [undefined, undefined, undefined], 'and once')
  })

  test('is put off by a finding that is not confirmed yet, and by attributions that alert', async () => {
    for (const [endpoint, more] of [
      ['busy', { found: ['rain'], sure: [] }],
      ['held', { more: { held: true } }],
    ] as const) {
      await judge(endpoint, { at: HOUR, found: ['age'] })
      await calm(endpoint, HOUR + 1, 5)
      await judge(endpoint, { at: HOUR + 6, ...more })
      assert.equal((await only(endpoint)).detail.clear, 0)
      await calm(endpoint, HOUR + 7, 5)
      assert.equal((await only(endpoint)).state, 'open', endpoint)
      await calm(endpoint, HOUR + 12, 1)
      assert.equal((await only(endpoint)).state, 'resolved', endpoint)
    }
  })

  test('of one that a person acknowledged comes likewise', async () => {
    const id = await judge('seen', { at: HOUR, found: ['age'] })
    await deps.db.tx((t) => t.run("UPDATE incidents SET state = 'acknowledged' WHERE id = ?", [id ?? '']))
    assert.equal((await calm('seen', HOUR + 1, 6)).at(-1), id)
  })

  test('is undone by a finding within a day, which pages nobody anew; a day later it is another incident', async () => {
    const id = await judge('again', { at: HOUR, found: ['age'] })
    await calm('again', HOUR + 1, 6)
    assert.equal(await judge('again', { at: HOUR + 20, found: ['age'] }), id)
    const row = await only('again')
    assert.deepEqual([row.state, row.resolved_at, row.resolved_event], ['open', null, null])
    assert.deepEqual([row.began_event / HOUR_MS, row.last_event / HOUR_MS], [HOUR - 2, HOUR + 21])
    assert.deepEqual(kinds(row), ['began', 'opened', 'resolved', 'opened again'])
    await calm('again', HOUR + 21, 6)
    // its last alert ended with hour + 21: a window that ends a day later still belongs to it
    await judge('again', { at: HOUR + 44, found: ['age'] })
    assert.equal((await only('again')).state, 'open')
    await calm('again', HOUR + 45, 6)
    assert.notEqual(await judge('again', { at: HOUR + 69, found: ['age'] }), id)
    assert.equal((await incidentRows(deps.db, { endpoint: 'again' })).length, 2)
  })
})

test('one of attributions alone becomes one of features: it pages, begins with them and is reacted to', async () => {
  const id = await judge('joins', { at: HOUR, found: ['age'] })
  const row = await only('joins')
  await deps.db.tx((t) =>
    t.run('UPDATE incidents SET pages = 0, detail = ? WHERE id = ?', [
      JSON.stringify({ ...row.detail, features: [] }),
      id ?? '',
    ]),
  )
  assert.equal(await judge('joins', { at: HOUR + 1, sure: [] }), undefined, 'clear hours of features say nothing to it')
  assert.equal((await only('joins')).detail.clear, 0)
  await judge('joins', { at: HOUR + 3, found: ['temp'] })
  const joined = await only('joins')
  assert.deepEqual(
    [joined.pages, joined.began_event / HOUR_MS, kinds(joined).slice(-2)],
    [1, HOUR + 1, ['features differ too', 'paged']],
  )
})
