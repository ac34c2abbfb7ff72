/** The files of a wandb run: what its folder keeps, what it only points to, and what its history says that is no number. */
import type { Stats } from 'node:fs'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { plainValue } from '../../traces/spans/values.ts'
import type { SourceFile } from '../send.ts'
import type { ArtifactRecord } from './record.ts'
import { timesOf } from './rows.ts'
import type { WandbRun } from './rows.ts'
import { historyOf, recordsOf } from './scan.ts'

export interface FilesOptions {
  /** Also takes files outside the run's folder: the targets of links, and the staged files of logged artifacts. */
  readonly follow: boolean
  readonly noted: (what: string) => void
}

/** The files of a run; `folders` are those of its parts, a later one's file stands for an earlier one's of the same name. */
export async function* wandbFiles(
  run: WandbRun,
  folders: readonly string[],
  options: FilesOptions,
): AsyncGenerator<SourceFile> {
  const found = new Map<string, string>()
  for (const folder of folders) await walk(join(folder, 'files'), '', { found, ...options })
  await logged(run, { found, ...options })
  const own = { owner: `${run.experiment_id}/${run.run_id}`, updated_at: timesOf(run.facts)[1] }
  for (const [path, full] of found) yield { ...own, path, open: () => createReadStream(full) }
  if (run.facts.hasOther) yield { ...own, path: 'wandb/history.jsonl', open: () => otherHistory(run.files) }
  if (run.facts.artifacts.length === 0) return
  const told = JSON.stringify(versionsOf(run.facts.artifacts), undefined, 1)
  yield { ...own, path: 'wandb/artifacts.json', open: () => once(told) }
}

interface Walk extends FilesOptions {
  /** Full paths by the path in the run. */
  readonly found: Map<string, string>
}

async function walk(root: string, below: string, state: Walk): Promise<void> {
  const entries = (await ifMissing(readdir(join(root, below), { withFileTypes: true }))) ?? []
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    const full = join(root, path)
    if (entry.isDirectory()) await walk(root, path, state)
    else if (entry.isFile()) state.found.set(path, full)
    else if (entry.isSymbolicLink()) await takeOutside(path, full, state)
  }
}

async function takeOutside(path: string, full: string, { found, follow, noted }: Walk): Promise<void> {
  if (!follow) return noted(`${path} lies outside the run's folder and is left out; --follow takes it`)
  const target: Stats | undefined = await stat(full).catch(() => undefined)
  if (target?.isFile() === true) found.set(path, full)
  else noted(`${path} is not here any more: ${full}`)
}

/** Files of logged artifacts, which the SDK stages elsewhere on its machine: each version in a folder of its own. */
async function logged({ facts }: WandbRun, state: Walk): Promise<void> {
  for (const { name = '', version, entries } of versionsOf(facts.artifacts)) {
    for (const { path = '', local_path } of entries) {
      if (local_path === undefined) continue
      await takeOutside(`wandb/artifacts/${name}/${version}/${path}`, local_path, state)
    }
  }
}

/** The artifacts with their versions `v0`, `v1`, … of this run, in the order of their logging; the same content is the same version. */
function versionsOf(artifacts: readonly ArtifactRecord[]): (ArtifactRecord & { readonly version: string })[] {
  const contents = new Map<string, string[]>()
  return artifacts.map((one, at) => {
    const known = contents.get(one.name ?? '') ?? []
    contents.set(one.name ?? '', known)
    const content = one.digest ?? `logged as number ${at}`
    if (!known.includes(content)) known.push(content)
    return { ...one, version: `v${known.indexOf(content)}` }
  })
}

/** One line for each step that logged what no metric holds: the step, the time in seconds and those values. */
async function* otherHistory(files: readonly string[]): AsyncGenerator<Uint8Array> {
  for await (const record of recordsOf(files)) {
    if (record.kind !== 'history') continue
    const { step, time, other } = historyOf(record)
    if (other.length === 0) continue
    const values = Object.fromEntries(other.map(([name, value]) => [name, plainValue(value)]))
    // a step may have more digits than a number of JavaScript
    const rest = JSON.stringify({ _timestamp: time / 1000, ...values })
    yield Buffer.from(`{"_step":${step},${rest.slice(1)}\n`)
  }
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
