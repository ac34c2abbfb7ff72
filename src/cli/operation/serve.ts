/** `slipway serve`: runs the control process until it is told to stop. */
import { rm, rename, writeFile } from 'node:fs/promises'
import { join, resolve as resolvePath } from 'node:path'
import { isStorageFull } from '../../store/failures.ts'
import { startApp, VERSION } from '../../app.ts'
import type { App } from '../../options.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { parseBytes } from '../../pipelines/spec/units.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { isolationMode, writableFolders } from '../invocation/isolation.ts'
import { dataDir, readServerFile } from '../invocation/server.ts'
import type { ServerFile } from '../invocation/server.ts'
import { readPair } from '../../gateway/http/tls.ts'
import type { TlsFiles } from '../../gateway/http/tls.ts'
import { clearLeftovers } from '../../store/backup/backup.ts'
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
  const gatewayTls = tlsFiles(invocation)
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
    ...(gatewayTls !== undefined && { gatewayTls }),
    noAuth,
    allowHosts: (invocation.flags['allow-host'] as readonly string[] | undefined) ?? [],
    logLevel: config('SLIPWAY_LOG_LEVEL') ?? 'warn',
    egressAllow: (config('SLIPWAY_EGRESS_ALLOW') ?? '').split(',').filter((host) => host !== ''),
    ...pagesUrl(),
    testHooks: config('SLIPWAY_TEST_HOOKS') === '1',
    isolation: isolationMode(text(invocation, 'isolation')),
    writable: writableFolders(),
    ...keepingTimes(),
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

/** Throws UsageError for what is no address. */
function pagesUrl(): { pagesUrl?: string } {
  const given = config('SLIPWAY_PAGES_URL')
  if (given === undefined) return {}
  const url = URL.parse(given)
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search + url.hash + url.username !== '')
    throw new UsageError(
      `SLIPWAY_PAGES_URL is "${given}"; expected an http or https address, for example https://slipway.example.org`,
    )
  return { pagesUrl: given.replace(/\/+$/, '') }
}

/** Certificate and key, checked before anything starts. Throws UsageError for one without the other, and when they are no pair. */
function tlsFiles(invocation: Invocation): TlsFiles | undefined {
  const cert = text(invocation, 'gateway-tls-cert') ?? config('SLIPWAY_GATEWAY_TLS_CERT')
  const key = text(invocation, 'gateway-tls-key') ?? config('SLIPWAY_GATEWAY_TLS_KEY')
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined)
    throw new UsageError('--gateway-tls-cert and --gateway-tls-key belong together; one of them is missing')
  const files = { cert: resolvePath(cert), key: resolvePath(key) }
  try {
    readPair(files)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  return files
}

/** One server a data folder, where the database lies in it. What a killed one has left is cleared. */
async function takeFolder(data: string): Promise<() => void> {
  const release = lockFolder(data)
  if (release === undefined) {
    const other = await readServerFile(data)
    const who = other === undefined ? 'is starting' : `runs at ${other.url} (process ${other.pid})`
    throw new Error(`another server ${who} on ${data}\nUse that one, stop it first, or name another folder: --data DIR`)
  }
  await rm(join(data, 'server.json'), { force: true })
  return release
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
        : 'the disk is full: reads and predictions are answered, writes are refused until there is room\n',
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

/** Times of lost runs and of the collection of blobs. Throws UsageError for what is no positive number. */
function keepingTimes(): { silentMs: number; graceMs: number } {
  return {
    silentMs: positive('SLIPWAY_LOST_AFTER_MINUTES', 30) * 60_000,
    graceMs: positive('SLIPWAY_BLOB_GRACE_HOURS', 24) * HOUR_MS,
  }
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

function positive(key: 'SLIPWAY_LOST_AFTER_MINUTES' | 'SLIPWAY_BLOB_GRACE_HOURS', otherwise: number): number {
  const value = Number(config(key) ?? otherwise)
  if (!(value > 0)) throw new UsageError(`${key} is "${config(key)}"; expected a number greater than 0`)
  return value
}
