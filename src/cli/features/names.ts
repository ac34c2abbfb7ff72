/** Names of definitions on the command line, and the project that they are of. */
import { ifMissing } from '../../contract/absence/absent.ts'
import { readUserText } from '../../contract/absence/user-file.ts'
import type { Client } from '../../client/client.ts'
import { DEFINITION_KINDS, featuresApi, type DefinitionKind } from '../../contract/features/catalogue.ts'
import { readFeatures } from '../../pipelines/spec/parse.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { PROJECT_FILE } from '../project/file/project-file.ts'

export interface Versioned {
  readonly name: string
  /** Absent for the newest. */
  readonly version?: number
}

/** Of NAME or NAME@3. Throws UsageError for what is no such name; `what` says what it was to name. */
export function versionedName(given: string, what: string): Versioned {
  const match = /^([A-Za-z_]\w{0,63})(?:@([1-9]\d{0,8}))?$/.exec(given)
  if (match === null) throw new UsageError(`"${given}" names no ${what}; expected NAME or NAME@3`)
  return { name: match[1] ?? '', ...(match[2] !== undefined && { version: Number(match[2]) }) }
}

/**
 * The project of --project, or of the project file in this folder; else none, and the server takes that of the token. Throws UsageError where
 * that file does not say it.
 */
export async function projectOf(invocation: Invocation): Promise<{ readonly project?: string }> {
  const given = text(invocation, 'project')
  if (given !== undefined) return { project: given }
  const file = await ifMissing(readUserText(PROJECT_FILE))
  if (file === undefined) return {}
  const { project, faults } = readFeatures(file)
  const fault = project === undefined ? faults[0] : faults.find(({ key }) => key === 'project')
  if (project !== undefined && fault === undefined) return { project: project.project }
  const why = fault === undefined ? '' : ` (line ${fault.line}: ${fault.message})`
  throw new UsageError(`${PROJECT_FILE} of this folder does not say its project${why}; name one with --project`)
}

const KIND_WORDS: Readonly<Record<DefinitionKind, string>> = {
  entity: 'entity',
  view: 'view',
  on_demand: 'on-demand feature',
  service: 'service',
}

export function kindWord(kind: DefinitionKind): string {
  return KIND_WORDS[kind]
}

/** The kind of --kind. Throws UsageError for what is none. */
function kindFlag(invocation: Invocation): DefinitionKind | undefined {
  const given = text(invocation, 'kind')?.replace('-', '_')
  const kind = DEFINITION_KINDS.find((one) => one === given)
  if (given !== undefined && kind === undefined)
    throw new UsageError(`--kind is "${given}"; expected one of ${DEFINITION_KINDS.join(', ')}`)
  return kind
}

/** The kind of what a name names: that of --kind, else of the one thing of that name. Throws where there is none, or two without --kind. */
export async function kindOf(client: Client, invocation: Invocation, name: string): Promise<DefinitionKind> {
  const given = kindFlag(invocation)
  if (given !== undefined) return given
  const all = await client.call(featuresApi.listFeatures, { query: await projectOf(invocation) })
  const lists = { entity: all.entities, view: all.views, on_demand: all.on_demand, service: all.services }
  const kinds = DEFINITION_KINDS.filter((kind) => lists[kind].some((one) => one.name === name))
  const [kind] = kinds
  if (kind === undefined)
    throw new UsageError(
      `there is no feature view, service, entity or on-demand feature "${name}"; slipway features lists them`,
    )
  if (kinds.length > 1) {
    const ways = kinds.map((one) => `--kind ${one}`).join(' or ')
    throw new UsageError(
      `"${name}" is ${kinds.map((one) => `${/^[eo]/.test(kindWord(one)) ? 'an' : 'a'} ${kindWord(one)}`).join(' and ')}; say which: ${ways}`,
    )
  }
  return kind
}
