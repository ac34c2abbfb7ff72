/** What is left out of a project: the folders that tools leave behind, and what `.slipwayignore` names in gitignore's grammar. */

/** The file at the top of a project that names what is no part of it. */
export const IGNORE_FILE = '.slipwayignore'

/** Left out unless the project's own rules take it in again: repositories and their hosts' files, environments, caches and records of tools. */
const TOOLS = `.git
.gitignore
.gitattributes
.github/
.gitlab/
.gitlab-ci.yml
.circleci/
Jenkinsfile
.editorconfig
.pre-commit-config.yaml
.hg
.slipway
.venv
node_modules
__pycache__
*.py[co]
.ipynb_checkpoints
.pytest_cache
.mypy_cache
.ruff_cache
mlruns/
mlartifacts/
.DS_Store`

export interface Ignore {
  /** The rules in their order, the last that fits decides; for people. */
  readonly rules: readonly string[]
  /** Whether a path, relative and with `/`, is left out, or lies in a folder that is. */
  leavesOut(path: string, isFolder?: boolean): boolean
}

/** Any number of characters, or of folders. */
const ANY = Symbol('any')
/** A test of one character. */
type Mark = ((character: string) => boolean) | typeof ANY
type Segment = readonly Mark[] | typeof ANY

interface Rule {
  readonly takesIn: boolean
  readonly foldersOnly: boolean
  readonly segments: readonly Segment[]
}

/** The rules of tools, then those of a project's own text. */
export function readIgnore(text = ''): Ignore {
  const rules = [...TOOLS.split('\n'), ...text.replace(/^\uFEFF/, '').split(/\r?\n/)]
    .map((line) => line.replace(/(?<!\\)((?:\\\\)*) +$/, '$1'))
    .filter((line) => line !== '' && !line.startsWith('#'))
  const parsed = rules.flatMap((line) => ruleOf(line) ?? [])
  const folders = new Map<string, boolean>([['', false]])
  const decide = (path: string, isFolder: boolean): boolean => {
    const parts = path.split('/')
    const rule = parsed.findLast(
      ({ foldersOnly, segments }) => (isFolder || !foldersOnly) && matches(segments, parts, matchesName),
    )
    return rule !== undefined && !rule.takesIn
  }
  const folder = (path: string): boolean => {
    const known = folders.get(path)
    if (known !== undefined) return known
    // what is in a folder that is left out cannot be taken in again
    const left = folder(parentOf(path)) || decide(path, true)
    folders.set(path, left)
    return left
  }
  return {
    rules,
    leavesOut: (path, isFolder = false) => (isFolder ? folder(path) : folder(parentOf(path)) || decide(path, false)),
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** A line as git reads it; undefined where no path can fit it. */
function ruleOf(line: string): Rule | undefined {
  const takesIn = line.startsWith('!')
  const foldersOnly = line.endsWith('/')
  const pattern = line.slice(takesIn ? 1 : 0, foldersOnly ? -1 : undefined)
  const parts = pattern.replace(/^\//, '').split('/')
  const anchored = pattern.includes('/')
  const segments: Segment[] = anchored ? [] : [ANY]
  for (const [i, part] of parts.entries()) {
    if (part !== '**' || !anchored) {
      const marks = marksOf(part)
      if (marks === undefined || part === '') return undefined
      segments.push(marks)
    } else if (i < parts.length - 1) segments.push(ANY)
    // at the end two stars are all that lies inside, and not the folder itself
    else segments.push(ANY, [ANY])
  }
  return { takesIn, foldersOnly, segments }
}

/** Named classes of characters. */
const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  digit: /[0-9]/,
  lower: /[a-z]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /\s/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
}

/** The marks of one part of a pattern; undefined where it is broken, and so fits nothing. */
function marksOf(part: string): readonly Mark[] | undefined {
  const marks: Mark[] = []
  const characters = Array.from(part)
  for (let i = 0; i < characters.length; i++) {
    const one = characters[i]
    if (one === '*') {
      if (marks.at(-1) !== ANY) marks.push(ANY)
    } else if (one === '?') marks.push(() => true)
    else if (one === '[') {
      const end = endOfSet(characters, i)
      if (end < 0) return undefined
      marks.push(setOf(characters.slice(i + 1, end)))
      i = end
    } else {
      const literal = one === '\\' ? characters[++i] : one
      if (literal === undefined) return undefined
      marks.push((character) => character === literal)
    }
  }
  return marks
}

/** Where the set that opens at `start` closes; a bracket that comes first in it is one of its characters. */
function endOfSet(characters: readonly string[], start: number): number {
  let at = start + 1
  if (characters[at] === '!' || characters[at] === '^') at++
  const first = at
  for (; at < characters.length; at++) {
    if (characters[at] === '\\') at++
    else if (characters[at] === '[' && characters[at + 1] === ':') {
      const close = characters.join('').indexOf(':]', at + 2)
      if (close > 0) at = close + 1
    } else if (characters[at] === ']' && at > first) return at
  }
  return -1
}

function setOf(inside: readonly string[]): (character: string) => boolean {
  const negated = inside[0] === '!' || inside[0] === '^'
  const tests: ((character: string) => boolean)[] = []
  for (let i = negated ? 1 : 0; i < inside.length; i++) {
    const named = /^\[:(\w+):\]/.exec(inside.slice(i).join(''))
    if (named !== null) {
      const known = CLASSES[named[1] ?? '']
      tests.push((character) => known?.test(character) === true)
      i += named[0].length - 1
      continue
    }
    if (inside[i] === '\\') i++
    const from = inside[i] ?? ''
    let to = from
    if (inside[i + 1] === '-' && i + 2 < inside.length) {
      i += inside[i + 2] === '\\' ? 3 : 2
      to = inside[i] ?? ''
    }
    tests.push((character) => character >= from && character <= to)
  }
  return (character) => tests.some((test) => test(character)) !== negated
}

function matchesName(segment: Exclude<Segment, typeof ANY>, name: string): boolean {
  return matches(segment, Array.from(name), (mark, character) => mark(character))
}

/** Whether a pattern fits all of a list, in time of the product of their lengths: only the last `ANY` is tried again. */
function matches<P, T>(
  pattern: readonly (P | typeof ANY)[],
  list: readonly T[],
  fits: (one: P, item: T) => boolean,
): boolean {
  let [p, i] = [0, 0]
  let again: readonly [p: number, i: number] | undefined
  while (i < list.length) {
    const one = pattern[p]
    if (one === ANY) {
      p++
      again = [p, i]
    } else if (p < pattern.length && fits(one as P, list[i] as T)) {
      p++
      i++
    } else {
      if (again === undefined) return false
      again = [again[0], again[1] + 1]
      ;[p, i] = again
    }
  }
  return pattern.slice(p).every((one) => one === ANY)
}
