/**
 * One table at a time cannot be read: each read either answers as it does with the table, or is a fault. An answer that is neither was
 * made of the error. That finds what a whole database that is gone does not: a fault deep in a handler, behind reads that went well.
 */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { App } from '../../src/options.ts'
import { startTestApp } from '../app.ts'
import { everyRoute } from '../route-tables.ts'
import { isRead, isSame, shown, volatileOf } from './outage.ts'
import { askAll, requestOf, send } from './requests.ts'
import type { Asked } from './requests.ts'
import { makeWorld } from './world.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'slipway-tables-'))
// not only after the test: one that did not start leaves its folder too, and what ends late writes into it
process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }))
let app: App
before(async () => {
  app = await startTestApp({ dataDir, noAuth: true, logLevel: 'silent' })
})
after(async () => {
  await app.stop()
})

/** The case with one table in so many gone, one after the other. */
export function tableCases(oneIn: number): void {
  test(`no read answers otherwise because a table is gone (one table in ${oneIn})`, async () => {
    const values = await makeWorld(app.url)
    const db = new Database(join(dataDir, 'slipway.db'), { timeout: 10_000 })
    db.exec(INCIDENT)
    db.pragma('legacy_alter_table = ON')
    const routes = (await everyRoute()).filter((route) => isRead(route) && !route.path.startsWith('/ajax-api/'))
    const given = routes.map((route) => requestOf(route, app.url, values))
    const requests = (await askAll(given, values)).map(({ request }) => request)
    const first = await askAll(requests, values)
    assert.deepEqual(first.filter(({ answer }) => answer.status >= 500).map(shown), [])
    const volatile = volatileOf(first, await askAll(requests, values))
    const wrong: string[] = []
    const missed = new Set<string>()
    const tables = tablesOf(db).filter((_, at) => at % oneIn === 0)
    for (const table of tables) {
      db.exec(`ALTER TABLE "${table}" RENAME TO "${table}_gone"`)
      const found = await askAll(requests, values)
      db.exec(`ALTER TABLE "${table}_gone" RENAME TO "${table}"`)
      for (const one of found) if (one.answer.status >= 500) missed.add(one.request.name)
      wrong.push(...(await otherwise(table, found, first, volatile)))
    }
    db.close()
    assert.deepEqual(wrong, [])
    const least = oneIn === 1 ? 0.9 * requests.length : tables.length
    assert.ok(missed.size > least, `only ${missed.size} of ${requests.length} reads miss a table`)
  })
}

/** What only hours of predictions would make. */
const INCIDENT = `INSERT INTO incidents (id, endpoint, kind, severity, state, title, opened_at, opened_event, began_event, last_event, pages,
  marked, dismissed, detail) VALUES ('inc_1', 'world', 'drift', 'high', 'open', 'an incident', 1, 1, 1, 1, 0, 0, 0,
  '{"causes":[],"checks":[],"timeline":[],"features":[],"clear":0,"until":1}')`

/** The answers that neither are faults nor say what is said with the table, before it was gone or now. */
async function otherwise(
  table: string,
  found: readonly Asked[],
  first: readonly Asked[],
  volatile: ReadonlySet<string>,
): Promise<string[]> {
  const wrong: string[] = []
  for (const [index, { request, answer }] of found.entries()) {
    const then = (first[index] as Asked).answer
    if (answer.status >= 500 || isSame(answer, then)) continue
    if (volatile.has(request.name) && answer.status === then.status) continue
    const now = await send(request)
    if (!isSame(answer, now))
      wrong.push(`without ${table}, ${shown({ request, answer })} instead of ${now.status} ${now.text.slice(0, 200)}`)
  }
  return wrong
}

function tablesOf(db: Database.Database): string[] {
  const rows = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'").all()
  return (rows as { name: string }[]).map(({ name }) => name).filter((name) => !name.startsWith('sqlite_'))
}
