/** The exact versions that a request for packages names, and whether two versions are one. */
import { holds, type Target } from './markers.ts'
import { filesNamed, sectionOf, type EnvRequest } from './request.ts'

/** A package that gets one version, whatever the index has. */
export interface Pin {
  /** As indexes write it. */
  readonly name: string
  readonly version: string
  /** It is installed; false for one that only says which version is taken where something else asks for it. */
  readonly asked: boolean
}

/** The pins of a request that count for an interpreter on this machine. Ranges, addresses and folders pin nothing. */
export function pinsOf(request: EnvRequest, target: Target): Pin[] {
  const { kind, files } = request
  if (kind === 'lock') return locked(files['uv.lock'] ?? '', target)
  if (kind === 'pyproject')
    return dependencies(files['pyproject.toml'] ?? '').flatMap((line) => pin(line, true, target))
  const limited = new Set(
    Object.entries(files)
      .flatMap(([path, text]) => filesNamed(path, text))
      .flatMap(({ name, limits }) => (limits ? [name] : [])),
  )
  return Object.entries(files).flatMap(([path, text]) =>
    linesOf(text).flatMap((line) => pin(line, !limited.has(path), target)),
  )
}

const PLACE =
  /^((?:\.{1,2}(?:[\\/[].*)?|[/~].*|(?:\w+\+)?\w+:\/\/.*|file:.*|[\w./-]+\.(?:whl|zip|tar\.gz|tgz))$|[\w.-]+\s*(?:\[[^\]]*\]\s*)?@.*$)/
const EDITABLE = /^(?:-e|--editable)[\s=]*(.+)$/

/** What a request installs from folders, files and addresses instead of an index. The project itself is none of them. */
export function unpinned({ kind, files }: EnvRequest): string[] {
  if (kind === 'lock')
    return [...(files['uv.lock'] ?? '').matchAll(/^source = \{ (?:editable|directory) = "([^"]*)"/gm)].flatMap(
      ([, path = '']) => (path === '.' ? [] : [path]),
    )
  const all = kind === 'pyproject' ? dependencies(files['pyproject.toml'] ?? '') : Object.values(files).flatMap(linesOf)
  return all.flatMap((whole) => {
    const line = whole.replace(/\s--\S.*$/, '').trim()
    const asked = EDITABLE.exec(line)?.[1] ?? PLACE.exec(line)?.[1]
    return asked === undefined || /^\.\/?$/.test(asked.trim()) ? [] : [asked.trim()]
  })
}

/** A name of a package as indexes write it. */
export function packageName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}

/** Lines of a requirements file, those that go on put together, without comments. */
function linesOf(text: string): string[] {
  return text
    .replaceAll(/\\\r?\n/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
}

const EXACT =
  /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?\s*={2,3}\s*([^\s;,)*]+)\s*\)?\s*(?:;\s*(.*?))?(?:\s+--\S.*)?$/

function pin(line: string, asked: boolean, target: Target): Pin[] {
  const [, name, version, marker = ''] = EXACT.exec(line) ?? []
  if (name === undefined || version === undefined || (marker !== '' && !holds(marker, target))) return []
  return [{ name: packageName(name), version, asked }]
}

/** The texts in the list of dependencies of a project. */
function dependencies(toml: string): string[] {
  const [, list = ''] = sectionOf('project', toml).split(/^dependencies\s*=\s*\[/m, 2)
  const found: string[] = []
  for (const [whole, double, single] of list.matchAll(/"([^"]*)"|'([^']*)'|#[^\n]*|\]/g)) {
    if (whole === ']') break
    const text = double ?? single
    if (text !== undefined) found.push(text)
  }
  return found
}

/** Packages of a uv.lock. It has those of every platform and group, so that none of them need be there. */
function locked(text: string, target: Target): Pin[] {
  return text
    .split(/^\[\[package\]\]$/m)
    .slice(1)
    .flatMap((part) => {
      const field = (name: string): string => new RegExp(`^${name} = "([^"]*)"`, 'm').exec(part)?.[1] ?? ''
      const [name, version] = [field('name'), field('version')]
      const own = /^source = \{ (?:virtual|editable|directory) = /m.test(part)
      const [, list = ''] = /^resolution-markers = \[([^]*?)^\]/m.exec(part) ?? []
      const markers = [...list.matchAll(/"([^"]*)"/g)].map(([, marker]) => marker ?? '')
      const counts = markers.length === 0 || markers.some((marker) => holds(marker, target))
      return own || name === '' || version === '' || !counts ? [] : [{ name: packageName(name), version, asked: false }]
    })
}

const VERSION =
  /^v?(?:(?<epoch>\d+)!)?(?<release>\d+(?:\.\d+)*)(?:[-_.]?(?<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<number>\d*))?(?:-(?<dash>\d+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<count>\d*))?(?:[-_.]?(?<dev>dev)[-_.]?(?<day>\d*))?(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/
const STAGES: Readonly<Record<string, string>> = { alpha: 'a', beta: 'b', c: 'rc', pre: 'rc', preview: 'rc' }

/** Whether two versions are spellings of one: 1.0 and 1.0.0, 2024.01 and 2024.1. What is behind `+` counts. */
export function sameVersion(a: string, b: string): boolean {
  return spelling(a) === spelling(b)
}

function spelling(version: string): string {
  const parts = VERSION.exec(version.trim().toLowerCase())?.groups
  if (parts === undefined) return version
  const numbers = (parts['release'] ?? '').split('.').map(Number)
  while (numbers.length > 1 && numbers.at(-1) === 0) numbers.pop()
  const { stage, dash, post, dev } = parts
  return [
    Number(parts['epoch'] ?? 0),
    numbers.join('.'),
    behind(stage, parts['number']),
    dash === undefined ? behind(post && 'post', parts['count']) : behind('post', dash),
    behind(dev, parts['day']),
    parts['local']?.replaceAll(/[-_]/g, '.'),
  ].join(' ')
}

/** A word of a version with its number; 0 where it has none. */
function behind(word: string | undefined, number: string | undefined): string {
  return word === undefined ? '' : `${STAGES[word] ?? word}${Number(number)}`
}
