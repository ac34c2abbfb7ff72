/** Finds what stands twice: pairs of places that share runs of lines, the same to the letter or with other names. */

/** A file to look at; how its comments look follows from its name. */
export interface Text {
  readonly file: string
  readonly text: string
}

/** Lines `from` to `to` of a file, both counted, from 1. */
export interface Place {
  readonly file: string
  readonly from: number
  readonly to: number
}

/** Two files (or two parts of one) that share runs: where the longest stands, and whether it is alike only when renamed. */
export interface Pair {
  readonly a: Place
  readonly b: Place
  /** Lines of the longest run that count. */
  readonly lines: number
  /** How many runs the two share. */
  readonly runs: number
  readonly renamed: boolean
}

/** Which runs count. */
export interface Limits {
  /** Lines that make a run. */
  readonly lines: number
  /** Places in which a run may stand before it is too common. */
  readonly places: number
  /** Different words that the lines of a renamed run have at least; fewer make a list of fields, not logic. */
  readonly words: number
}

/** Six lines in at most eight places. */
export const LIMITS: Limits = { lines: 6, places: 8, words: 9 }

interface Line {
  readonly number: number
  /** The line with white space folded, and the same with each name, string and number replaced by `x`. */
  readonly exact: string
  readonly outline: string
}

/** A window of `Limits.lines` lines: the index of its file and of its first line that counts. */
interface Window {
  readonly file: number
  readonly at: number
}

/** Windows that follow each other in two files: where the first stands in each, and how many there are. */
interface Run {
  readonly a: Window
  readonly b: Window
  windows: number
}

/** Runs by pair of files, `index index`. */
type Runs = Map<string, Run[]>

/**
 * The pairs that share at least `limits.lines` lines in a row, those alike to the letter first, longest first. Lines are
 * alike when they are the same but for white space, or when names, strings and numbers are replaced one for one. Blank
 * lines, comments, lone punctuation and imports do not count; a run that stands in more than `limits.places` places, or
 * has an outline that does, is left out, and so is a renamed one of few words.
 */
export function duplicates(texts: readonly Text[], limits: Limits = LIMITS): Pair[] {
  const files = texts.map((text) => linesThatCount(text))
  const exact = runsOf(windowsBy(files, limits.lines, 'exact').values(), limits)
  const renamed = runsOf(renamedWindows(files, limits), limits)
  const pairs = [...new Set([...exact.keys(), ...renamed.keys()])].map((key): Pair => {
    const runs = exact.get(key) ?? renamed.get(key) ?? []
    const { a, b, windows } = runs.reduce((best, run) => (run.windows > best.windows ? run : best))
    const lines = windows + limits.lines - 1
    const place = ({ file, at }: Window): Place => ({
      file: texts[file]?.file ?? '',
      from: files[file]?.[at]?.number ?? 0,
      to: files[file]?.[at + lines - 1]?.number ?? 0,
    })
    return { a: place(a), b: place(b), lines, runs: runs.length, renamed: !exact.has(key) }
  })
  const where = ({ a, b }: Pair): string => `${a.file} ${b.file}`
  return pairs.sort(
    (a, b) => Number(a.renamed) - Number(b.renamed) || b.lines - a.lines || (where(a) < where(b) ? -1 : 1),
  )
}

/** Every window of the files, by the text of its lines. */
function windowsBy(
  files: readonly (readonly Line[])[],
  length: number,
  spelling: 'exact' | 'outline',
): Map<string, Window[]> {
  const found = new Map<string, Window[]>()
  files.forEach((lines, file) => {
    for (let at = 0; at + length <= lines.length; at++) {
      const key = lines
        .slice(at, at + length)
        .map((line) => line[spelling])
        .join('\n')
      const known = found.get(key)
      if (known === undefined) found.set(key, [{ file, at }])
      else known.push({ file, at })
    }
  })
  return found
}

/** Groups of windows that are alike when renamed, of those whose outline is neither unique nor too common nor thin. */
function renamedWindows(files: readonly (readonly Line[])[], limits: Limits): readonly Window[][] {
  const texts = (window: Window): string =>
    (files[window.file] ?? [])
      .slice(window.at, window.at + limits.lines)
      .map((line) => withoutLiterals(line.exact))
      .join('\n')
  return [...windowsBy(files, limits.lines, 'outline').values()]
    .filter((windows) => windows.length > 1 && windows.length <= limits.places)
    .flatMap((windows) => [...Map.groupBy(windows, (window) => renaming(texts(window), limits.words)).values()])
}

/** Pairs the windows of each group up and joins those that follow each other. */
function runsOf(groups: Iterable<readonly Window[]>, limits: Limits): Runs {
  const shared = new Map<string, [a: Window, b: Window][]>()
  for (const windows of groups) {
    if (windows.length > limits.places) continue
    windows.forEach((a, index) => {
      for (const b of windows.slice(index + 1)) {
        if (a.file === b.file && b.at - a.at < limits.lines) continue
        const key = `${a.file} ${b.file}`
        const known = shared.get(key)
        if (known === undefined) shared.set(key, [[a, b]])
        else known.push([a, b])
      }
    })
  }
  return new Map([...shared].map(([key, windows]) => [key, joined(windows)]))
}

/** The windows that two files share, joined to runs. */
function joined(windows: readonly [a: Window, b: Window][]): Run[] {
  const runs: Run[] = []
  for (const [a, b] of windows.toSorted(([a, b], [c, d]) => a.at - c.at || b.at - d.at)) {
    const before = runs.find((run) => run.a.at + run.windows === a.at && run.b.at + run.windows === b.at)
    if (before === undefined) runs.push({ a, b, windows: 1 })
    else before.windows++
  }
  return runs
}

/** The lines of a text that count, without comments and imports. */
export function linesThatCount({ file, text }: Text): Line[] {
  let importing = false
  return withoutComments(file, text)
    .split('\n')
    .flatMap((raw, index) => {
      const exact = raw.trim().replaceAll(/\s+/g, ' ')
      if (/^(?:import\b(?!\()|from \S+ import\b|export (?:type )?\{)/.test(exact)) importing = true
      const counts = !importing && /[\p{L}\p{N}]/u.test(exact)
      if (importing && endsImport(file, exact)) importing = false
      return counts ? [{ number: index + 1, exact, outline: outlineOf(exact) }] : []
    })
}

function endsImport(file: string, line: string): boolean {
  return file.endsWith('.py') ? !line.includes('(') || line.includes(')') : /['"]|\}$/.test(line)
}

/** A text whose comments are blanked, line feeds kept; a comment behind code on its line stays. */
function withoutComments(file: string, text: string): string {
  const blank = (match: string): string => match.replaceAll(/[^\n]/g, '')
  if (file.endsWith('.py')) return text.replaceAll(/^\s*"""[\s\S]*?"""/gm, blank).replaceAll(/^[ \t]*#.*$/gm, '')
  return text.replaceAll(/^[ \t]*\{?\/\*[\s\S]*?\*\/\}?/gm, blank).replaceAll(/^[ \t]*\/\/.*$/gm, '')
}

const WORD = /[\p{L}_$][\p{L}\p{N}_$]*/gu
const KEYWORDS = new Set(
  (
    'as async await break case catch class const continue default delete do else export extends false finally for from ' +
    'function if implements in instanceof interface let new null of return static super switch this throw true try type ' +
    'typeof undefined var void while yield and def elif except import is lambda not or pass raise with None True False self'
  ).split(' '),
)

function withoutLiterals(line: string): string {
  return line
    .replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g, '0')
    .replaceAll(/(?<![\w$])\d[\w.]*/g, '0')
}

function outlineOf(line: string): string {
  return withoutLiterals(line).replaceAll(WORD, (word) => (KEYWORDS.has(word) ? word : 'x'))
}

/**
 * A text with its names numbered in the order in which they come: equal for texts that are renamed one for one. A text
 * with fewer different words than `least` stays as it is.
 */
function renaming(text: string, least: number): string {
  if (new Set(text.match(WORD)).size < least) return text
  const numbers = new Map<string, number>()
  return text.replaceAll(WORD, (word) => {
    if (KEYWORDS.has(word)) return word
    const number = numbers.get(word) ?? numbers.size
    numbers.set(word, number)
    return `x${number}`
  })
}
