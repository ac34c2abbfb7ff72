/** Endpoints as rows for the cases of this room, which need no version and no gateway. */
import type { Db } from '../store/db.ts'

/** An endpoint with monitor settings as the project file writes them. */
export async function addEndpoint(db: Db, name: string, monitor: object = {}, project = 'default'): Promise<void> {
  await db.tx((t) =>
    t.run(
      'INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at) VALUES (?,?,?,?,NULL,?,NULL,0,0)',
      [name, project, 'm', 's', JSON.stringify(monitor)],
    ),
  )
}
