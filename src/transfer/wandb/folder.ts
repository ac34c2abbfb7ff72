/** Folders of the wandb SDK as a source of an import: each run with its history, config, summary, system metrics and files. */
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { Client } from '../../client/client.ts'
import { Problem, problem } from '../../contract/errors.ts'
import { trackingApi } from '../../contract/tracking.ts'
import type { Part, Source } from '../send.ts'
import { wandbFiles } from './files.ts'
import { readMetadata } from './metadata.ts'
import { Names } from './names.ts'
import { timesOf, wandbRows } from './rows.ts'
import type { WandbRun } from './rows.ts'
import type { RunRecord } from './record.ts'
import { recordsOf, scanRun } from './scan.ts'
import type { RunFacts } from './scan.ts'

export interface WandbOptions {
  /** Also takes files that the folders only point to: links, and logged artifacts that lie elsewhere on this machine. */
  readonly follow: boolean
}

/** A folder of one run, or of a part of it where the run was resumed. */
interface RunFolder {
  readonly folder: string
  readonly file: string
  /** As the SDK names its file. */
  readonly id: string
}

const RUN_FOLDER = /^(?:offline-)?run-\d{8}_\d{6}-/
const RUN_FILE = /^run-(.+)\.wandb$/
const NO_PROJECT = 'uncategorized'

/**
 * Opens a run folder, or a folder that holds some, such as `wandb`, to be sent to the server of `client`: runs go to the experiment
 * that is called like their project. `not_found` where there is none.
 */
export async function wandbFolder(client: Client, dir: string, options: WandbOptions): Promise<Source> {
  const place = resolve(dir)
  const folders = await runFolders(place)
  if (folders.length === 0) {
    const there = await ifMissing(readdir(place))
    if (there === undefined) throw problem('not_found', { what: 'folder of wandb runs', id: place })
    throw problem('unprocessable', {
      detail: `${place} holds no runs of wandb, folders such as run-20260503_101500-1a2b3c4d`,
    })
  }
  const notes: string[] = []
  return { kind: 'wandb', place, notes, parts: () => partsOf(client, folders, { ...options, notes }) }
}

async function runFolders(place: string): Promise<RunFolder[]> {
  const own = await runFolder(place)
  if (own !== undefined) return [own]
  const entries = (await ifMissing(readdir(place, { withFileTypes: true }))) ?? []
  const found: RunFolder[] = []
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const one = RUN_FOLDER.test(entry.name)
      ? await runFolder(join(place, entry.name))
      : entry.name === 'wandb'
        ? await runFolders(join(place, entry.name))
        : []
    found.push(...[one ?? []].flat())
  }
  // by the times in their names, so that the parts of a resumed run come in order
  return found.sort((left, right) => (begun(left) < begun(right) ? -1 : 1))
}

/** The time in a folder's name, whether the run was offline or not, then its place. */
function begun({ folder }: RunFolder): string {
  return `${basename(folder).replace(/^offline-/, '')} ${folder}`
}

async function runFolder(folder: string): Promise<RunFolder | undefined> {
  const names = (await ifMissing(readdir(folder))) ?? []
  const name = names.find((one) => RUN_FILE.test(one))
  return name === undefined ? undefined : { folder, file: join(folder, name), id: RUN_FILE.exec(name)?.[1] ?? '' }
}

interface Reading extends WandbOptions {
  readonly notes: string[]
}

async function* partsOf(client: Client, folders: readonly RunFolder[], reading: Reading): AsyncGenerator<Part> {
  const experiments = new Map<string, string>()
  for (const some of (await byRun(folders)).values()) {
    const facts = await scan(some, reading.notes)
    if (facts === undefined) continue
    const project = facts.run.project ?? NO_PROJECT
    let experiment_id = experiments.get(project)
    if (experiment_id === undefined) {
      const known = await experimentNamed(client, project)
      experiment_id = known ?? ownExperimentId(project)
      experiments.set(project, experiment_id)
      if (known === undefined) yield experimentPart(project, experiment_id, timesOf(facts)[0])
    }
    yield runPart(some, { facts, experiment_id }, reading)
  }
}

/** The folders of each run, by what the run record says, else by the name of the file. */
async function byRun(folders: readonly RunFolder[]): Promise<Map<string, RunFolder[]>> {
  const runs = new Map<string, RunFolder[]>()
  for (const folder of folders) {
    const { entity, project, id } = { id: folder.id, ...(await firstRunRecord(folder.file)) }
    const key = JSON.stringify([entity, project, id])
    runs.set(key, [...(runs.get(key) ?? []), folder])
  }
  return runs
}

/** Undefined for a file without one, or that the SDK did not write, which the scan tells of. */
async function firstRunRecord(file: string): Promise<RunRecord | undefined> {
  try {
    for await (const record of recordsOf([file])) if (record.kind === 'run') return record
  } catch (error) {
    if (!(error instanceof Problem)) throw error
  }
  return undefined
}

async function experimentNamed(client: Client, name: string): Promise<string | undefined> {
  let page_token: string | undefined
  do {
    const query = { view: 'all' as const, limit: 1000, ...(page_token !== undefined && { page_token }) }
    const page = await client.call(trackingApi.listExperiments, { query })
    const found = page.items.find((one) => one.name === name && one.project === 'default')
    if (found !== undefined) return found.id
    page_token = page.next_page_token
  } while (page_token !== undefined)
  return undefined
}

/** What one run's files come to; undefined, and told, where none of them can be read. */
async function scan(folders: readonly RunFolder[], notes: string[]): Promise<RunFacts | undefined> {
  try {
    const facts = await scanRun(folders.map(({ file }) => file))
    notes.push(...facts.damage)
    for (const { folder } of folders) facts.environment = { ...(await readMetadata(folder)), ...facts.environment }
    return facts
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    notes.push(`${folders.map(({ folder }) => basename(folder)).join(', ')} left out: ${error.message}`)
    return undefined
  }
}

function experimentPart(name: string, experiment_id: string, time: number): Part {
  const row = {
    experiment_id,
    project: 'default',
    name,
    artifact_location: `mlflow-artifacts:/${experiment_id}`,
    lifecycle_stage: 'active',
    creation_time: time,
    last_update_time: time,
  }
  const rows: Part['rows'] = async function* () {
    yield ['experiments', [row]]
  }
  return { name: `experiment ${experiment_id}`, files: () => [], rows }
}

function runPart(
  folders: readonly RunFolder[],
  { facts, experiment_id }: { readonly facts: RunFacts; readonly experiment_id: string },
  { follow, notes }: Reading,
): Part {
  const wandb_id = facts.run.id ?? folders[0]?.id ?? ''
  const names = new Names()
  const run: WandbRun = {
    files: folders.map(({ file }) => file),
    facts,
    wandb_id,
    run_id: runId([facts.run.entity ?? '', facts.run.project ?? '', wandb_id]),
    experiment_id,
    names,
  }
  const noted = (what: string): void => void notes.push(`run ${wandb_id}: ${what}`)
  const rows: Part['rows'] = async function* () {
    yield* wandbRows(run)
    for (const [from, to] of names.changed())
      noted(`"${from}" is called "${to}" here, since MLflow allows no such name`)
    if (facts.farSteps > 0) noted(farSteps(facts.farSteps))
    if (facts.exit === undefined) noted('its record ends before the run did, so it counts as failed')
  }
  return {
    name: `run ${run.run_id}`,
    files: () =>
      wandbFiles(
        run,
        folders.map(({ folder }) => folder),
        { follow, noted },
      ),
    rows,
  }
}

function farSteps(count: number): string {
  return `${count} of its steps lie beyond ${Number.MAX_SAFE_INTEGER}, which no metric holds here; their values are in wandb/history.jsonl`
}

/** An id of 32 hex digits that is the same in each import. Wandb's own is unique within its project alone, and may be any text. */
function runId(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

/** An id of 18 digits, as MLflow makes them. */
function ownExperimentId(name: string): string {
  const hash = createHash('sha256').update(`wandb ${name}`).digest()
  return String(10n ** 17n + (hash.readBigUInt64BE(0) % (9n * 10n ** 17n)))
}
