/** `slipway gc`: deletes blobs that nothing reaches, or says which would go. */
import { retentionApi } from '../../contract/tracking/retention.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const dry_run = invocation.flags['dry-run'] === true
  const done = await client.call(retentionApi.collect, { body: { dry_run } })
  invocation.out.data(done)
  invocation.out.table(
    ['', 'blobs', 'bytes'],
    [
      ['stored', String(done.stored.blobs), String(done.stored.bytes)],
      [dry_run ? 'would go' : 'deleted', String(done.deleted.blobs), String(done.deleted.bytes)],
      ['unreachable, waits', String(done.waiting.blobs), String(done.waiting.bytes)],
    ],
  )
  return 0
}
