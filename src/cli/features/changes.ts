/** What a section changes in a project: asked of the server, and told line by line. */
import { resolve } from 'node:path'
import type { z } from 'zod'
import { CallError, type Client } from '../../client/client.ts'
import { featuresApi, type DefinitionChange, type Difference } from '../../contract/features/catalogue.ts'
import { faulty, linesIn, readFeatures, type Fault } from '../../pipelines/spec/parse.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import { faultsOf, readProjectFile, type ProjectFile } from '../project/file/project-file.ts'
import { kindWord } from './names.ts'

/** Parts of a project file that features are made of; a fault elsewhere does not concern them. */
const PARTS = new Set(['', 'project', 'sources', 'features'])

/** Characters of a value that a line repeats. */
const SHOWN = 200

/** What applying the section of a folder's project file changes, or would change. Throws with all faults, each at its line of the file. */
export async function changesOf(
  client: () => Promise<Client>,
  invocation: Invocation,
  { folder, isDry }: { readonly folder: string; readonly isDry: boolean },
): Promise<{ readonly changes: DefinitionChange[]; readonly project: string }> {
  const file = await readProjectFile(resolve(folder), text(invocation, 'file'))
  const read = file.isBroken ? { faults: [], left: [] } : readFeatures(file.text)
  const found = read.faults.filter(({ key }) => PARTS.has(key.split('.')[0] ?? ''))
  const { project } = read
  const faults = faultsOf(file, project === undefined ? read.faults : found)
  if (project === undefined || faults.length > 0) throw faulty(file.file, faults)
  const { features, sources = {} } = project
  if (features === undefined) throw new UsageError(`${file.file} has no section "features"`)
  const named = text(invocation, 'project') ?? project.project
  try {
    const body = { project: named, features, sources, dry_run: isDry }
    const { changes } = await (await client()).call(featuresApi.applyFeatures, { body })
    return { changes, project: named }
  } catch (error) {
    throw placed(error, file)
  }
}

/** The faults that a server finds, where they stand in the file. */
function placed(error: unknown, file: ProjectFile): unknown {
  if (!(error instanceof CallError) || error.code !== 'unprocessable' || !Array.isArray(error.details['faults']))
    return error
  const lineOf = linesIn(file.text)
  const faults = (error.details['faults'] as Omit<Fault, 'line'>[]).map(({ key, message }) => ({
    line: lineOf(key.split('.')),
    key,
    message,
  }))
  return faulty(file.file, faultsOf(file, faults))
}

export function tellChange({ kind, name, change, version, differences }: DefinitionChange, out: Output): void {
  out.line(`${change.padEnd(9)}  ${kindWord(kind)} ${name}@${version}`)
  for (const one of differences) out.line(`  ${differenceText(one)}`)
}

export function differenceText({ path, before, after }: z.output<typeof Difference>): string {
  return `${path}: ${shown(before)} → ${shown(after)}`
}

/** How many changed and how: `1 added, 2 changed`. */
export function countText(changes: readonly DefinitionChange[]): string {
  const words = ['added', 'changed', 'described', 'unchanged'] as const
  const counts = words.flatMap((word) => {
    const count = changes.filter(({ change }) => change === word).length
    return count === 0 ? [] : [`${count} ${word}`]
  })
  return counts.length === 0 ? 'nothing' : counts.join(', ')
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  const said = JSON.stringify(value)
  return said.length > SHOWN ? `${said.slice(0, SHOWN)}…` : said
}
