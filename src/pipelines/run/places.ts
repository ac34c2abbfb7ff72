/** The places of steps: taken by attempts that have not ended, as their rows say, and free by the write that ends an attempt. */
import type { Reader } from '../../store/db.ts'

/** The lock of transactions that take a place. */
export const PLACES = 'pipelines.places'

/** Attempts that have not ended, of runs that have not ended. */
const TAKEN = `SELECT count(*) AS n FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
  WHERE a.state IN ('submitting', 'running') AND r.state IN ('waiting', 'preparing', 'running')`

/** True while another attempt may begin. */
export async function hasPlace(reader: Reader, places: number): Promise<boolean> {
  const row = await reader.get<{ n: number }>(TAKEN)
  return (row?.n ?? 0) < places
}
