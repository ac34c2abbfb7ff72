/** The rows of partitions: the newest run of each. */
import type { Tx } from '../../store/db.ts'
import type { Partition } from '../spec/partitions/partitions.ts'

/** Says that a run is the newest of a partition, in the transaction that makes it. */
export async function notePartition(
  t: Tx,
  project: string,
  { key, position }: Pick<Partition, 'key' | 'position'>,
  run: string,
): Promise<void> {
  await t.run(
    `INSERT INTO pipeline_partitions (project, partition_key, position, run_id) VALUES (?, ?, ?, ?)
     ON CONFLICT (project, partition_key) DO UPDATE SET run_id = excluded.run_id, position = excluded.position`,
    [project, key, position, run],
  )
}
