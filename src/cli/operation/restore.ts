/** `slipway restore`: makes a data folder from a backup, after every hash was verified. */
import { restore } from '../../store/backup/backup.ts'
import { keepToOwner } from '../../store/owner-only.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { dataDir } from '../invocation/server.ts'
import { readServerFile } from '../invocation/server-file.ts'
import { withBlobs } from '../invocation/blobs.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [file] = invocation.args
  if (file === undefined) throw new UsageError('restore needs a file: slipway restore FILE --data NEW_FOLDER')
  const data = dataDir(invocation)
  if ((await readServerFile(data)) !== undefined)
    throw new UsageError(`a server runs in ${data}; stop it or choose another folder`)
  keepToOwner()
  const databaseUrl = config('SLIPWAY_DATABASE_URL')
  const result = await withBlobs((blobs) => restore(file, data, { databaseUrl, blobs }))
  invocation.out.data(result)
  invocation.out.line(`Restored ${result.blobs} blobs into ${data}. Start it: slipway serve --data ${data}`)
  for (const digest of result.left_out)
    invocation.out.line(`Not in the backup, for its bytes were not what was stored: ${digest}`)
  for (const digest of result.missing ?? [])
    invocation.out.line(`Not in the backup, for it was missing when that was made: ${digest}`)
  return 0
}
