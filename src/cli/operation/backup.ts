/** `slipway backup`: copies a data folder into one file while the server runs. */
import { backup } from '../../store/backup/backup.ts'
import { Problem } from '../../contract/errors.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { dataDir } from '../invocation/server.ts'
import { withBlobs } from '../invocation/blobs.ts'

/** Names each corrupt blob before the refusal is told. */
function listing(error: unknown): never {
  if (error instanceof Problem && error.code === 'corrupt_blobs')
    for (const digest of error.data['blobs'] as readonly string[]) process.stderr.write(`corrupt: ${digest}\n`)
  throw error
}

export async function run(invocation: Invocation): Promise<number> {
  const [file] = invocation.args
  if (file === undefined) throw new UsageError('backup needs a file: slipway backup FILE')
  const databaseUrl = config('SLIPWAY_DATABASE_URL')
  const skipCorrupt = invocation.flags['skip-corrupt'] === true
  const result = await withBlobs((blobs) =>
    backup(dataDir(invocation), file, { databaseUrl, blobs, skipCorrupt }),
  ).catch(listing)
  invocation.out.data(result)
  invocation.out.line(`Wrote ${file}: ${result.blobs} blobs, ${result.bytes} bytes, verified by hash`)
  for (const digest of result.left_out)
    invocation.out.line(`Left out, for its bytes are not what was stored: ${digest}`)
  return 0
}
