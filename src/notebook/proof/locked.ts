/** Whether the environment of a proof is the one that the project's packages come from: a proof with other versions is none of what runs. */
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { readUserText } from '../../contract/absence/user-file.ts'
import { Problem } from '../../contract/errors.ts'
import { ABSENT, type Difference } from '../../contract/packages/proof.ts'
import { pinsOf, sameVersion, unpinned, type Pin } from '../../envs/pins.ts'
import { requestOf, type EnvRequest } from '../../envs/request.ts'
import { satisfies } from '../../envs/versions.ts'
import { readProject } from '../../pipelines/spec/parse.ts'
import { PROJECT_FILE } from './pipeline.ts'

/** The environment that a proof ran in. */
export interface Ran {
  readonly python: string
  /** What the code imports, with all that this needs: name → version. */
  readonly packages: Readonly<Record<string, string>>
  /** Those of them that libraries took up as they found them there: a lock need not have them, and has no other version. */
  readonly optional: ReadonlySet<string>
  /** Versions of others that are installed; null for what is not there. Undefined where nobody can look: others are such that the proof does not name. */
  readonly installed: ((names: readonly string[]) => Promise<Readonly<Record<string, string | null>>>) | undefined
  /** Pins that were added for what comes after the run: saving. They may be absent. Undefined where nobody knows of others. */
  readonly added: readonly string[] | undefined
}

export interface HeldAgainst {
  /** What the lock says otherwise, as a difference to what was proved. */
  readonly differences: readonly Difference[]
  /** Why a proof in this environment is none of this project, in one line; empty where it is. */
  readonly why: string
  /** Optional packages that are pinned by nothing. */
  readonly open: readonly string[]
}

const NONE = 'none'

/** Holds the packages that a project asks for against the environment of a proof. */
export async function heldAgainstLock(project: string, ran: Ran): Promise<HeldAgainst> {
  const request = await requested(project)
  if (typeof request === 'string') return { differences: [], why: request, open: [] }
  const pins = pinsOf(request, { python: ran.python, platform: process.platform, arch: process.arch })
  const others = pins.filter(
    ({ name, asked }) => asked && !(name in ran.packages) && ran.added?.includes(name) === false,
  )
  const versions = await ran.installed?.(others.map(({ name }) => name))
  const source = nameOf(request)
  const faults = Object.entries(ran.packages).flatMap(([name, version]) => faultOf(source, name, version, pins))
  const spare = faults.filter(({ open, difference }) => open && ran.optional.has(difference.name))
  const found = [
    ...pythonFault(request, ran),
    ...faults.filter((one) => !spare.includes(one)),
    ...others.flatMap((one) => otherFault(source, one, versions)),
    ...unpinned(request).map((asked) => placeFault(source, asked)),
  ]
  return {
    differences: found.map(({ difference }) => difference),
    why: reasonOf(found),
    open: spare.map(({ difference }) => difference.name),
  }
}

interface Fault {
  readonly difference: Difference
  readonly text: string
  /** A version that is left open says less than one that is another. */
  readonly open: boolean
}

/** Where the packages of a project come from; a text where that cannot be told. */
async function requested(project: string): Promise<EnvRequest | string> {
  const read = async (path: string): Promise<string | undefined> => ifMissing(readUserText(join(project, path)))
  const { project: found } = readProject((await read(PROJECT_FILE)) ?? '')
  if (found === undefined) return `${PROJECT_FILE} does not say which packages the step gets`
  try {
    return await requestOf(found.python, read)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return `${PROJECT_FILE}: ${error.message}`
  }
}

function nameOf({ kind, files }: EnvRequest): string {
  const [path = ''] = Object.keys(files)
  if (kind === 'packages') return PROJECT_FILE
  return path.endsWith('.lock') ? 'the lock' : path
}

function pythonFault({ requires }: EnvRequest, { python }: Ran): Fault[] {
  if (satisfies(python, requires)) return []
  const difference = { kind: 'python' as const, name: 'Python', proved: python, now: requires }
  return [{ difference, text: `the project asks for Python ${requires}, the proof ran with ${python}`, open: false }]
}

function faultOf(source: string, name: string, version: string, pins: readonly Pin[]): Fault[] {
  const own = pins.filter((one) => one.name === name)
  const other = own.find((one) => !sameVersion(one.version, version))
  if (own.length > 0 && other === undefined) return []
  const difference = { kind: 'package' as const, name, proved: version, now: other?.version ?? NONE }
  const said = other === undefined ? `${source} pins no version of ${name}` : `${source} pins ${name} ${other.version}`
  return [{ difference, text: `${said}, the proof ran with ${version}`, open: other === undefined }]
}

function otherFault(
  source: string,
  { name, version }: Pin,
  versions: Readonly<Record<string, string | null>> | undefined,
): Fault[] {
  if (versions === undefined) {
    const difference = { kind: 'package' as const, name, proved: NONE, now: version }
    return [{ difference, text: `${source} pins ${name} ${version}, which the proof does not name`, open: false }]
  }
  const there = versions[name]
  if (there === undefined || (there !== null && sameVersion(version, there))) return []
  const difference = { kind: 'package' as const, name, proved: there ?? ABSENT, now: version }
  const ran = there === null ? 'the proof ran without it' : `the proof ran with ${there}`
  return [{ difference, text: `${source} pins ${name} ${version}, ${ran}`, open: false }]
}

/** A folder or an address: it may hold any version of anything, and the packages that are pinned beside it, too. */
function placeFault(source: string, asked: string): Fault {
  const difference = { kind: 'package' as const, name: asked, proved: NONE, now: 'a folder or an address' }
  return { difference, text: `${source} asks for ${asked}, and nobody can tell which version that is`, open: false }
}

/** Faults that one line names. */
const MOST = 3

function reasonOf(found: readonly Fault[]): string {
  const sorted = found.toSorted((a, b) => Number(a.open) - Number(b.open)).map(({ text }) => text)
  const rest = sorted.length > MOST ? [`${sorted.length - MOST} more`] : []
  return [...sorted.slice(0, MOST), ...rest].join('; ')
}
