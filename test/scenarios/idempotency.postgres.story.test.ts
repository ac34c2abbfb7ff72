/** `Idempotency-Key` over HTTP on PostgreSQL. */
import { startPostgres } from '../postgres.ts'
import { idempotencyCases } from './idempotency.cases.ts'

idempotencyCases('PostgreSQL', async () => (await startPostgres()).url)
