/** Watched searches: what opens an incident, what is added to it, what closes it, and what a person closed. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { SYSTEM } from '../../auth/tokens.ts'
import { problem } from '../../contract/errors.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { actOnIncident } from '../acts.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows, viewIncident } from '../incidents/rows.ts'
import type { IncidentView } from '../incidents/rows.ts'
import { testDeps } from '../room.fixture.ts'
import { requireEndpoint } from '../context/context.ts'
import type { FoundRun, MonitoringDeps } from '../context/context.ts'
import { checkSearches } from './watched-searches.ts'

let now = Date.UTC(2026, 2, 2)
let store: Awaited<ReturnType<typeof openTemporaryStore>>
let deps: MonitoringDeps
let runs: FoundRun[] = []
let gone = false
const told: string[] = []

before(async () => {
  store = await openTemporaryStore()
  deps = testDeps(store.db, () => now, {
    async findRuns(project, search, limit) {
      assert.equal(project, 'red')
      if (gone) throw problem('not_found', { what: 'saved search', id: search })
      return { name: `the search ${search}`, runs: runs.toReversed().slice(0, limit) }
    },
    changed: (id) => told.push(id),
  })
})
after(() => store.close())

function run(i: number): FoundRun {
  return { id: `id${i}`, name: `run-${i}`, started_at: now }
}

async function look(endpoint: string): Promise<IncidentView[]> {
  now += 60_000
  await checkSearches(deps, await requireEndpoint(store.db, endpoint))
  const rows = await incidentRows(store.db, { endpoint })
  return Promise.all(rows.map((row) => viewIncident(store.db, row)))
}

test('more runs than allowed open an incident that names them; others are added; it ends when enough are gone', async () => {
  await addEndpoint(store.db, 'limited', { searches: [{ search: 's', more_than: 2 }] }, 'red')
  runs = [run(1), run(2)]
  assert.deepEqual(await look('limited'), [])
  runs.push(run(3))
  const [first] = await look('limited')
  assert.equal(first?.title, '3 runs, more than 2, found by "the search s": run-3, run-2, run-1')
  assert.deepEqual([first.kind, first.state, first.pages], ['search', 'open', true])
  assert.deepEqual(
    first.timeline.filter((each) => each.kind === 'run').map(({ text, href }) => [text, href]),
    [3, 2, 1].map((i) => [`run run-${i}`, `/runs/id${i}`]),
  )
  const before = told.length
  await look('limited')
  assert.equal(told.length, before, 'nothing new is not told again')
  runs.push(run(4))
  const [more] = await look('limited')
  assert.equal(more?.id, first.id)
  assert.match(more.title, /^4 runs/)
  assert.equal(more.timeline.at(-1)?.text, 'run run-4')
  assert.equal(told.length, before + 1)
  runs = [run(1), run(4)]
  const [over] = await look('limited')
  assert.deepEqual([over?.state, over?.timeline.at(-1)?.text], ['resolved', '2 runs left, no more than allowed'])
  runs.push(run(3))
  const again = await look('limited')
  assert.deepEqual(
    again.map(({ state }) => state),
    ['open', 'resolved'],
  )
  await assert.rejects(actOnIncident(deps, SYSTEM, { id: again[0]?.id ?? '', action: 'mark_bad', reason: '' }), {
    code: 'conflict',
  })
})

test('what a person resolved stays so until a run comes that it did not name', async () => {
  await addEndpoint(store.db, 'closed', { searches: [{ search: 's' }] }, 'red')
  runs = [run(1)]
  const [first] = await look('closed')
  await actOnIncident(deps, SYSTEM, { id: first?.id ?? '', action: 'resolve', reason: 'known' })
  assert.deepEqual(
    (await look('closed')).map(({ state }) => state),
    ['resolved'],
  )
  runs.push(run(2))
  const [next] = await look('closed')
  assert.deepEqual([next?.state, next?.timeline.filter((each) => each.kind === 'run').length], ['open', 1])
  await store.db.tx((t) => t.run("UPDATE endpoints SET monitor = '{}' WHERE name = 'closed'"))
  assert.deepEqual(
    (await look('closed')).map(({ state }) => state),
    ['resolved', 'resolved'],
  )
})

test('a search that is gone is told once, not passed over, and mended when it is back', async () => {
  await addEndpoint(store.db, 'orphan', { searches: [{ search: 'lost' }] }, 'red')
  gone = true
  runs = []
  const [first] = await look('orphan')
  assert.equal(first?.title, 'the watched search "lost" cannot be run: saved search "lost" does not exist')
  assert.equal((await look('orphan')).length, 1)
  gone = false
  assert.deepEqual(
    (await look('orphan')).map(({ state }) => state),
    ['resolved'],
  )
})

test('many runs are counted up to what is kept, and the first few are named', async () => {
  await addEndpoint(store.db, 'flood', { searches: [{ search: 's' }] }, 'red')
  runs = Array.from({ length: 5000 }, (_, i) => run(i))
  const [first] = await look('flood')
  assert.match(first?.title ?? '', /^at least 100 runs found by "the search s": run-4999, .*run-4995 and 95 more$/)
  assert.equal(first?.timeline.at(-1)?.text, 'and 95 more')
})
