/** `slipway export`: writes runs, models, traces and files of a server into one verified bundle. */
import { rm } from 'node:fs/promises'
import { problem } from '../../contract/errors.ts'
import { exportBundle } from '../../transfer/export.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

const SCOPES = ['project', 'experiment', 'run', 'model'] as const

export async function run(invocation: Invocation): Promise<number> {
  const [file] = invocation.args
  if (file === undefined) throw new UsageError('export needs a file: slipway export FILE')
  const scope = Object.fromEntries(
    SCOPES.flatMap((name) => {
      const id = text(invocation, name)
      return id === undefined ? [] : [[name, id] as const]
    }),
  )
  if (Object.keys(scope).length > 1) throw new UsageError(`name one of ${SCOPES.map((name) => `--${name}`).join(', ')}`)
  const { client } = await connect(invocation)
  const { rows, entries, head } = await exportBundle(client, file, scope)
  const total = Object.values(rows).reduce((sum, count) => sum + count, 0)
  const [[kind, id] = []] = Object.entries(scope)
  if (total === 0 && kind !== undefined) {
    await rm(file)
    throw problem('not_found', { what: kind, id })
  }
  const blobs = entries.filter((entry) => entry.path.startsWith('blobs/'))
  const bytes = entries.reduce((sum, entry) => sum + entry.size, 0)
  invocation.out.data({ file, rows, blobs: blobs.length, bytes, head })
  invocation.out.line(`Wrote ${file}: ${total} rows, ${blobs.length} blobs, ${bytes} bytes, verified by hash`)
  invocation.out.line(`Chain ${head}`)
  return 0
}
