/** Since when an endpoint is not watched: kept, told in one line for each change, an incident after a day, and over when it is watched again. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { never, until } from '../../../test/until.ts'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { problem } from '../../contract/errors.ts'
import type { Leases } from '../../jobs/leases.ts'
import type { Worker } from '../../jobs/worker.ts'
import { dbWith } from '../../store/awaited.fixture.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { currentIncident, incidentRows, requireIncident } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { openMonitoring } from '../monitoring.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { viewWatched } from './facts.ts'
import { keepFault, keepUnfit, lookAtWatch } from './look.ts'

const START = Date.UTC(2026, 4, 4)
const bare: Reference = { version: '1', table: null, evaluation: null, inputs: [], metrics: {} }
let store: Awaited<ReturnType<typeof openTemporaryStore>>
let deps: MonitoringDeps
let now = START
let made = 0
const lines: string[] = []
/** What the stable version of each endpoint brings; undefined where none answers. */
const references = new Map<string, Reference>()

before(async () => {
  store = await openTemporaryStore()
  deps = testDeps(store.db, () => now, {
    referenceOf: async (endpoint) => references.get(endpoint),
    log: (text) => lines.push(text),
  })
})
after(() => store.close())

/** An endpoint without a reference table that has answered one row, unless told otherwise. */
async function endpoint(more: { readonly rows?: number; readonly settings?: object } = {}): Promise<string> {
  const name = `e${++made}`
  await addEndpoint(store.db, name, more.settings)
  references.set(name, bare)
  if (more.rows !== 0) await ingest(deps, name, [{ id: `${name}-1`, et: now - HOUR_MS, score: 0.5 }])
  return name
}
const look = (name: string, at = now): Promise<string | undefined> => {
  now = at
  return lookAtWatch(deps, name)
}
const all = (name: string): Promise<IncidentRow[]> => incidentRows(store.db, { endpoint: name })

describe('the state of an endpoint', () => {
  it('is known since its reason set in, and told in one line a change', async () => {
    now = START
    const name = await endpoint()
    lines.length = 0
    assert.deepEqual(
      [(await viewWatched(deps, name)).since, (await viewWatched(deps, name)).reason],
      [null, 'no_reference'],
    )
    for (const minutes of [0, 1, 2, 60]) await look(name, START + minutes * 60_000)
    assert.deepEqual([(await viewWatched(deps, name)).since, lines.length], [new Date(START).toISOString(), 1])
    assert.match(
      lines[0] ?? '',
      new RegExp(`^endpoint ${name} is not watched: version 1 has no table.* Remedy: name a step`),
    )
    await keepFault(store.db, name, new Error('no such table'), now)
    assert.equal((await viewWatched(deps, name)).reason, 'evaluator_failing', 'a fault shows at once')
    assert.equal((await viewWatched(deps, name)).since, null, 'no time is told that the next reader would see move')
    await look(name, START + 3 * HOUR_MS)
    assert.equal((await viewWatched(deps, name)).since, new Date(START + 3 * HOUR_MS).toISOString())
    references.delete(name)
    await keepFault(store.db, name, null, now)
    await look(name)
    await look(name)
    assert.deepEqual([lines.length, lines[2]], [3, `endpoint ${name} is to be watched: no version answers yet`])
  })

  it('says that nobody looks any more when the last look is long ago', async () => {
    const name = await endpoint()
    await look(name)
    now += 11 * 60_000
    const { reason, remedy } = await viewWatched(deps, name)
    assert.deepEqual([reason, remedy], ['evaluator_silent', 'see the log of the server, and start it again'])
  })

  it('is that of a version without rows to compare with where its version was removed', async () => {
    const name = await endpoint()
    const gone = { ...deps, referenceOf: () => Promise.reject(problem('not_found', { what: 'version', id: '1' })) }
    assert.equal((await viewWatched(gone, name)).reason, 'no_version')
  })

  it('names a reference that cannot be learned for as long as it is that of the version', async () => {
    const name = await endpoint()
    references.set(name, { ...bare, table: 'tree' })
    const { referenceId } = await import('../profiles/reference.ts')
    const id = referenceId({ ...bare, table: 'tree' }) ?? ''
    const fault = problem('unprocessable', { detail: 'the table has no column "event_time"; it has a' })
    await keepUnfit(store.db, name, id, fault)
    assert.equal((await viewWatched(deps, name)).reason, 'no_event_time')
    await keepUnfit(
      store.db,
      name,
      id,
      problem('unprocessable', { detail: 'the table has no column "a"; it has event_time' }),
    )
    assert.equal((await viewWatched(deps, name)).reason, 'reference_unfit')
    await keepUnfit(store.db, name, id, new Error('EIO'))
    assert.equal((await viewWatched(deps, name)).reason, 'evaluator_failing')
    await keepUnfit(
      store.db,
      name,
      id,
      problem('unprocessable', { detail: 'the table has no column "a"; it has b\0c' }),
    )
    assert.match((await viewWatched(deps, name)).detail, /it has b c$/)
    references.set(name, { ...bare, table: 'another' })
    assert.equal((await viewWatched(deps, name)).reason, 'learning')
  })
})

describe('an endpoint that nobody watches', () => {
  it('for a day is an incident with the remedy, whatever the reasons were, and it is over when it is watched', async () => {
    const name = await endpoint()
    const from = now
    assert.equal(await look(name), undefined)
    await keepFault(store.db, name, new Error('gone'), now)
    assert.equal(await look(name, from + DAY_MS - 1), undefined)
    const id = await look(name, from + DAY_MS)
    const [row, ...others] = await all(name)
    assert.deepEqual(
      [row?.id, row?.kind, row?.state, row?.severity, row?.pages, others],
      [id, 'unwatched', 'open', 'high', 1, []],
    )
    assert.equal(row?.title, 'nobody watches this endpoint: its hours cannot be judged: gone')
    assert.equal(row?.began_event, from)
    assert.match(String(row?.detail.causes[0]?.evidence['remedy']), /tried again/)
    assert.equal(await look(name, now + HOUR_MS), undefined, 'told once')
    await keepFault(store.db, name, null, now)
    assert.equal(await look(name, now + HOUR_MS), id, 'another reason is news')
    assert.deepEqual(
      (await all(name)).map((one) => [one.severity, one.detail.timeline.length]),
      [['medium', 2]],
    )
    references.delete(name)
    assert.equal(await look(name), id)
    assert.equal((await all(name))[0]?.state, 'resolved')
    references.set(name, bare)
    assert.equal(await look(name, now + HOUR_MS), undefined, 'a day counts from anew')
  })

  it('and whose incident a person resolved is told again only for another reason', async () => {
    const name = await endpoint()
    const from = now
    await look(name)
    const id = (await look(name, from + DAY_MS)) ?? assert.fail('an incident')
    await store.db.tx(async (t) => {
      await writeIncident(t, { ...(await requireIncident(t, id)), state: 'resolved', resolved_at: now })
    })
    for (const hours of [1, 2, 30]) assert.equal(await look(name, now + hours * HOUR_MS), undefined)
    await keepFault(store.db, name, new Error('gone'), now)
    const next = await look(name)
    assert.ok(next !== undefined && next !== id)
  })

  it('without a single row is none', async () => {
    const name = await endpoint({ rows: 0 })
    const from = now
    await look(name)
    assert.equal(await look(name, from + 2 * DAY_MS), undefined)
  })

  it('because a person switched it off is told and wakes nobody', async () => {
    const name = await endpoint({ settings: { enabled: false } })
    const from = now
    await look(name)
    await look(name, from + DAY_MS)
    const row = await currentIncident(store.db, name, 'unwatched', now)
    assert.deepEqual([row?.severity, row?.pages], ['info', 0])
  })
})

it('an evaluator that fails is a state, is logged once, rests between its tries, and is well again by itself', async (t) => {
  now = START
  const name = await endpoint()
  let broken = true
  let asked = 0
  const errors: string[] = []
  lines.length = 0
  let rounds = 0
  const db = dbWith(store.db, {
    all: (sql, params) => {
      // the last that a round asks for
      if (sql.includes("incident_reactions WHERE state = 'wanted'")) rounds += 1
      return store.db.all(sql, params)
    },
  })
  const failing = {
    ...deps,
    db,
    referenceOf: async (of: string) => {
      if (of !== name) return undefined
      asked += 1
      if (broken) throw new Error(`no connection after ${asked} tries`)
      return bare
    },
    logLosses: async () => [],
    unanswered: async () => [],
    onError: (error: unknown) => errors.push((error as Error).message),
  }
  const lead: Leases['lead'] = async (_name, _ms, { signal, fn }) => {
    await fn({ signal } as Parameters<typeof fn>[0])
  }
  const monitoring = openMonitoring(failing, { lead } as Leases, { register: () => undefined } as unknown as Worker)
  let clock = 1000
  t.mock.method(performance, 'now', () => clock)
  monitoring.start()
  /** What begins and ends after now. */
  const round = async (): Promise<void> => {
    const before = rounds
    await until('a whole round', () => {
      monitoring.wake()
      return rounds > before + 1
    })
  }
  const fault = async () =>
    (await store.db.get<{ fault: string | null }>('SELECT fault FROM monitor_watch WHERE endpoint = ?', [name]))?.fault
  await until('the fault to be kept', async () => (await fault()) != null)
  await round()
  // half a second after the first try, and a second after the second
  for (const rest of [500, 1000]) {
    const before = asked
    clock += rest - 1
    await never('tried again before its rest is over', () => asked > before, 3, round)
    clock += 1
    await until('another try', () => asked > before)
    await round()
  }
  broken = false
  clock += 2000
  await until('no fault', async () => (await fault()) === null)
  await monitoring.stop()
  const told = errors.filter((text) => text.startsWith(`judging the hours of endpoint ${name}`))
  assert.deepEqual(told, [
    `judging the hours of endpoint ${name} failed and is tried again: no connection after 1 tries`,
  ])
  assert.ok(lines.includes(`judging the hours of endpoint ${name} goes well again`), lines.join('\n'))
})
