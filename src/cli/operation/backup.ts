/** `slipway backup`: copies a data folder into one file while the server runs. */
import { backup } from '../../store/backup/backup.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { dataDir } from '../invocation/server.ts'
import { withBlobs } from '../invocation/blobs.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [file] = invocation.args
  if (file === undefined) throw new UsageError('backup needs a file: slipway backup FILE')
  const databaseUrl = config('SLIPWAY_DATABASE_URL')
  const result = await withBlobs((blobs) => backup(dataDir(invocation), file, { databaseUrl, blobs }))
  invocation.out.data(result)
  invocation.out.line(`Wrote ${file}: ${result.blobs} blobs, ${result.bytes} bytes, verified by hash`)
  return 0
}
