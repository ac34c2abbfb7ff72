/** A file of SQLite as the source of a feature view, while another program has it open: joined, materialised and read with the types that it stores. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { dataSetsApi } from '../../contract/data/sets.ts'
import { featureJobsApi } from '../../contract/features/jobs.ts'
import { onlineApi } from '../../contract/features/online.ts'
import { apply, done, openBench, rowsOf, upload } from './jobs.fixture.ts'

const SECTION = {
  entities: { shop: { keys: { shop: 'text' } } },
  views: {
    sales: {
      entities: ['shop'],
      source: 'orders',
      event_time: 'sold_at',
      features: { order: 'int', note: 'text', paid: 'bool', price: 'float' },
    },
  },
  services: { shops: { features: ['sales'] } },
}

test('whole numbers keep 64 bits, an empty text is no null, and what is not committed is no feature', async (t) => {
  const { client, folder, dataDir } = await openBench(t)
  const path = join(folder, 'shop.db')
  const writer = new DatabaseSync(path)
  t.after(() => writer.close())
  writer.exec(`PRAGMA journal_mode = wal;
    CREATE TABLE orders (shop TEXT, sold_at TEXT, "order" INT, note TEXT, paid INT, price REAL);
    INSERT INTO orders VALUES ('a', '2026-01-01 10:00:00', 9007199254740993, '', 1, 2.5), ('b', '2026-01-01 10:00:00', NULL, NULL, 0, 9e999),
      ('a', '2026-01-03 10:00:00', 7, 'x', 0, NULL);
    BEGIN; INSERT INTO orders VALUES ('b', '2026-01-04 10:00:00', 8, 'y', 1, 1)`)
  await apply(client, SECTION, { orders: { sqlite: { file: path, table: 'orders' } } })
  const tree = await upload(client, {
    'shops.csv': 'shop,event_timestamp\na,2026-01-02T00:00:00Z\nb,2026-02-01T00:00:00Z\na,2026-02-01T00:00:00Z\n',
  })
  const joined = await client.call(featureJobsApi.joinFeatures, { body: { service: 'shops', into: 'training', tree } })
  const { sources } = await done(client, joined)
  assert.deepEqual(
    sources.map(({ name, place, rows }) => [name, place, rows]),
    [['orders', `${path}: SELECT * FROM "orders"`, 3]],
  )
  const { items } = await client.call(dataSetsApi.listDataFiles, { params: { name: 'training', version: 'latest' } })
  const hex = (items[0]?.digest ?? '').replace('sha256:', '')
  assert.deepEqual(await rowsOf(join(dataDir, 'blobs', hex.slice(0, 2), hex.slice(2)), '* EXCLUDE (event_timestamp)'), [
    { shop: 'a', order: 9007199254740993n, note: '', paid: true, price: 2.5 },
    { shop: 'b', order: null, note: null, paid: false, price: Infinity },
    { shop: 'a', order: 7n, note: 'x', paid: false, price: null },
  ])
  writer.exec('COMMIT')
  await done(client, await client.call(featureJobsApi.materialiseFeatures, { params: { name: 'sales' }, body: {} }))
  const { rows } = await client.call(onlineApi.readFeatures, { body: { service: 'shops', entities: [{ shop: 'b' }] } })
  assert.deepEqual(rows[0]?.features, { order: 8, note: 'y', paid: true, price: 1 })
})
