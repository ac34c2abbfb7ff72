/** `slipway batch-predict`: scores a table of rows with a version of a model, in this process, as the gateway would. */
import { basename, dirname } from 'node:path'
import type { Client } from '../../client/client.ts'
import { servingApi } from '../../contract/serving.ts'
import { bringLogged, loggedSource } from '../../serving/batch/logged-source.ts'
import type { Logged } from '../../serving/batch/logged-source.ts'
import { findInput, formatOf, openSource } from '../../serving/batch/local.ts'
import type { Found } from '../../serving/batch/local.ts'
import type { Source } from '../../serving/batch/table.ts'
import { batchTable, tableBatch } from '../../serving/batch/table-batch.ts'
import { openIsolation, type Held } from '../../isolation/isolation.ts'
import { isolationMode, writableFolders } from '../invocation/isolation.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { resolveVersion } from '../registry/version-name.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [name, input, output] = invocation.args
  if (name === undefined || input === undefined || output === undefined)
    throw new UsageError('batch-predict needs a model, an input and an output')
  const onError = text(invocation, 'on-error') ?? 'stop'
  if (onError !== 'stop' && onError !== 'skip')
    throw new UsageError(`--on-error is "${onError}"; expected stop or skip`)
  const asked = tableBatch({
    output,
    onError,
    work: text(invocation, 'work'),
    chunk: number(invocation, 'chunk', { min: 1, max: 1_000_000, default: 10_000 }),
    restart: invocation.flags['restart'] === true,
  })
  const { client } = await connect(invocation)
  const figures = await batchTable(asked, {
    version: () => resolveVersion(client, name),
    input: () => openInput(client, input, asked.folder),
    ready: ({ model, version }) => client.call(servingApi.makeReady, { params: { name: model, version } }),
    plan: async (place) => (await isolated(place)).plan,
    progress: (rows, share) => {
      if (process.stderr.isTTY) invocation.out.progress(`${rows} rows, ${Math.floor(share * 100)} %`)
    },
  })
  invocation.out.data({ output, ...figures })
  const failed = figures.failed === 0 ? '' : `, ${figures.failed} of them with an error`
  const resumed = figures.resumed === 0 ? '' : ` (${figures.resumed} of ${figures.chunks} chunks were done before)`
  invocation.out.line(`${output}: ${figures.rows} rows by ${figures.version}${failed}${resumed}`)
  return 0
}

async function openInput(client: Client, input: string, folder: string): Promise<{ found: Found; source: Source }> {
  const endpoint = /^endpoint:([^?]+)(?:\?(.*))?$/.exec(input)
  if (endpoint !== null) {
    const time = timeOf(endpoint[2] ?? '')
    const until = time.until ?? new Date().toISOString()
    const rows = loggedRows(client, endpoint[1] ?? '', { ...time, until })
    const found = await bringLogged({ place: input, until }, folder, rows)
    return { found, source: await loggedSource(folder) }
  }
  const format = formatOf('INPUT', input)
  const found = await findInput(input, folder)
  return { found, source: await openSource(found.path, format) }
}

function timeOf(query: string): { from?: string; until?: string } {
  const given = new URLSearchParams(query)
  const odd = [...given.keys()].find((key) => key !== 'from' && key !== 'to')
  if (odd !== undefined) throw new UsageError(`the input asks for "${odd}"; expected endpoint:NAME?from=TIME&to=TIME`)
  const [from, until] = ['from', 'to']
    .map((key) => given.get(key))
    .map((value, i) => {
      if (value === null || value === undefined) return undefined
      if (Number.isNaN(Date.parse(value)))
        throw new UsageError(
          `the input's ${i === 0 ? 'from' : 'to'} is "${value}"; expected a time like 2026-01-31T00:00:00Z`,
        )
      return new Date(value).toISOString()
    })
  return { ...(from !== undefined && { from }), ...(until !== undefined && { until }) }
}

/** What was answered in a time, newest event time first. */
async function* loggedRows(
  client: Client,
  name: string,
  time: { from?: string; until?: string },
): AsyncGenerator<Logged> {
  let page_token: string | undefined
  do {
    const query = { limit: 1000, failed: 'false' as const, ...time, ...(page_token !== undefined && { page_token }) }
    const page = await client.call(servingApi.listPredictions, { params: { name }, query })
    yield* page.items
    page_token = page.next_page_token
  } while (page_token !== undefined)
}

/** What confines the model: it sees nothing of the data folder in which it is laid out, or of the folder beside it. */
function isolated(place: string): Promise<Held> {
  const beside = dirname(place)
  const dataDir = basename(beside) === 'models' ? dirname(beside) : beside
  return openIsolation({ dataDir, isolation: isolationMode(undefined), writable: writableFolders() })
}
