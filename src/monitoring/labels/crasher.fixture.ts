/** A process that takes in labels and their predictions for the crash test, until it is killed at its fault point or done. */
import { openSqlite } from '../../store/sqlite/sqlite.ts'
import { putLabels } from './labels.ts'
import { ingest, testDeps } from '../room.fixture.ts'

const START = Date.UTC(2026, 0, 5)
const [file = ''] = process.argv.slice(2)
const db = openSqlite(file)
const deps = testDeps(db, () => START, {
  onLabels: async (t, rows) => {
    for (const { prediction_id, label } of rows)
      await t.run('INSERT INTO told (prediction_id, label) VALUES (?, ?)', [prediction_id, label])
  },
})

const PART = 100
const rows = Array.from({ length: 400 }, (_, i) => ({ id: `p${i}`, et: START + i * 60_000, score: (i % 10) / 10 }))
// what was ingested is known by its id, as serving knows it by its offset in the log
const known = new Set((await db.all<{ id: string }>('SELECT id FROM predictions')).map((row) => row.id))
// labels come before half of their predictions
for (const from of [0, PART]) await send(from)
await putLabels(
  deps,
  'e',
  Array.from({ length: 4500 }, (_, i) => ({ prediction_id: `p${i}`, label: i % 2 })),
)
for (const from of [2 * PART, 3 * PART]) await send(from)
await db.close()

async function send(from: number): Promise<void> {
  const part = rows.slice(from, from + PART)
  if (!known.has(part[0]?.id ?? '')) await ingest(deps, 'e', part)
}
