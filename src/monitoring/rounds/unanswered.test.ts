/** The alarm of versions that do not answer: when it is told, what it follows, and that one server does not speak for another. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import type { TestDatabase } from '../../../test/databases.ts'
import type { Unanswered } from '../../serving/fleet/faults.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { testDeps } from '../room.fixture.ts'
import { checkUnanswered } from './unanswered.ts'

const SECOND = 1000
let database: TestDatabase
let now = Date.UTC(2026, 4, 3)
let changed: string[]

before(async () => {
  database = await migratedSqlite()
})
after(() => database.close())
beforeEach(async () => {
  changed = []
  await database.db.tx(async (t) => {
    for (const table of ['incidents', 'endpoints']) await t.run(`DELETE FROM ${table}`)
  })
  await addEndpoint(database.db, 'e')
})

/** A server that looks every so often at what it cannot answer. */
function server(name: string): { faults: Unanswered[]; look(): Promise<void> } {
  const memory = new Map<string, number>()
  const it = {
    faults: [] as Unanswered[],
    async look() {
      const deps = testDeps(database.db, () => now, {
        unanswered: async () => it.faults,
        changed: (id) => void changed.push(id),
      })
      await checkUnanswered({ ...deps, server: name }, memory)
    },
  }
  return it
}

const fault = (version: string, reason: string): Unanswered => ({ endpoint: 'e', version, reason })

async function only(): Promise<IncidentRow> {
  const rows = await incidentRows(database.db, { endpoint: 'e' })
  assert.equal(rows.length, 1)
  return rows[0] as IncidentRow
}

test('a fault is told when it has lasted half a minute, once, and is resolved when the version answers', async () => {
  const a = server('a')
  a.faults = [fault('3', 'no such file')]
  await a.look()
  now += 29 * SECOND
  await a.look()
  assert.deepEqual(await incidentRows(database.db, { endpoint: 'e' }), [], 'a restart takes some seconds')
  now += SECOND
  await a.look()
  const incident = await only()
  assert.equal(incident.title, 'version 3 does not answer: no such file')
  assert.deepEqual(
    [incident.kind, incident.severity, incident.state, incident.pages],
    ['unanswered', 'high', 'open', 1],
  )
  for (let i = 0; i < 20; i++) {
    now += 5 * SECOND
    await a.look()
  }
  assert.deepEqual(changed, [incident.id], 'what goes on unchanged is told once')
  a.faults = []
  await a.look()
  const ended = await only()
  assert.deepEqual([ended.state, ended.resolved_at], ['resolved', now])
  assert.deepEqual(
    ended.detail.timeline.map(({ kind }) => kind),
    ['opened', 'resolved'],
  )
})

test('a fault that is gone before half a minute has to last anew', async () => {
  const a = server('a')
  for (const faults of [[fault('3', 'x')], [], [fault('3', 'x')]]) {
    a.faults = faults
    await a.look()
    now += 20 * SECOND
  }
  await a.look()
  assert.deepEqual(await incidentRows(database.db, { endpoint: 'e' }), [])
})

test('another version joins the incident, and its timeline says so', async () => {
  const a = server('a')
  a.faults = [fault('3', 'x')]
  await a.look()
  now += 30 * SECOND
  await a.look()
  a.faults = [fault('3', 'x'), fault('4', 'y')]
  await a.look()
  now += 30 * SECOND
  await a.look()
  const { title, detail } = await only()
  assert.equal(title, 'version 3 does not answer: x; version 4 does not answer: y')
  assert.deepEqual(
    detail.timeline.map(({ kind }) => kind),
    ['opened', 'changed'],
  )
})

test('a server that answers does not resolve what another one cannot, until that one is gone', async () => {
  const [a, b] = [server('a'), server('b')]
  b.faults = [fault('3', 'x')]
  await b.look()
  now += 30 * SECOND
  await b.look()
  await a.look()
  assert.equal((await only()).state, 'open')
  for (let i = 0; i < 30; i++) {
    now += 5 * SECOND
    await b.look()
    await a.look()
  }
  assert.equal((await only()).state, 'open', 'what b says again and again does not grow old')
  now += 80 * SECOND
  await a.look()
  assert.equal((await only()).state, 'open')
  now += 45 * SECOND
  await a.look()
  assert.equal((await only()).state, 'resolved', 'b says nothing any more')
})

test('an endpoint that is gone has no incident', async () => {
  const a = server('a')
  a.faults = [{ endpoint: 'gone', version: '1', reason: 'x' }]
  await a.look()
  now += 60 * SECOND
  await a.look()
  assert.deepEqual(await incidentRows(database.db, { endpoint: 'gone' }), [])
})

test('servers that fail for different reasons are told with each of them, and what is left is told when one is mended', async () => {
  const [a, b] = [server('a'), server('b')]
  a.faults = [fault('3', 'no such file')]
  b.faults = [fault('3', 'out of memory')]
  for (const one of [a, b]) await one.look()
  now += 30 * SECOND
  for (const one of [a, b]) await one.look()
  assert.equal((await only()).title, 'version 3 does not answer: no such file; on another server: out of memory')
  b.faults = []
  await b.look()
  assert.equal((await only()).title, 'version 3 does not answer: no such file')
})
