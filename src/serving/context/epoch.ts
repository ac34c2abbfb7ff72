/** The epoch: the number of the newest routing table, raised in the transaction of each change that gateways must learn of. */
import type { Reader, Tx } from '../../store/db.ts'

/** The number of the newest routing table; 0 before the first. */
export async function currentEpoch(reader: Reader): Promise<number> {
  const row = await reader.get<{ epoch: number }>("SELECT epoch FROM serving_state WHERE id = 'routing'")
  return row?.epoch ?? 0
}

/** The next epoch, in the transaction of the change that it stands for. */
export async function raiseEpoch(t: Tx): Promise<number> {
  const row = await t.get<{ epoch: number }>(
    "INSERT INTO serving_state (id, epoch) VALUES ('routing', 1) ON CONFLICT (id) DO UPDATE SET epoch = serving_state.epoch + 1 RETURNING epoch",
  )
  return row?.epoch ?? 0
}

/** Goes on above an epoch that gateways hold already, as after a restore from a backup. */
export async function setEpochAbove(t: Tx, held: number): Promise<void> {
  await t.run(
    "INSERT INTO serving_state (id, epoch) VALUES ('routing', ?) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch",
    [held + 1],
  )
}
