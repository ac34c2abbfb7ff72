/** `Idempotency-Key` over HTTP on SQLite. */
import { idempotencyCases } from './idempotency.cases.ts'

idempotencyCases('SQLite', async () => undefined)
