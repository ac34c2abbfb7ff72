/** Writing an incident: its row, and what its webhooks are to be told of the change, in one transaction. */
import type { Tx } from '../../store/db.ts'
import { announce } from './outbox.ts'
import { storeIncident } from './rows.ts'
import type { IncidentRow } from './rows.ts'

/** Inserts an incident, or writes it as it is now; each webhook for which it has changed gets one message. */
export async function writeIncident(t: Tx, row: IncidentRow): Promise<void> {
  await storeIncident(t, row)
  await announce(t, row)
}
