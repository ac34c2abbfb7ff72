/** A query of a source reads, and does nothing else: what refuses it says what it was. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { withQuery, type Cell } from './query.ts'
import { NotQueried } from './task.ts'

test('all but reading is refused, and leaves the folder as it was', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-query-'))
  t.after(() => rmSync(root, { recursive: true }))
  const path = join(root, 'shop.db')
  const made = new DatabaseSync(path)
  made.exec('CREATE TABLE t (a INT); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT a + 1 AS b FROM t')
  made.close()
  // as a reader that could write: what holds it is the query alone
  const uri = pathToFileURL(path).href
  const rows = (query: string): Promise<Cell[][]> =>
    withQuery({ uri, query, patience_ms: 100 }, async (one) => [...one.rows()].map((row) => [...row]))
  const other = join(root, 'other.db')
  const cases: [string, RegExp][] = [
    [`ATTACH '${other}' AS other`, /the query has ATTACH .*other\.db, and a source only reads/],
    ["SELECT * FROM pragma_table_info('t')", /the query has PRAGMA table_info/],
    ['PRAGMA journal_mode = wal', /the query has PRAGMA journal_mode/],
    ["SELECT load_extension('x')", /the query has the function load_extension/],
    ['DELETE FROM t', /the query has DELETE t/],
    ['WITH w AS (SELECT 1) INSERT INTO t SELECT * FROM w RETURNING a', /the query has INSERT t/],
    ['CREATE TEMP TABLE x (a)', /the query has (INSERT sqlite_temp_master|CREATE TEMP TABLE x)/],
    [`VACUUM INTO '${other}'`, /the query gives no columns, and a source only reads/],
    ['BEGIN IMMEDIATE', /the query has TRANSACTION BEGIN/],
    ['SELECT 1 AS a; DELETE FROM t', /more than one statement/],
    ['SELECT a FROM t WHERE a = ?', /has a parameter, and nothing gives it a value/],
    ['SELECT missing FROM t', /SQLite refused the query: no such column: missing/],
    ['SELECT "missing" FROM t', /SQLite refused the query: no such column: "?missing/],
    ['SELECT 1 AS ""', /a column without a name/],
    ['-- nothing', /the query cannot be run: .*no statements/],
  ]
  for (const [query, said] of cases)
    await assert.rejects(rows(query), (error) => {
      assert.ok(error instanceof NotQueried && 'refused' in error.answer, `${query}: ${String(error)}`)
      assert.match(error.answer.refused, said)
      return true
    })
  assert.deepEqual(readdirSync(root), ['shop.db'])
  assert.deepEqual(await rows('SELECT a, b FROM t, v; -- "and" no /* more'), [[1n, 2n]])
  assert.deepEqual(
    await rows(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3) SELECT i, j.value FROM n, json_each('[7]') AS j",
    ),
    [
      [1n, 7n],
      [2n, 7n],
      [3n, 7n],
    ],
  )
  const isFixed = (query: string) => withQuery({ uri, query, patience_ms: 0 }, async (one) => one.isFixed())
  assert.equal(await isFixed('SELECT abs(a), max(a) FROM t'), true)
  for (const varying of ['random()', "date('now')", 'CURRENT_TIMESTAMP', 'UnixEpoch()'])
    assert.equal(await isFixed(`SELECT a, ${varying} AS b FROM t`), false, varying)
})
