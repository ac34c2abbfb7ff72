/** The audit chain on PostgreSQL, where transactions of several connections would each make an end of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPostgres } from '../../test/postgres.ts'
import { migrate } from '../store/migrate.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { auditLog, verifyAudit } from './audit.ts'
import { SYSTEM } from './tokens.ts'

test('entries of concurrent transactions of two replicas form one chain', async () => {
  const server = await startPostgres()
  const replicas = [openPostgres(server.url, { writers: 4 }), openPostgres(server.url, { writers: 4 })]
  try {
    await migrate(replicas[0]!)
    const audit = auditLog(() => 1_700_000_000_000)
    await Promise.all(
      replicas.flatMap((db) =>
        Array.from({ length: 25 }, (_, i) =>
          db.tx((t) => audit.record(t, SYSTEM, { verb: 'write', resource: 'models', id: `m${i}` })),
        ),
      ),
    )
    const verdict = await verifyAudit(replicas[1]!)
    assert.equal(verdict.ok && verdict.rows, 50)
  } finally {
    for (const db of replicas) await db.close()
    await server.stop()
  }
})
