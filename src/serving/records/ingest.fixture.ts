/** Run as a process of its own: `ingest.fixture.ts DATA_DIR` ingests what the prediction log holds; a fault point may kill it. */
import { openStore } from '../../store/open.ts'
import { Ingest } from './ingest.ts'
import { runFiles } from '../../gateway/run-files.ts'

const dataDir = process.argv[2] ?? ''
const { db } = await openStore({ dataDir })
const ingest = new Ingest({
  db,
  folder: runFiles(dataDir).segments,
  clock: Date.now,
  hooks: {
    // A table of this room stands for what rooms below keep: it must see each prediction once.
    async onPredictions(t, rows) {
      for (const row of rows)
        await t.run(
          'INSERT INTO shadow_predictions (endpoint, id, version, event_time, at, latency_us, score, prediction, error) VALUES (?,?,?,?,?,?,?,?,?)',
          [row.ep, row.id, 'hook', row.et, row.at, row.us, row.s, 'null', null],
        )
    },
  },
  onIngested: () => undefined,
  onError: (error) => {
    throw error
  },
  chunkBytes: 2048,
})
await ingest.drain()
await db.close()
