/** `slipway features push`: rows of a file go into the online store, batch by batch. */
import { CallError, type Client } from '../../client/client.ts'
import { featuresApi } from '../../contract/features/catalogue.ts'
import { MOST_PUSHED, onlineApi, type PushedVersion } from '../../contract/features/online.ts'
import type { ValueType } from '../../contract/features/section.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { projectOf, versionedName, type Versioned } from './names.ts'
import { rowsOf, type Row, type Types } from './rows.ts'

/** Characters of one call: the route takes 16 MiB, and a character may be four bytes. */
const LARGEST_BATCH = 4 * 1024 * 1024

export async function push(
  connected: () => Promise<Client>,
  invocation: Invocation,
  [given, file]: readonly string[],
): Promise<number> {
  const { out } = invocation
  if (given === undefined || file === undefined)
    throw new UsageError('features push needs a view and rows: slipway features push VIEW rows.csv')
  const named = versionedName(given, 'feature view')
  const project = await projectOf(invocation)
  const rows = await rowsOf(file, async () => typesOf(await connected(), named, project))
  const client = await connected()
  const versions = new Map<number, PushedVersion>()
  let pushed = 0
  for (const batch of batches(rows)) {
    out.progress(`${pushed} of ${rows.length} rows are pushed`)
    const body = { ...project, ...(named.version !== undefined && { version: named.version }), rows: batch }
    const reply = await client
      .call(onlineApi.pushFeatures, { params: { name: named.name }, body })
      .catch((error: unknown) => {
        throw pushed === 0 ? error : afterOthers(error, pushed)
      })
    for (const one of reply.versions) versions.set(one.version, joined(versions.get(one.version), one))
    pushed += reply.rows
  }
  const all = [...versions.values()].toSorted((a, b) => b.version - a.version)
  out.data({ rows: pushed, versions: all })
  out.line(`pushed ${pushed} ${pushed === 1 ? 'row' : 'rows'} into view ${named.name}`)
  out.table(
    ['version', 'written', 'why not'],
    all.map(({ version, written, reason }) => [String(version), written ? 'yes' : 'no', reason ?? '']),
  )
  return 0
}

/** What went before stays, and an answer counts rows from the first of its own batch. */
function afterOthers(error: unknown, pushed: number): unknown {
  if (!(error instanceof CallError)) return error
  const { status, code, message, help, request_id, details } = error
  const told = `${message}; the first ${pushed} rows are pushed, and rows[0] of this answer is row ${pushed + 1} of the file`
  return new CallError(status, { code, message: told, help, request_id, details })
}

/** Written is what every batch was written into. */
function joined(before: PushedVersion | undefined, now: PushedVersion): PushedVersion {
  return before === undefined || before.written ? now : before
}

/** As many rows as one call takes. */
function* batches(rows: readonly Row[]): Generator<Row[]> {
  let batch: Row[] = []
  let size = 0
  for (const row of rows) {
    const length = JSON.stringify(row).length
    if (batch.length === MOST_PUSHED || (batch.length > 0 && size + length > LARGEST_BATCH)) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(row)
    size += length
  }
  yield batch
}

/** The columns of a pushed row, as the view declares them. */
async function typesOf(
  client: Client,
  { name, version }: Versioned,
  query: { readonly project?: string },
): Promise<Types> {
  const view = await client.call(featuresApi.getFeatureView, {
    params: { name },
    query: { ...query, ...(version !== undefined && { version }) },
  })
  const time = 'time' as const
  return new Map<string, ValueType>([
    ...view.keys.map((key) => [key.name, key.type] as const),
    [view.event_time, time],
    ...(view.created_time === null ? [] : [[view.created_time, time] as const]),
    ...view.features.filter(({ window }) => window === null).map((one) => [one.name, one.type] as const),
  ])
}
