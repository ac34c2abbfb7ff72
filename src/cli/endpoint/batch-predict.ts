/** `slipway batch-predict`: scores a table of rows with a version of a model, in this process, as the gateway would. */
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { Client } from '../../client/client.ts'
import { problem } from '../../contract/errors.ts'
import { servingApi } from '../../contract/serving.ts'
import type { Scoring } from '../../contract/serving.ts'
import { bringLogged, loggedSource } from '../../serving/batch/logged-source.ts'
import type { Logged } from '../../serving/batch/logged-source.ts'
import { deliver, exists, findInput, formatOf, openSource, s3Place } from '../../serving/batch/local.ts'
import type { Found, Format } from '../../serving/batch/local.ts'
import { forgetParts } from '../../serving/batch/parts.ts'
import { runBatch } from '../../serving/batch/run.ts'
import type { Batch, BatchFigures } from '../../serving/batch/run.ts'
import type { Engine } from '../../serving/batch/score.ts'
import type { Source } from '../../serving/batch/table.ts'
import { openBackend } from '../../gateway/backends/open.ts'
import { openIsolation, type Held } from '../../isolation/isolation.ts'
import { lockFolder } from '../../store/folder-lock.ts'
import { isolationMode, writableFolders } from '../invocation/isolation.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { resolveVersion } from '../registry/version-name.ts'

/** What the arguments say. */
interface Asked {
  readonly model: string
  readonly input: string
  readonly output: string
  readonly format: Format
  readonly folder: string
  readonly chunk: number
  readonly onError: 'stop' | 'skip'
  readonly restart: boolean
}

export async function run(invocation: Invocation): Promise<number> {
  const asked = readArguments(invocation)
  const { client } = await connect(invocation)
  const release = lockFolder(asked.folder)
  if (release === undefined) throw new Error(`another batch-predict is at work in ${asked.folder}`)
  try {
    if (asked.restart) await forgetParts(asked.folder)
    else await refuseReplacing(asked)
    const figures = await batch(client, asked, invocation)
    invocation.out.data({ output: asked.output, ...figures })
    const failed = figures.failed === 0 ? '' : `, ${figures.failed} of them with an error`
    const resumed = figures.resumed === 0 ? '' : ` (${figures.resumed} of ${figures.chunks} chunks were done before)`
    invocation.out.line(`${asked.output}: ${figures.rows} rows by ${figures.version}${failed}${resumed}`)
    await rm(asked.folder, { recursive: true, force: true })
    return 0
  } catch (error) {
    // nothing was brought or scored: only its lock lies there
    const left = (await ifMissing(readdir(asked.folder))) ?? []
    if (left.length <= 1) await rm(asked.folder, { recursive: true, force: true })
    throw error
  } finally {
    release()
  }
}

function readArguments(invocation: Invocation): Asked {
  const [model, input, output] = invocation.args
  if (model === undefined || input === undefined || output === undefined)
    throw new UsageError('batch-predict needs a model, an input and an output')
  const onError = text(invocation, 'on-error') ?? 'stop'
  if (onError !== 'stop' && onError !== 'skip')
    throw new UsageError(`--on-error is "${onError}"; expected stop or skip`)
  const beside = s3Place(output) === undefined ? output : basename(output)
  return {
    model,
    input,
    output,
    format: formatOf('OUTPUT', output),
    folder: resolve(text(invocation, 'work') ?? `${beside}.batch`),
    chunk: number(invocation, 'chunk', { min: 1, max: 1_000_000, default: 10_000 }),
    onError,
    restart: invocation.flags['restart'] === true,
  }
}

/** A result that is there is replaced only by the run that made it, or when that is asked for. */
async function refuseReplacing({ folder, output }: Asked): Promise<void> {
  if (existsSync(join(folder, 'manifest.json')) || !(await exists(output))) return
  await rm(folder, { recursive: true, force: true })
  throw problem('conflict', { detail: `${output} is there already; give another name, or --restart to replace it` })
}

async function batch(
  client: Client,
  asked: Asked,
  invocation: Invocation,
): Promise<BatchFigures & { readonly version: string }> {
  const { folder, format } = asked
  const version = await resolveVersion(client, asked.model)
  const { found, source } = await openInput(client, asked)
  try {
    const scoring = await client.call(servingApi.makeReady, {
      params: { name: version.model, version: version.version },
    })
    const result = s3Place(asked.output) === undefined ? `${resolve(asked.output)}.new` : join(folder, 'result')
    const job: Batch = {
      folder,
      source,
      result,
      format,
      manifest: {
        format: 'slipway.batch/1',
        input: found.identity,
        ...version,
        chunk: asked.chunk,
        on_error: asked.onError,
      },
      progress: (rows, share) => {
        if (process.stderr.isTTY) invocation.out.progress(`${rows} rows, ${Math.floor(share * 100)} %`)
      },
    }
    const figures = await withEngine(scoring, folder, (engine) => runBatch(job, engine, scoring.inputs))
    await deliver(result, asked.output)
    return { ...figures, version: `${version.model}/${version.version}` }
  } finally {
    await source.close()
  }
}

async function openInput(client: Client, { input, folder }: Asked): Promise<{ found: Found; source: Source }> {
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

/** Opens the backend when the first row needs it, and closes it at the end. */
async function withEngine<T>(
  { version, inputs, backend }: Scoring,
  folder: string,
  use: (engine: () => Promise<Engine>) => Promise<T>,
): Promise<T> {
  let opened: Engine | undefined
  const open = async (): Promise<Engine> => {
    const place = backend.kind === 'onnx' ? backend.file : backend.dir
    if (!existsSync(place))
      throw new Error(`the model's files are not here (${place}); run batch-predict on the machine of the data folder`)
    const route = { role: 'stable' as const, version, weight: 0, since: 0, inputs, backend }
    const lanes = backend.kind === 'python' ? backend.workers : 1
    const { plan } = backend.kind === 'python' ? await isolated(place) : { plan: null }
    opened = { backend: await openBackend(route, true, { logDir: folder, plan, splits: true }), inputs, lanes }
    return opened
  }
  try {
    return await use(open)
  } finally {
    await opened?.backend.close()
  }
}
