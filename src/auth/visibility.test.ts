/** What callers of one project and of all see, told of a project and asked of a table. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Principal } from '../contract/access.ts'
import { openTemporaryStore } from '../store/open.ts'
import { fetchAll, sql } from '../store/sql/sql.ts'
import { homeProject, sees, visible } from './visibility.ts'

let store: Awaited<ReturnType<typeof openTemporaryStore>>
before(async () => (store = await openTemporaryStore()))
after(() => store.close())

const CASES: readonly (readonly [project: string | null, home: string, seen: readonly string[]])[] = [
  [null, 'default', ['blue', 'red']],
  ['red', 'red', ['red']],
  ["' OR ''='", "' OR ''='", []],
]

for (const [project, home, seen] of CASES) {
  test(`a caller of ${project ?? 'all projects'} sees ${seen.join(' and ') || 'none of the others'}`, async () => {
    const who: Principal = { id: 'p', name: 'p', role: 'viewer', project, token_id: null }
    assert.equal(homeProject(who), home)
    assert.deepEqual(
      ['blue', 'red'].filter((one) => sees(who, one)),
      seen,
    )
    const rows = await fetchAll<{ place: string }>(
      store.db,
      sql`SELECT place FROM (SELECT 'red' AS place UNION SELECT 'blue') AS t WHERE ${visible(who, 'place')} ORDER BY place`,
    )
    assert.deepEqual(
      rows.map((row) => row.place),
      seen,
    )
  })
}
