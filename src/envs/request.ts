/** What a project asks of its environment, in one form whatever file it wrote it in. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { problem } from '../contract/errors.ts'
import { unjudged } from './unjudged.ts'
import { isMet } from './versions.ts'

/** Files and lines from which an environment is resolved. */
export interface EnvRequest {
  /** Range of Python versions. */
  readonly requires: string
  readonly kind: 'packages' | 'requirements' | 'pyproject' | 'lock'
  /** File name → text; for packages one file of lines. The first is the one that the resolver is given. */
  readonly files: Readonly<Record<string, string>>
}

/** The section `python` of a project file. */
export interface PythonSection {
  readonly requires: string
  readonly packages?: readonly string[] | undefined
  readonly requirements?: string | undefined
  readonly pyproject?: string | undefined
  readonly lock?: string | undefined
}

/** Reads a file of the project; undefined when it is not there. */
export type ReadFile = (path: string) => Promise<string | undefined>

/**
 * The request of a project: its section if it names packages or a file, else uv.lock, pyproject.toml or requirements.txt
 * of its root, else no packages. Throws `unprocessable` for a file that is named and not there, and for two sources.
 */
export async function requestOf(section: PythonSection | undefined, read: ReadFile): Promise<EnvRequest> {
  const requires = section?.requires ?? '>=3.10'
  const named = (['packages', 'lock', 'pyproject', 'requirements'] as const).filter(
    (key) => section?.[key] !== undefined,
  )
  if (named.length > 1) {
    throw refuse(`python: got both ${named.join(' and ')}, expected one source of packages`)
  }
  const [kind] = named
  if (kind === 'packages') return { requires, kind, files: { 'requirements.in': lines(section?.packages ?? []) } }
  if (kind !== undefined) return fromFile(requires, kind, section?.[kind] ?? '', read)
  if ((await read('uv.lock')) !== undefined) return fromFile(requires, 'lock', 'uv.lock', read)
  if (/^\[project\]/m.test((await read('pyproject.toml')) ?? ''))
    return fromFile(requires, 'pyproject', 'pyproject.toml', read)
  if ((await read('requirements.txt')) !== undefined)
    return fromFile(requires, 'requirements', 'requirements.txt', read)
  return { requires, kind: 'packages', files: { 'requirements.in': '' } }
}

/** True when nothing is to be installed. */
export function isBare(request: EnvRequest): boolean {
  return request.kind === 'packages' && Object.values(request.files).every((text) => text.trim() === '')
}

/** Hash of a request for one interpreter: equal requests have equal locks until someone asks anew. */
export function requestKey(request: EnvRequest, pythonVersion: string, platform: string): string {
  // a lock is kept only when it was held against its project, which earlier servers did not
  const kind = request.kind === 'lock' ? 'checked lock' : request.kind
  const parts = [kind, pythonVersion, platform, ...Object.entries(request.files).flat()]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

async function fromFile(
  requires: string,
  kind: 'lock' | 'pyproject' | 'requirements',
  path: string,
  read: ReadFile,
): Promise<EnvRequest> {
  const text = await read(path)
  if (text === undefined) throw refuse(`python.${kind}: the file "${path}" is not in the project`)
  if (kind === 'requirements') return { requires, kind, files: await withIncluded(path, text, read) }
  if (kind === 'pyproject') {
    return {
      requires: met(narrowed(requires, sectionOf('project', text)), path),
      kind,
      files: { 'pyproject.toml': text },
    }
  }
  const beside = path.includes('/') ? `${path.slice(0, path.lastIndexOf('/'))}/pyproject.toml` : 'pyproject.toml'
  const project = await read(beside)
  if (project === undefined) throw refuse(`python.lock: "${beside}" is not beside "${path}"`)
  // the lock's own range stands before its first section
  const range = narrowed(narrowed(requires, text.split(/^\[/m, 1)[0] ?? ''), sectionOf('project', project))
  return { requires: met(range, beside), kind, files: { 'uv.lock': text, 'pyproject.toml': project } }
}

/** The range, where some Python 3 is in it. */
function met(range: string, path: string): string {
  if (isMet(range)) return range
  throw refuse(
    `python.requires: got "${range}" with requires-python of "${path}", expected a range with a Python 3 in it`,
  )
}

/** The lines of a section of TOML. */
export function sectionOf(name: string, toml: string): string {
  const [, after = ''] = toml.split(new RegExp(`^\\[${name}\\][^\n]*$`, 'm'), 2)
  return after.split(/^\[/m, 1)[0] ?? ''
}

/** The range of Python versions with that of a text besides, where it names one that is understood. */
function narrowed(requires: string, toml: string): string {
  const own = /^requires-python\s*=\s*["']([^"']+)["']/m.exec(toml)?.[1]
  const known = own !== undefined && RANGE.test(own)
  return known && !requires.split(',').includes(own) ? `${requires},${own.replaceAll(' ', '')}` : requires
}

const CLAUSE = String.raw`\s*(?:~=|==|!=|<=|>=|<|>)\s*\d+(?:\.\d+)*(?:\.\*)?\s*`
const RANGE = new RegExp(`^${CLAUSE}(?:,${CLAUSE})*$`)

/** Files of other tools and files that stand behind others, in the order in which people look for them. */
const SOURCES =
  'uv.lock pyproject.toml requirements.txt requirements.in poetry.lock pdm.lock pylock.toml Pipfile.lock Pipfile environment.yml environment.yaml conda-lock.yml pixi.lock pixi.toml setup.py setup.cfg'.split(
    ' ',
  )

/**
 * What a reader should know of the files at the top of the project from which its packages do not come, and of a lock that cannot be held
 * against its project. Nothing is said of files beside a source that the project file names.
 */
export function sourceWarnings(
  named: PythonSection | undefined,
  request: EnvRequest,
  paths: readonly string[],
): string[] {
  const warnings: string[] = []
  const why = request.kind === 'lock' ? unjudged(request.files) : undefined
  if (why !== undefined) warnings.push(`whether uv.lock is as new as pyproject.toml cannot be told: ${why}`)
  const isNamed = (['packages', 'lock', 'pyproject', 'requirements'] as const).some((key) => named?.[key] !== undefined)
  if (isNamed) return warnings
  const read = Object.keys(request.files)
  const from = isBare(request) ? 'the environment has no packages' : `packages come from ${read[0] ?? ''}`
  const unread = SOURCES.filter((name) => paths.includes(name) && !read.includes(name))
  // tools keep their settings in these, and a requirements.in is where a requirements.txt comes from
  const silent = isBare(request)
    ? ['pyproject.toml', 'setup.cfg']
    : ['pyproject.toml', 'setup.cfg', 'setup.py', 'requirements.in']
  const told = unread.filter((name) => !silent.includes(name))
  if (told.length > 0) warnings.push(`${told.join(', ')} is not read: ${from}`)
  return warnings
}

const NAMED = /^\s*(?:(-[rc])[ \t=]*|(--(?:requirement|constraint))[ \t=]+)([^\s=]\S*)/gm

/** The files that requirements name by -r and -c as installers read it (`-r a`, `-ra`, `--requirement=a`), from the folder of the file that names them. */
export function filesNamed(path: string, text: string): { readonly name: string; readonly limits: boolean }[] {
  return [...text.matchAll(NAMED)].map(([, short, long, name = '']) => ({
    name: /^\/|^\w+:/.test(name) ? name : posix.join(posix.dirname(path), name),
    limits: (short ?? long ?? '').replaceAll('-', '').startsWith('c'),
  }))
}

/** A requirements file with the files that it names by -r and -c. */
async function withIncluded(path: string, text: string, read: ReadFile): Promise<Record<string, string>> {
  const files: Record<string, string> = { [path]: text }
  for (const waiting = [path]; waiting.length > 0;) {
    const from = waiting.pop() ?? ''
    for (const { name } of filesNamed(from, files[from] ?? '')) {
      const included = files[name] ?? (await read(name))
      if (included === undefined) throw refuse(`python.requirements: "${name}" is not in the project`)
      if (name in files) continue
      files[name] = included
      waiting.push(name)
    }
  }
  return files
}

function lines(packages: readonly string[]): string {
  for (const line of packages) {
    if (/^\s*-|[\n\r\0]/.test(line)) {
      throw refuse(`python.packages: got ${JSON.stringify(line)}, expected a package such as pandas>=2`)
    }
  }
  return packages.toSorted().join('\n')
}

function refuse(detail: string): Error {
  return problem('unprocessable', { detail, reason: 'packages' })
}
