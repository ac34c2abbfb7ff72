/** A process for the crash tests: collects garbage once, and is killed by its fault point on the way. Prints nothing. */
import { join } from 'node:path'
import { collectGarbage } from './collect.ts'
import { openDiskBlobs } from './disk.ts'
import { openSqlite } from '../sqlite/sqlite.ts'

const [folder = '', now = '0', grace = '0'] = process.argv.slice(2)
const clock = (): number => Number(now)
const db = openSqlite(join(folder, 'slipway.db'))

async function* kept(): AsyncGenerator<string> {
  for (const { digest } of await db.all<{ digest: string }>('SELECT digest FROM kept')) yield digest
}

await collectGarbage({ db, blobs: openDiskBlobs(join(folder, 'blobs'), clock), clock }, [kept], {
  graceMs: Number(grace),
})
await db.close()
