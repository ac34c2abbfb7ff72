/** `slipway backup`: copies a data folder into one file while the server runs. */
import { backup } from '../../store/backup/backup.ts'
import { Problem } from '../../contract/errors.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { dataDir } from '../invocation/server.ts'
import { withBlobs } from '../invocation/blobs.ts'
import { neededBlobs } from './needed-blobs.ts'

/** Names each corrupt and each missing blob before the refusal is told. */
function listing(error: unknown): never {
  if (error instanceof Problem && error.code === 'corrupt_blobs') {
    const { blobs, missing } = error.data as Record<'blobs' | 'missing', readonly string[]>
    for (const digest of blobs) process.stderr.write(`corrupt: ${digest}\n`)
    for (const digest of missing) process.stderr.write(`missing: ${digest}\n`)
  }
  throw error
}

export async function run(invocation: Invocation): Promise<number> {
  const [file] = invocation.args
  if (file === undefined) throw new UsageError('backup needs a file: slipway backup FILE')
  const databaseUrl = config('SLIPWAY_DATABASE_URL')
  const skipCorrupt = invocation.flags['skip-corrupt'] === true
  const result = await withBlobs((blobs) =>
    backup(dataDir(invocation), file, { databaseUrl, blobs, skipCorrupt, needed: neededBlobs }),
  ).catch(listing)
  invocation.out.data(result)
  invocation.out.line(`Wrote ${file}: ${result.blobs} blobs, ${result.bytes} bytes, verified by hash`)
  for (const digest of result.left_out)
    invocation.out.line(`Left out, for its bytes are not what was stored: ${digest}`)
  for (const digest of result.missing ?? []) invocation.out.line(`Not there, though rows need it: ${digest}`)
  if (result.missing === null)
    invocation.out.line(
      'Whether every file that rows need is there was not compared: the database is of another version; start this one on it first',
    )
  return 0
}
