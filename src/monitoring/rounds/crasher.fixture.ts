/** A process that judges two faults of feeds, hour by hour, until it is killed at its fault point or done. */
import { openPostgres } from '../../store/postgres/postgres.ts'
import { openSqlite } from '../../store/sqlite/sqlite.ts'
import { FIRST, kilometres, utc, watch } from './feed.fixture.ts'
import { currentEnd, DAYS, FAULT, METRICS } from './crash.cases.ts'

const [where = '', endpoint = ''] = process.argv.slice(2)
const db = where.startsWith('postgres') ? openPostgres(where) : openSqlite(where)
const watched = await watch(db, { endpoint, metrics: METRICS })
// what was taken in is known by its newest hour; a death between the taking in and the judging leaves hours that are judged first
for (let hour = await currentEnd(db, endpoint, FIRST); hour < FIRST + 24 * DAYS; hour++) {
  const [km, late] = [hour >= FAULT && hour < FAULT + 30, hour >= FAULT + 6 && hour < FAULT + 12]
  await watched.live(hour, hour + 1, (row) => (km ? kilometres(late ? utc(row) : row) : row))
}
await db.close()
