/** Values of SQLite as columns of one type each: which type that is, what has none, and what is the time of the rows. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { withQuery } from './query.ts'
import { writeTable, type Written } from './table.ts'
import { NotQueried } from './task.ts'

let root: string
let made = 0

before(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-columns-'))
  const db = new DatabaseSync(join(root, 'shop.db'))
  db.exec(`CREATE TABLE empty (a INT, b VARCHAR(9), c DOUBLE, d DATETIME, e);
    INSERT INTO empty (e) VALUES (1), (1.5);
    CREATE TABLE odd (id, raw, big);
    INSERT INTO odd VALUES (1, x'00', 4611686018427387904), ('', NULL, 0.5);
    CREATE TABLE many (a INT, b TEXT);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) INSERT INTO many SELECT i % 7, i FROM n;
    CREATE TABLE timed (at TEXT, s, none);
    INSERT INTO timed VALUES ('2026-05-01 10:00:00', 1770000000, 'no'), ('2026-05-01T11:30:00+02:00', 1760000000.5, 'no'), (NULL, NULL, 'no')`)
  db.close()
})
after(() => rmSync(root, { recursive: true }))

async function written(query: string, more: { ordered?: boolean; time?: string; limit_bytes?: number } = {}) {
  const scratch = join(root, String(++made))
  mkdirSync(scratch)
  const into = join(scratch, 'rows.parquet')
  const asked = { ordered: false, time: null, limit_bytes: 1e9, into, scratch, ...more }
  const uri = pathToFileURL(join(root, 'shop.db')).href
  const result: Written = await withQuery({ uri, query, patience_ms: 0 }, ({ columns, rows }) =>
    writeTable(columns, rows, asked),
  )
  return { ...result, file: Uint8Array.from(readFileSync(into)).buffer }
}

async function refusal(query: string, more: Parameters<typeof written>[1] = {}): Promise<unknown> {
  const error: unknown = await written(query, more).then(
    () => assert.fail(`it was written: ${query}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof NotQueried, String(error))
  return error.answer
}

test('a column without values has the type that its table declares, and whole numbers beside fractions are fractions', async () => {
  const { file, rows } = await written('SELECT * FROM empty')
  const types = parquetMetadata(file).schema.slice(1)
  assert.deepEqual(
    types.map(({ name, type }) => `${name} ${type}`),
    ['a INT64', 'b BYTE_ARRAY', 'c DOUBLE', 'd BYTE_ARRAY', 'e DOUBLE'],
  )
  assert.deepEqual(
    (await parquetReadObjects({ file })).map(({ e }) => e as number),
    [1, 1.5],
  )
  assert.equal(rows, 2)
  assert.equal((await written('SELECT a FROM empty WHERE a > 0')).rows, 0)
})

test('what no column can hold is refused by its name', async () => {
  const of = 'of the query has'
  const cases: [string, string][] = [
    [
      'SELECT raw FROM odd',
      `the column "raw" ${of} bytes (a BLOB), and a table has none; take hex() of it, or leave it out`,
    ],
    ['SELECT id FROM odd', `the column "id" ${of} both texts and numbers, here ""; CAST it to one of them`],
    [
      'SELECT big FROM odd',
      `the column "big" ${of} fractions and 4611686018427387904, which no fraction of 64 bits is equal to; CAST it to one of them`,
    ],
    [
      'SELECT a.id, b.id AS ID FROM odd a, odd b',
      'the query gives two columns of the name "ID"; name them apart with AS',
    ],
  ]
  for (const [query, refused] of cases) assert.deepEqual(await refusal(query), { refused })
})

test('equal rows in another order are equal, unless their order counts', async () => {
  const by = async (order: string, ordered: boolean) =>
    Buffer.from((await written(`SELECT * FROM many ORDER BY b ${order}`, { ordered })).file)
  assert.ok((await by('ASC', false)).equals(await by('DESC', false)))
  assert.ok(!(await by('ASC', true)).equals(await by('DESC', true)))
  const { file } = await written('SELECT b FROM many ORDER BY CAST(b AS INT) DESC LIMIT 3', { ordered: true })
  assert.deepEqual(
    (await parquetReadObjects({ file })).map(({ b }) => b as string),
    ['4999', '4998', '4997'],
  )
})

test('the time of the data is the largest of its column: a text as of ISO 8601, or seconds', async () => {
  const at = async (time: string) => (await written('SELECT * FROM timed', { time })).data_at
  assert.equal(await at('at'), Date.UTC(2026, 4, 1, 10))
  assert.equal(await at('s'), 1770000000_000)
  assert.equal(await at('none'), null)
  assert.deepEqual(await refusal('SELECT * FROM timed', { time: 'when' }), {
    refused: 'there is no column "when", which "time" names; the query gives "at", "s", "none"',
  })
})

test('bytes are those of the values: 8 of a number, 1 of a null, and those of a text', async () => {
  const query = "SELECT 1 AS a, NULL AS b, 'Zürich' AS c"
  await written(query, { limit_bytes: 16 })
  assert.deepEqual(await refusal(query, { limit_bytes: 15 }), { over: 16 })
})
