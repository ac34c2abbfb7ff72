/** A process for the crash tests: does jobs until none is left, and is killed by its fault point on the way. Prints nothing. */
import { until } from '../../test/until.ts'
import type { Db } from '../store/db.ts'
import { faultPoint } from '../store/fault.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { openSqlite } from '../store/sqlite/sqlite.ts'
import { enqueue } from './queue.ts'
import { fireDue } from './schedule.ts'
import { Worker } from './worker.ts'

const [where = ''] = process.argv.slice(2)
const db: Db = where.startsWith('postgres') ? openPostgres(where, { writers: 3, readers: 2 }) : openSqlite(where)
const worker = new Worker(db, { leaseMs: 3000, pollMs: 50, backoffMs: 1, concurrency: 2 })

worker.register('step', async (job, context) => {
  const { name, left } = job.payload as { name: string; left: number }
  faultPoint('test.begun')
  await context.finish(async (t) => {
    await t.run('INSERT INTO effects (id, job) VALUES (?, ?)', [`${name}.${left}`, job.id])
    faultPoint('test.effect')
    if (left > 0) await enqueue(t, { kind: 'step', payload: { name, left: left - 1 }, max_attempts: 50 })
  })
})

worker.register('tick', (job, context) =>
  context.finish(async (t) => {
    const { scheduled_at: at } = job.payload as { scheduled_at: number }
    await t.run('INSERT INTO effects (id, job) VALUES (?, ?)', [`tick ${at}`, job.id])
  }),
)

await fireDue(db)
worker.start()
await until('the end of all jobs', async () => {
  const left = await db.get<{ c: number }>("SELECT count(*) AS c FROM jobs WHERE state IN ('waiting', 'running')")
  return left?.c === 0
})
await worker.stop()
await db.close()
