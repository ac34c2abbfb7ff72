/** `slipway doctor`: looks for what commonly goes wrong on a machine, and says the remedy. */
import { execFile } from 'node:child_process'
import { access, constants, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { CallError, createClient } from '../../client/client.ts'
import type { Client } from '../../client/client.ts'
import { ifRefused } from '../../contract/absence/absent.ts'
import { endpointViewApi } from '../../contract/endpoint-view.ts'
import { authApi } from '../../contract/auth.ts'
import { imagesApi } from '../../contract/images/images.ts'
import { llmStateApi } from '../../contract/llm/state.ts'
import { partTitle, stateLines } from '../../contract/llm/state-words.ts'
import { monitoringApi } from '../../contract/monitoring.ts'
import { lineApi } from '../../contract/pipelines/line.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { triggersApi } from '../../contract/pipelines/triggers.ts'
import { LONG_WAIT_MS } from '../../contract/runs/waits.ts'
import { servingApi } from '../../contract/serving.ts'
import { storageApi, systemApi } from '../../contract/system.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import type { Connection } from '../invocation/server.ts'
import { connectTo, dataDir, givenAddress, isServerOf, tokenFileOf } from '../invocation/server.ts'
import { OddServerFile, readServerFile } from '../invocation/server-file.ts'
import type { ServerFile } from '../invocation/server-file.ts'
import { octal, openPlaces } from '../../store/owner-only.ts'
import { paint } from '../invocation/output.ts'

interface Finding {
  readonly what: string
  readonly ok: boolean
  /** Nothing is broken, and it should be known all the same. */
  readonly warn?: true
  readonly detail: string
}

const call = promisify(execFile)
const MIN_FREE = 2 * 1024 ** 3
/** Corrupt files that are named. */
const MOST_NAMED = 5
/** Steps that wait for longer while none runs wait for nothing, s. */
const LONGEST_WAIT_S = 60

export async function run(invocation: Invocation): Promise<number> {
  const place = await placeOf(invocation)
  const looked = await Promise.all([
    node(),
    python(),
    disk(place),
    folder(place),
    server(place),
    ownToken(place),
    endpoints(place),
    monitors(place),
    steps(place),
    triggers(place),
    storage(place),
    audit(place),
    webhooks(place),
    images(place),
    isolation(place),
    languageModels(place),
  ])
  const findings = looked.flat()
  invocation.out.data(findings)
  for (const finding of findings) {
    const good = finding.warn === true ? paint('yellow', 'warn') : paint('green', 'ok  ')
    const mark = finding.ok ? good : paint('red', 'FAIL')
    invocation.out.line(`${mark} ${finding.what}: ${finding.detail}`)
  }
  return findings.every((finding) => finding.ok) ? 0 : 1
}

/** What is looked at: a data folder of this machine, or a server somewhere else, whose folder and machine cannot be seen from here. */
interface Place {
  readonly data: string
  /** Of the server; undefined where none runs in the folder. */
  readonly url: string | undefined
  /** What is wrong with `server.json` of the folder. */
  readonly odd: string | undefined
  readonly tokenFile: string
  readonly isElsewhere: boolean
  /** Asks it, with the token of the environment or of the folder; throws where neither may be sent. */
  readonly connect: () => Promise<Connection>
}

/** The server is that of the flag or of the environment, as for every command; else the one that runs in the folder. */
async function placeOf(invocation: Invocation): Promise<Place> {
  const data = dataDir(invocation)
  const { found, odd } = await serverFile(data)
  const given = givenAddress(invocation)
  const url = given ?? found?.url
  const isElsewhere = given !== undefined && (found === undefined || !isServerOf(given, found))
  const connect = (): Promise<Connection> => connectTo({ url: url ?? '', data, found, isGiven: given !== undefined })
  return { data, url, odd, tokenFile: await tokenFileOf(data, found), isElsewhere, connect }
}

async function serverFile(data: string): Promise<{ found?: ServerFile | undefined; odd?: string }> {
  try {
    return { found: await readServerFile(data) }
  } catch (error) {
    if (error instanceof OddServerFile) return { odd: messageOf(error) }
    throw error
  }
}

async function node(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 24 || (major === 24 && minor >= 12)
  return {
    what: 'Node',
    ok,
    detail: ok ? process.version : `${process.version}; needs 24.12 or newer: start by ./slipway, which brings it`,
  }
}

async function python(): Promise<Finding> {
  const name = config('SLIPWAY_PYTHON') ?? 'python3'
  try {
    const { stdout } = await call(name, ['-c', 'import sys, venv; print("%d.%d.%d" % sys.version_info[:3])'])
    const [major = 0, minor = 0] = stdout.trim().split('.').map(Number)
    const ok = major === 3 && minor >= 10
    return {
      what: 'Python',
      ok,
      detail: ok ? stdout.trim() : `${stdout.trim()}; needs 3.10 or newer: set SLIPWAY_PYTHON`,
    }
  } catch {
    return {
      what: 'Python',
      ok: false,
      detail: `${name} with venv was not found; install Python 3.10 or newer with venv, or set SLIPWAY_PYTHON`,
    }
  }
}

/** How much is free where the data lie; of a server elsewhere that is what it tells. */
async function disk(place: Place): Promise<Finding> {
  const { data, url, isElsewhere } = place
  if (isElsewhere)
    return asked(place, 'Disk', async (client) => {
      const { disk: told } = await client.call(storageApi.state)
      const free = `${gib(told.free_bytes)} GiB free in the data folder of ${url}`
      return { ok: !told.low, detail: told.low ? `${free}; free at least ${gib(told.least_bytes)} GiB` : free }
    })
  const folder = await nearest(data)
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!writable) return { what: 'Disk', ok: false, detail: `${folder} cannot be written; choose another with --data` }
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const ok = free >= MIN_FREE
  return {
    what: 'Disk',
    ok,
    detail: `${(free / 1024 ** 3).toFixed(1)} GiB free in ${folder}${ok ? '' : '; free at least 2 GiB'}`,
  }
}

/** Whether the data folder and its secrets are its owner's alone. */
async function folder({ data, url, isElsewhere }: Place): Promise<Finding> {
  if (isElsewhere) {
    const detail = `that of ${url} cannot be seen from here; run slipway doctor on its machine`
    return { what: 'Folder', ok: true, warn: true, detail }
  }
  const open = openPlaces(data).map(({ path, mode, wanted }) => `${path} is ${octal(mode)}: chmod ${octal(wanted)} it`)
  if (open.length === 0) return { what: 'Folder', ok: true, detail: `${data} is its owner's alone` }
  return { what: 'Folder', ok: false, detail: `other users of this machine reach secrets: ${open.join('; ')}` }
}

/** The folder, or the one above it in which it will be made. */
async function nearest(folder: string): Promise<string> {
  const exists = await access(folder).then(
    () => true,
    () => false,
  )
  return exists || dirname(folder) === folder ? folder : nearest(dirname(folder))
}

async function server({ data, url, odd, isElsewhere, connect }: Place): Promise<Finding> {
  if (odd !== undefined) return { what: 'Server', ok: false, detail: odd }
  if (url === undefined) return { what: 'Server', ok: true, detail: `none runs in ${data}` }
  try {
    // what says that all is well might be another program
    if (!isElsewhere) await (await connect()).prove()
    const health = await createClient({ url, checked: true }).call(systemApi.live)
    const why = health.corrupt.database ? 'its database is damaged' : 'is the disk full, or the database out of reach?'
    if (!health.writable) return { what: 'Server', ok: false, detail: `${url} refuses writes: ${why}` }
    if (health.room === 'enough') return { what: 'Server', ok: true, detail: `${url} answers` }
    const where = isElsewhere ? 'its data folder' : data
    const detail = `${url} answers, and its disk is almost full: large writes are refused; free space in ${where}`
    return { what: 'Server', ok: false, detail }
  } catch (error) {
    const gone = isElsewhere
      ? `${url} does not answer; is the address right, and does it run?`
      : `${url} does not answer although server.json names it; start it again: slipway serve --data ${data}`
    return { what: 'Server', ok: false, detail: isUnanswered(error) ? gone : `${url}: ${messageOf(error)}` }
  }
}

/** True when nobody answered: what was asked about is then neither right nor wrong. */
function isUnanswered(error: unknown): boolean {
  return error instanceof CallError && error.status === 0
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', '; ')
}

async function ownToken(place: Place): Promise<Finding> {
  const what = 'Token'
  const { url, odd, tokenFile: file, isElsewhere } = place
  if (url === undefined && odd !== undefined) return { what, ok: false, detail: 'server.json is to say which it is' }
  if (url === undefined) return { what, ok: true, detail: 'made at the first start' }
  const given = config('SLIPWAY_TOKEN')
  const from = given === undefined ? file : 'SLIPWAY_TOKEN'
  try {
    const connection = await place.connect()
    if (connection.withheld !== undefined) return { what, ok: false, detail: connection.withheld }
    if (given !== undefined || isElsewhere) return await judgedToken(connection, from)
    const holds = connection.token.startsWith('slw_')
    return { what, ok: holds, detail: holds ? file : `${file} holds no token` }
  } catch (error) {
    return { what, ok: false, detail: messageOf(error) }
  }
}

/** A token that only the server can judge: while that does not answer, nothing is said against the token. */
async function judgedToken({ client }: Connection, from: string): Promise<Finding> {
  const what = 'Token'
  try {
    const who = await client.call(authApi.whoami)
    return { what, ok: true, detail: `${from}, of ${who.name} (${who.role})` }
  } catch (error) {
    const refused = error instanceof CallError && error.status === 401
    return {
      what,
      ok: false,
      detail: `${from} ${refused ? 'does not hold' : 'could not be tried'}: ${messageOf(error)}`,
    }
  }
}

/** What a running server is asked, with the token of the environment or of the folder. */
async function asked(
  { url, connect }: Place,
  what: string,
  ask: (client: Client) => Promise<Omit<Finding, 'what'>>,
): Promise<Finding> {
  if (url === undefined) return { what, ok: true, detail: 'looked at while a server runs' }
  try {
    return { what, ...(await ask((await connect()).client)) }
  } catch (error) {
    return { what, ok: false, detail: `could not be asked for: ${messageOf(error)}` }
  }
}

/** Whether every version that an endpoint names answers; one without a version answers nobody, and may just be made. */
function endpoints(place: Place): Promise<Finding> {
  return asked(place, 'Endpoints', async (client) => {
    const { items } = await client.call(servingApi.listEndpoints)
    const faults = items.flatMap(({ name, variants }) =>
      variants.flatMap(({ version, fault }) => (fault === null ? [] : [`${name} version ${version}: ${fault}`])),
    )
    if (faults.length > 0) return { ok: false, detail: `these do not answer: ${faults.join('; ')}` }
    if (items.length === 0) return { ok: true, detail: 'none yet' }
    const empty = items
      .filter(({ variants }) => !variants.some(({ role }) => role === 'stable'))
      .map(({ name }) => name)
    const answering = `${items.length - empty.length} answer`
    return { ok: true, detail: empty.length === 0 ? answering : `${answering}; without a version: ${empty.join(', ')}` }
  })
}

/** Whether every endpoint is watched; one whose monitor a person switched off is told and no fault. */
function monitors(place: Place): Promise<Finding> {
  return asked(place, 'Monitors', async (client) => {
    const { items } = await client.call(endpointViewApi.listWatched)
    const out = items.filter(({ watched }) => watched.state === 'unwatched')
    const told = out.map(({ endpoint, watched: { detail, since, remedy } }) => {
      return `${endpoint} is not watched${since === null ? '' : ` since ${since}`}: ${detail}${remedy === null ? '' : `; ${remedy}`}`
    })
    const counts = [
      `${items.filter(({ watched }) => watched.state === 'watched').length} of ${items.length} endpoints are watched`,
      ...items.flatMap(({ endpoint, watched }) =>
        watched.state === 'waiting' ? [`${endpoint}: ${watched.detail}`] : [],
      ),
    ]
    const ok = out.every(({ watched }) => watched.reason === 'off')
    return { ok, detail: items.length === 0 ? 'no endpoints yet' : [...told, ...counts].join('; ') }
  })
}

/** Whether other people's code is kept from what is the server's. */
function isolation(place: Place): Promise<Finding> {
  return asked(place, 'Isolation', async (client) => {
    const { isolation: found } = await client.call(systemApi.info)
    const by = found.layers.length === 0 ? 'by nothing' : `by ${found.layers.join(' and ')}`
    const held = found.held.length === 0 ? '' : `; tried, they cannot ${found.held.join('; cannot ')}`
    const confined = `steps, models and builds are confined ${by}`
    if (found.open.length === 0) return { ok: true, detail: `${confined}${held}` }
    const advice = 'give the contributor role as you would give a shell'
    return { ok: true, warn: true, detail: `${confined}: ${found.open.join('; ')} (${found.detail})${held}; ${advice}` }
  })
}

/** Whether what stands in environments might still come there. */
function images(place: Place): Promise<Finding> {
  return asked(place, 'Images', async (client) => {
    const { items, faults } = await client.call(imagesApi.listEnvironments)
    if (items.length === 0) return { ok: true, detail: 'no environments yet' }
    if (faults.length === 0)
      return { ok: true, detail: `what stands in ${items.map(({ name }) => name).join(', ')} would be let in now` }
    const told = faults.map(
      ({ environment, model, version, refusal }) => `${model}/${version} in ${environment}: ${refusal}`,
    )
    const remedy = 'slipway image promote MODEL --to ENVIRONMENT brings one that holds, --back the one before'
    return { ok: false, detail: `these stand and would be refused now: ${told.join('; ')}; ${remedy}` }
  })
}

/** Whether steps of pipelines move: some may wait for a place, but not for long while none runs. */
function steps(place: Place): Promise<Finding> {
  return asked(place, 'Steps', async (client) => {
    const queue = await client.call(pipelinesApi.stepQueue)
    const { running: active, waiting, cpus, memory_bytes: memory } = queue
    const oldest = (queue.oldest_wait_ms ?? 0) / 1000
    const line = `${active} running, ${waiting} waiting${waiting === 0 ? '' : `, the oldest for ${Math.round(oldest)} s`}`
    const places = `${cpus.taken} of ${cpus.total} cores and ${gib(memory.taken)} of ${gib(memory.total)} GiB taken`
    const clusters = queue.clusters.map(({ name, detail: said }) => `; ${name}: ${said}`).join('')
    const detail = `${line}; ${places}; ${queue.failed_last_day} failed in 24 hours${clusters}`
    if (queue.clusters.some(({ ok }) => !ok)) return { ok: false, detail }
    if (active > 0 || oldest <= LONGEST_WAIT_S) {
      const late = (queue.oldest_wait_ms ?? 0) > LONG_WAIT_MS ? [await longestWait(client)] : []
      const odd = [...late, ...(queue.slow_starts === null ? [] : [queue.slow_starts])]
      if (odd.length === 0) return { ok: true, detail }
      return { ok: true, warn: true, detail: [detail, ...odd].join('; ') }
    }
    return { ok: false, detail: `${detail}, and nothing moves them: the log of the server says why` }
  })
}

/** The step that has waited longest, and what is in its way. */
async function longestWait(client: Client): Promise<string> {
  const { items } = await client.call(lineApi.waitingSteps, { query: { limit: 500 } })
  const [first] = items.toSorted((a, b) => b.waited_ms - a.waited_ms)
  // it may have begun meanwhile, or stand far behind
  if (first === undefined) return 'a step waits too long: slipway queue says why'
  const { step, run, waited_ms, why } = first
  return `step ${step} of run ${run} has waited ${Math.round(waited_ms / 60_000)} min: ${why}`
}

/** Whether what starts pipelines can look at what it watches. */
function triggers(place: Place): Promise<Finding> {
  return asked(place, 'Triggers', async (client) => {
    const { items } = await client.call(triggersApi.listTriggers, { query: {} })
    if (items.length === 0) return { ok: true, detail: 'none yet' }
    const blind = items.filter(({ state }) => state === 'blind')
    const held = items.filter(({ state }) => state === 'held').map(({ project, name }) => `${project}/${name}`)
    const more = held.length === 0 ? '' : `; at their limit of runs within an hour: ${held.join(', ')}`
    if (blind.length === 0) return { ok: true, detail: `${items.length} can look or be called${more}` }
    const told = blind.map(({ project, name, trouble }) => `${project}/${name}: ${trouble ?? ''}`)
    return { ok: false, detail: `these start nothing: ${told.join('; ')}${more}` }
  })
}

/** What of the loops of language models is wrong or off, a line each; none where all is well. */
async function languageModels(place: Place): Promise<Finding[]> {
  const found: Finding[] = []
  const asking = await asked(place, 'Language models', async (client) => {
    for (const { part, level, text } of stateLines(await client.call(llmStateApi.llmState)))
      if (level !== 'ok')
        found.push({
          what: `LLM ${partTitle(part)}`,
          ok: level !== 'wrong',
          ...(level !== 'wrong' && { warn: true as const }),
          detail: text,
        })
    return { ok: true, detail: '' }
  })
  return asking.ok ? found : [asking]
}

/** Whether the database and the files are what was written. */
function storage(place: Place): Promise<Finding> {
  return asked(place, 'Storage', async (client) => {
    const { database, blobs } = await client.call(storageApi.state)
    const files = (wanted: string): string => {
      const named = blobs.corrupt.filter(({ fault }) => fault === wanted).slice(0, MOST_NAMED)
      return named.map(({ digest }) => digest).join(', ')
    }
    const damaged = blobs.corrupt_count - blobs.missing_count
    const faults = [
      ...(database.state === 'corrupt' ? [`the database is damaged: ${database.detail}; ${database.remedy}`] : []),
      ...(damaged > 0 ? [`${damaged} files are not what was stored: ${files('corrupt')}`] : []),
      ...(blobs.missing_count > 0 ? [`${blobs.missing_count} files are missing: ${files('missing')}`] : []),
    ]
    const again = blobs.corrupt_count > 0 ? '; restore them from a backup' : ''
    if (faults.length > 0) return { ok: false, detail: `${faults.join('; ')}${again}` }
    const looked =
      blobs.looked_at === null ? 'files are looked at each night' : `files were looked at ${blobs.looked_at}`
    return { ok: true, detail: `database: ${database.detail}; ${looked}` }
  })
}

/** Whether the audit chain is what its checkpoints have signed; only who may read it is told. */
function audit(place: Place): Promise<Finding> {
  return asked(place, 'Audit', async (client) => {
    const verdict = await ifRefused(client.call(authApi.verifyAudit), 'forbidden')
    if (verdict === undefined) return { ok: true, detail: 'this token may not read it' }
    const { ok, reason, seq, rows, checkpoints } = verdict
    if (ok) return { ok, detail: `${rows} rows are whole and what ${checkpoints.count} checkpoints have signed` }
    return { ok, detail: `${seq === undefined ? '' : `row ${seq}: `}${reason}` }
  })
}

/** Rows that may hold the address of a webhook, as `/metrics` and people call them. */
const OPEN_PLACES = [
  ['endpoints', 'endpoint'],
  ['versions', 'version'],
  ['files', 'project file'],
] as const

/** Whether the webhooks that are told of incidents take messages, and their addresses lie sealed. */
function webhooks(place: Place): Promise<Finding> {
  return asked(place, 'Webhooks', async (client) => {
    const figures = await (await client.open(monitoringApi.metrics)).text()
    const states = figures.split('\n').filter((line) => line.startsWith('slipway_webhook_failing{'))
    const failing = states.filter((line) => line.endsWith(' 1')).map((line) => labelled(line))
    const dead = sum(valuesOf(figures, 'slipway_messages', 'state="dead"'))
    const unsealed = OPEN_PLACES.flatMap(([where, noun]) => {
      const count = sum(valuesOf(figures, 'slipway_unsealed_addresses', `where="${where}"`))
      return count === 0 ? [] : [`${count} ${noun}${count === 1 ? '' : 's'}`]
    })
    if (unsealed.length > 0) {
      const detail = `addresses lie unsealed in the database (${unsealed.join(', ')}); start the server again, which seals them`
      return { ok: false, detail }
    }
    const given = dead === 0 ? '' : `; ${dead} messages were given up: slipway messages ENDPOINT --state dead`
    if (failing.length > 0) {
      const detail = `these take no messages: ${failing.join(', ')}; slipway messages ENDPOINT says why${given}`
      return { ok: false, detail }
    }
    return {
      ok: true,
      detail: states.length === 0 ? 'none was to be told yet' : `${states.length} take messages${given}`,
    }
  })
}

function labelled(line: string): string {
  const [, endpoint = '', webhook = ''] = /endpoint="([^"]*)",webhook="([^"]*)"/.exec(line) ?? []
  return `${webhook} of ${endpoint}`
}

/** Values of the samples of a family whose labels hold a text, from Prometheus' text format. */
function valuesOf(figures: string, family: string, label: string): number[] {
  const samples = figures.split('\n').filter((line) => line.startsWith(`${family}{`) && line.includes(label))
  return samples.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function gib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1)
}
