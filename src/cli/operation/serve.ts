/** `slipway serve`: runs the control process until it is told to stop. */
import { lstat, rm, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isStorageFull } from '../../store/failures.ts'
import { startApp, VERSION } from '../../app.ts'
import type { App, AppOptions } from '../../options.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { parseBytes } from '../../pipelines/spec/values/units.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { readKeys } from '../invocation/keys.ts'
import { isolationMode, sourceFolders, writableFolders } from '../invocation/isolation.ts'
import { kubernetesSettings } from '../invocation/kubernetes.ts'
import { slurmSettings } from '../invocation/slurm.ts'
import { dataDir } from '../invocation/server.ts'
import { readServerFileIfAny } from '../invocation/server-file.ts'
import type { ServerFile } from '../invocation/server-file.ts'
import { clearLeftovers } from '../../store/backup/leftovers.ts'
import { lockFolder } from '../../store/folder-lock.ts'
import { closeFolder, keepToOwner, toldClosing } from '../../store/owner-only.ts'
import { paint } from '../invocation/output.ts'

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1'])

export async function run(invocation: Invocation): Promise<number> {
  const data = dataDir(invocation)
  const host = text(invocation, 'host') ?? '127.0.0.1'
  const noAuth = invocation.flags['no-auth'] === true
  if (noAuth && !LOOPBACK.has(host)) {
    throw new UsageError(`--no-auth makes everyone admin and is refused on ${host}; it is for loopback addresses only`)
  }
  const keys = await readKeys(invocation)
  const databaseUrl = config('SLIPWAY_DATABASE_URL')
  const blobsUrl = config('SLIPWAY_BLOBS')
  keepToOwner()
  for (const place of closeFolder(data)) process.stderr.write(`${toldClosing(place)}\n`)
  const release = databaseUrl === undefined ? await takeFolder(data) : nothing
  for (const left of await clearLeftovers(data))
    process.stderr.write(`${left} was left by a killed command; it is removed\n`)
  // asked to end while it starts, it starts to the end first: only then it knows what to end
  const ended = untilSignal()
  const gatewayPort = number(invocation, 'gateway-port', { min: 0, max: 65_535, default: 4601 })
  let file: ServerFile | undefined
  let announcing: NodeJS.Timeout | undefined
  const app = await startApp({
    async announced(at) {
      file = { ...at, pid: process.pid, version: VERSION }
      announcing = await announce(file, data)
    },
    dataDir: data,
    host,
    port: number(invocation, 'port', { min: 0, max: 65_535, default: 4600 }),
    gatewayPort,
    // beside a free port of predictions any free port will do, so that several servers never meet
    grpcPort: number(invocation, 'grpc-port', { min: 0, max: 65_535, default: gatewayPort === 0 ? 0 : 4602 }),
    gateways: number(invocation, 'gateways', { min: 0, max: 64, default: 1 }),
    ...keys,
    noAuth,
    ...clusters(),
    ...notice(),
    allowHosts: [...((invocation.flags['allow-host'] as readonly string[] | undefined) ?? []), ...nodeHost()],
    logLevel: config('SLIPWAY_LOG_LEVEL') ?? 'warn',
    egressAllow: (config('SLIPWAY_EGRESS_ALLOW') ?? '').split(',').filter((host) => host !== ''),
    ...pagesUrl(),
    testHooks: config('SLIPWAY_TEST_HOOKS') === '1',
    isolation: isolationMode(text(invocation, 'isolation')),
    writable: writableFolders(),
    sourceFolders: sourceFolders(),
    ...keepingTimes(),
    callAges: callAges(),
    ...stepSizes(),
    ...(databaseUrl !== undefined && { databaseUrl }),
    ...(blobsUrl !== undefined && { blobsUrl }),
  })
  if (file === undefined) throw new Error('the server did not say where it is')
  report(invocation, app, file, noAuth)
  await ended
  clearInterval(announcing)
  await rm(join(data, 'server.json'), { force: true })
  await app.stop()
  release()
  return 0
}

function pagesUrl(): { pagesUrl?: string } {
  const given = address('SLIPWAY_PAGES_URL', 'https://slipway.example.org')
  return given === undefined ? {} : { pagesUrl: given }
}

/** The clusters on which steps may run, and where their machines reach this server. */
function clusters(): Pick<AppOptions, 'ray' | 'kubernetes' | 'slurm' | 'nodeUrl'> {
  const [ray, nodeUrl] = [address('SLIPWAY_RAY_URL', 'http://ray-head:8265'), nodeAddress()]
  const kubernetes = kubernetesSettings()
  const slurm = slurmSettings(address('SLIPWAY_SLURM_URL', 'http://slurm:6820'))
  return {
    ...(ray !== undefined && { ray: { url: ray, token: config('SLIPWAY_RAY_TOKEN') } }),
    ...(kubernetes !== undefined && { kubernetes }),
    ...(slurm !== undefined && { slurm }),
    ...(nodeUrl !== undefined && { nodeUrl }),
  }
}

/** What tells steps that their machine is taken away. Throws UsageError for what is none of the forms. */
function notice(): { notice?: string } {
  const given = config('SLIPWAY_PREEMPTION_NOTICE')
  if (given === undefined) return {}
  if (!/^(file:\/.+|(ec2|gce|azure)(=http:\/\/.+)?)$/.test(given))
    throw new UsageError(`SLIPWAY_PREEMPTION_NOTICE is "${given}"; expected ec2, gce, azure, or file:/PATH`)
  return { notice: given }
}

function nodeAddress(): string | undefined {
  return address('SLIPWAY_NODE_URL', 'http://slipway.internal:4600')
}

/** The name by which machines of a cluster ask for this server. */
function nodeHost(): string[] {
  const given = nodeAddress()
  return given === undefined ? [] : [new URL(given).hostname]
}

/** An address without the slash at its end. Throws UsageError for what is none. */
function address(key: Parameters<typeof config>[0], example: string): string | undefined {
  const given = config(key)
  if (given === undefined) return undefined
  const url = URL.parse(given)
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search + url.hash + url.username !== '')
    throw new UsageError(`${key} is "${given}"; expected an http or https address, for example ${example}`)
  return given.replace(/\/+$/, '')
}

/** One server a data folder, where the database lies in it. What a killed one has left is cleared. */
async function takeFolder(data: string): Promise<() => void> {
  const release = lockFolder(data)
  if (release === undefined) {
    const other = await readServerFileIfAny(data)
    const who = other === undefined ? 'is starting' : `runs at ${other.url} (process ${other.pid})`
    throw new Error(`another server ${who} on ${data}\nUse that one, stop it first, or name another folder: --data DIR`)
  }
  await removeServerFile(data)
  return release
}

/** Takes away what a killed server left. Throws where the place is taken by a folder, which no server made. */
async function removeServerFile(data: string): Promise<void> {
  const path = join(data, 'server.json')
  const found = await ifMissing(lstat(path))
  if (found?.isDirectory() === true)
    throw new Error(`${path} is a folder, where the server writes a file of that name; move it away`)
  await rm(path, { force: true })
}

function nothing(): void {
  // several servers may share a database elsewhere
}

/** Pause before a `server.json` that did not fit on the disk is written again, ms. */
const AGAIN_MS = 2000

/** Writes `server.json`. On a full disk the server answers all the same, and the file comes when there is room; returns the timer of that. */
async function announce(file: ServerFile, data: string): Promise<NodeJS.Timeout | undefined> {
  if (await writeServerFile(file, data)) return undefined
  process.stderr.write(
    `the disk of ${data} is full: commands find this server by SLIPWAY_URL=${file.url} until there is room\n`,
  )
  const again = async (): Promise<void> => {
    try {
      if (await writeServerFile(file, data)) clearInterval(timer)
    } catch (error) {
      process.stderr.write(`${data}/server.json cannot be written: ${(error as Error).message}\n`)
    }
  }
  const timer = setInterval(() => void again(), AGAIN_MS)
  return timer.unref()
}

/** Writes it whole or not at all: readers never see half of it. False when the disk is full. */
async function writeServerFile(file: ServerFile, data: string): Promise<boolean> {
  const path = join(data, 'server.json')
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(file)}\n`)
    await rename(`${path}.new`, path)
    return true
  } catch (error) {
    await rm(`${path}.new`, { force: true })
    if (isStorageFull(error)) return false
    throw error
  }
}

function report(invocation: Invocation, app: App, file: ServerFile, noAuth: boolean): void {
  if (invocation.out.json)
    process.stdout.write(`${JSON.stringify({ ready: true, ...file, login_url: app.loginUrl })}\n`)
  invocation.out.line(`Slipway ${VERSION} is ready on ${app.url}, predictions on ${app.gatewayUrl}`)
  if (app.loginUrl !== null) invocation.out.line(`Open the web UI once: ${app.loginUrl}`)
  else
    process.stderr.write(
      app.damaged
        ? 'the database is damaged: reads of what is sound and predictions are answered, writes are refused; restore the newest backup: slipway restore\n'
        : 'the disk is full, or the database cannot be read: what is sound and predictions are answered, writes are refused; slipway doctor says why\n',
    )
  if (noAuth)
    process.stderr.write(`${paint('red', 'WARNING:')} --no-auth: everyone on this machine is admin of this server\n`)
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve()
    process.once('SIGTERM', done)
    process.once('SIGINT', done)
  })
}

/** Times of lost runs, of machines that are away and of the collection of blobs. Throws UsageError for what is no positive number. */
function keepingTimes(): { silentMs: number; graceMs: number; awayMs: number } {
  return {
    silentMs: positive('SLIPWAY_LOST_AFTER_MINUTES', 30) * 60_000,
    awayMs: positive('SLIPWAY_MACHINE_AWAY_MINUTES', 15) * 60_000,
    graceMs: positive('SLIPWAY_BLOB_GRACE_HOURS', 24) * HOUR_MS,
  }
}

/** How long calls of language models are kept. Throws UsageError for what is no positive number. */
function callAges(): NonNullable<AppOptions['callAges']> {
  const [calls, content] = (['SLIPWAY_LLM_CALLS_DAYS', 'SLIPWAY_LLM_CONTENT_DAYS'] as const).map((key) =>
    config(key) === undefined ? undefined : positive(key, 1) * DAY_MS,
  )
  return { ...(calls !== undefined && { calls }), ...(content !== undefined && { content }) }
}

/** What a step, and all that run, may take. Throws UsageError for what is no size and no number of cores. */
function stepSizes(): { stepMemory?: number; stepMemoryTotal?: number; stepCpusTotal?: number } {
  const [memory, total] = [size('SLIPWAY_STEP_MEMORY'), size('SLIPWAY_STEP_MEMORY_TOTAL')]
  const cpus = config('SLIPWAY_STEP_CPUS_TOTAL')
  if (cpus !== undefined && !/^[1-9]\d{0,4}$/.test(cpus))
    throw new UsageError(`SLIPWAY_STEP_CPUS_TOTAL is "${cpus}"; expected a whole number of cores, for example 8`)
  return {
    ...(memory !== undefined && { stepMemory: memory }),
    ...(total !== undefined && { stepMemoryTotal: total }),
    ...(cpus !== undefined && { stepCpusTotal: Number(cpus) }),
  }
}

function size(key: 'SLIPWAY_STEP_MEMORY' | 'SLIPWAY_STEP_MEMORY_TOTAL'): number | undefined {
  const value = config(key)
  if (value === undefined) return undefined
  const bytes = parseBytes(value)
  if (bytes === undefined) throw new UsageError(`${key} is "${value}"; expected a size, for example 4Gi`)
  return bytes
}

type Positive =
  | 'SLIPWAY_LOST_AFTER_MINUTES'
  | 'SLIPWAY_MACHINE_AWAY_MINUTES'
  | 'SLIPWAY_BLOB_GRACE_HOURS'
  | 'SLIPWAY_LLM_CALLS_DAYS'
  | 'SLIPWAY_LLM_CONTENT_DAYS'

function positive(key: Positive, otherwise: number): number {
  const value = Number(config(key) ?? otherwise)
  if (!(value > 0)) throw new UsageError(`${key} is "${config(key)}"; expected a number greater than 0`)
  return value
}
