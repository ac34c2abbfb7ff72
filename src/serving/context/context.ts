/** What every part of the serving room works with. */
import type { Audit } from '../../auth/audit.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import type { Db } from '../../store/db.ts'

export interface ServingContext {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
}
