/** Incidents that are no drift: a fall of quality, silence; and what follows from each: reactions once. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { prng } from '../../stats/prng.ts'
import type { Db } from '../../store/db.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { checkFreshness } from '../rounds/freshness.ts'
import { currentIncident, incidentRows, requireIncident } from './rows.ts'
import { putLabels } from '../labels/labels.ts'
import { checkLogLoss, lossMemory } from '../rounds/log-loss.ts'
import { applyQuality, lookAtQuality } from '../rounds/quality.ts'
import { doReactions, wantReactions } from './reactions.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { monitorOf, requireEndpoint, settingsOf } from '../context/context.ts'
import type { LogLoss, MonitoringDeps, ReactionRequest } from '../context/context.ts'
import type { QualityLook } from '../checks/looks.ts'

const START = Date.UTC(2026, 2, 2)
let now = START
let store: Awaited<ReturnType<typeof openTemporaryStore>>
let db: Db
let deps: MonitoringDeps
const asked: [string, ReactionRequest][] = []

before(async () => {
  store = await openTemporaryStore()
  db = store.db
  const note = (reaction: string) => async (request: ReactionRequest) => {
    asked.push([reaction, request])
    if (reaction === 'rollback') throw new Error('there is no version before')
    return `${reaction} done`
  }
  deps = testDeps(db, () => now, { retrain: note('retrain'), rollback: note('rollback'), halt: note('halt') })
})
after(() => store.close())

/** A day of labelled predictions; `order` is the chance that a score tells the label. */
async function sendDay(endpoint: string, day: number, order: number): Promise<void> {
  const random = prng(100 + day)
  const rows = Array.from({ length: 120 }, (_, i) => {
    const label = random.uniform() < 0.4 ? 1 : 0
    const told = random.uniform() < order ? label : random.below(2)
    return {
      id: `${day}-${i}`,
      et: START + day * DAY_MS + i * 600_000,
      score: 0.2 + 0.5 * told + 0.2 * random.uniform(),
      label,
    }
  })
  await ingest(deps, endpoint, rows)
  await putLabels(
    deps,
    endpoint,
    rows.map(({ id, label }) => ({ prediction_id: id, label })),
  )
}

/** What the settings wanted was asked for once, whatever is asked for again. */
async function reactedOnce(id: string, again: () => Promise<string | undefined>): Promise<void> {
  const incident = await requireIncident(db, id)
  await doReactions(deps)
  await doReactions(deps)
  await db.tx((t) => wantReactions(t, incident, ['retrain', 'halt'], now))
  assert.equal(await again(), undefined, 'the incident is known')
  await doReactions(deps)
  assert.deepEqual(asked.map(([reaction]) => reaction).toSorted(), ['halt', 'retrain', 'rollback'])
  assert.deepEqual([asked[0]?.[1].endpoint, asked[0]?.[1].incident], ['q', id])
  const told = (await requireIncident(db, id)).detail.timeline.map(({ kind, text }) => `${kind}: ${text}`)
  assert.ok(told.includes('rollback: failed: there is no version before'), told.join('\n'))
  assert.ok(told.some((line) => line.startsWith('retrain: retraining started as run retrain done')))
  const states = await db.all<{ reaction: string; state: string }>(
    'SELECT reaction, state FROM incident_reactions WHERE incident_id = ? ORDER BY reaction',
    [id],
  )
  assert.deepEqual(
    states.map(({ reaction, state }) => [reaction, state]),
    [
      ['halt', 'done'],
      ['retrain', 'done'],
      ['rollback', 'failed'],
    ],
  )
}

it('a fall of quality is an incident after two looks, once its labels are due; each reaction is done once', async () => {
  const monitor = { labels: { delay: '3d' }, reactions: { quality: ['incident', 'retrain', 'rollback', 'halt'] } }
  await addEndpoint(db, 'q', monitor)
  for (let day = 0; day < 50; day++) await sendDay('q', day, day < 25 ? 0.8 : 0.1)
  const settings = settingsOf(await requireEndpoint(db, 'q'))
  const look = (day: number): Promise<QualityLook | undefined> =>
    lookAtQuality(deps, 'q', { hour: START / HOUR_MS + 24 * day - 1, reference: 0.9, settings })
  const apply = (before: QualityLook | null, at: QualityLook) =>
    applyQuality(deps, { endpoint: 'q', settings, before, now: at })
  const good = await look(25)
  assert.ok(good !== undefined && !good.below && good.area > 0.85, JSON.stringify(good))
  assert.equal((await look(28))?.area, (await look(28))?.area)
  const sooner = await lookAtQuality(deps, 'q', {
    hour: START / HOUR_MS + 24 * 28 - 1,
    reference: 0.9,
    settings: { ...settings, labels: { join: 'prediction_id', delay: '1h' } },
  })
  const due = await look(28)
  assert.ok((sooner?.area ?? 1) < (due?.area ?? 0) - 0.02, 'rows whose labels are not due yet do not count')
  const [first, second] = [await look(49), await look(50)]
  assert.ok(first?.below === true && second?.below === true, JSON.stringify(second))
  assert.equal(await apply(null, first), undefined, 'one look is none')
  const id = await apply(first, second)
  assert.ok(id !== undefined)
  const incident = await requireIncident(db, id)
  assert.deepEqual([incident.kind, incident.severity, incident.state, incident.pages], ['quality', 'high', 'open', 1])
  assert.match(
    incident.title,
    /^Quality fell: area under the curve fell to 0\.\d+ over 21 days, 0\.900 at registration$/,
  )
  await reactedOnce(id, () => apply(first, second))
  await apply(second, { ...good, hour: second.hour + 12 })
  await apply(good, { ...good, hour: second.hour + 24 })
  assert.equal((await requireIncident(db, id)).state, 'resolved')
})

it('live traffic that falls silent is an incident until rows come again; a replay of the past is none', async () => {
  await addEndpoint(db, 'live')
  await addEndpoint(db, 'replayed')
  const rows = (day: number, shift = 0) =>
    Array.from({ length: 24 * 15 }, (_, i) => {
      const et = START + day * DAY_MS + i * 240_000
      return { id: `s${day}-${i}`, et, at: et + shift, score: 0.5 }
    })
  for (let day = 0; day < 8; day++) {
    now = START + (day + 1) * DAY_MS
    await ingest(deps, 'live', rows(day))
    await ingest(deps, 'replayed', rows(day, 90 * DAY_MS))
  }
  const open = () => currentIncident(db, 'live', 'freshness', now - DAY_MS)
  const check = async (hours: number): Promise<void> => {
    now = START + 8 * DAY_MS + hours * HOUR_MS
    await checkFreshness(deps, await monitorOf(db, 'live'))
  }
  await check(2)
  assert.equal(await open(), undefined)
  await check(4)
  const incident = await open()
  assert.deepEqual([incident?.kind, incident?.state, incident?.pages], ['freshness', 'open', 1])
  assert.match(incident?.title ?? '', /^no rows for 4 hours/)
  await check(5)
  assert.equal((await incidentRows(db, { endpoint: 'live' })).length, 1)
  await ingest(deps, 'live', [{ id: 'again', et: now, score: 0.5 }])
  await check(5.2)
  assert.equal((await requireIncident(db, incident?.id ?? '')).state, 'resolved')
  now = START + 98 * DAY_MS + 10 * HOUR_MS
  await checkFreshness(deps, await monitorOf(db, 'replayed'))
  assert.deepEqual(await incidentRows(db, { endpoint: 'replayed' }), [])
})

it('records that a log could not write are one incident for who answered meanwhile, until the log is whole again', async () => {
  for (const name of ['busy', 'idle']) await addEndpoint(db, name)
  const requests = new Map([
    ['busy', 5],
    ['idle', 3],
  ])
  let losses: LogLoss[] = [{ writer: 'gw0', lost: 0, error: null, requests: new Map(requests) }]
  const told: string[] = []
  const watched: MonitoringDeps = {
    ...deps,
    logLosses: async () => losses,
    changed: (id) => void told.push(id),
  }
  let memory = lossMemory()
  const lose = async (lost: number): Promise<void> => {
    requests.set('busy', (requests.get('busy') ?? 0) + 1)
    losses = [{ writer: 'gw0', lost, error: 'ENOSPC: no space left on device', requests: new Map(requests) }]
    await checkLogLoss(watched, memory)
  }
  await checkLogLoss(watched, memory)
  assert.deepEqual(told, [])
  await lose(10)
  const [incident] = await incidentRows(db, { endpoint: 'busy' })
  assert.match(incident?.title ?? '', /^10 records of the prediction log could not be written: ENOSPC/)
  assert.deepEqual([incident?.kind, incident?.severity, incident?.pages], ['serving', 'high', 1])
  assert.deepEqual(await incidentRows(db, { endpoint: 'idle' }), [])
  // more of the same is the same incident, and a new control process does not tell it again
  for (const lost of [11, 12, 30]) await lose(lost)
  memory = lossMemory()
  await checkLogLoss(watched, memory)
  const again = await requireIncident(db, incident?.id ?? '')
  assert.match(again.title, /^30 records/)
  assert.deepEqual(
    again.detail.timeline.map(({ kind }) => kind),
    ['opened', 'lost'],
  )
  assert.equal((await incidentRows(db, { endpoint: 'busy' })).length, 1)
  now += 11 * 60_000
  await checkLogLoss(watched, memory)
  assert.equal((await requireIncident(db, again.id)).state, 'resolved')
  await lose(31)
  const [next] = (await incidentRows(db, { endpoint: 'busy' })).filter(({ state }) => state === 'open')
  assert.match(next?.title ?? '', /^1 records/)
  now += 11 * 60_000
  await checkLogLoss(watched, memory)
  assert.equal(told.length, 5)
})
