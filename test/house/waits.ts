/** Where a test waits by the clock: it ends by luck on a machine that is busy. */

/** One place: its line, from 1, and what is wrong with it. */
export interface Wait {
  readonly line: number
  readonly why: string
}

/** Stands in a comment on the line, or alone on the line before, where a real time is meant, with the reason: `// by the clock: a reply that comes late`. */
const MEANT = /\/\/ by the clock: \w/

const CLOCK = String.raw`\b(?:performance|Date)\.now\(\)`
const FOUND: readonly (readonly [why: string, says: RegExp])[] = [
  ['compares with the clock: wait with `until`', new RegExp(String.raw`${CLOCK}\s*[<>]|(?<!=)[<>]=?\s*${CLOCK}`)],
  [
    'limits an elapsed time: speed is measured in bench/',
    new RegExp(String.raw`${CLOCK} - [\w.]+\)?\s*[<>]|\b(?:took|elapsed|waited|lasted)(?:Ms)?\s*<[^<]`),
  ],
  ['sleeps: wait with `until`, or prove by `never`', /\bsetTimeout\(|\bwaitForTimeout\(/],
]

/** The places of a text that wait by the clock without saying why. */
export function waitsOf(text: string): Wait[] {
  const sleep = /import \{[^}]*\bsetTimeout as (\w+)[^}]*\} from 'node:timers\/promises'/.exec(text)?.[1]
  const found =
    sleep === undefined
      ? FOUND
      : [...FOUND, ['sleeps: wait with `until`', new RegExp(`(?<!\\.)\\b${sleep}\\(`)] as const]
  const lines = text.split('\n')
  return lines.flatMap((line, at) => {
    if (MEANT.test(line) || /^\s*\/\/ by the clock: \w/.test(lines[at - 1] ?? '') || /^\s*(?:\*|\/\/|\/\*)/.test(line))
      return []
    const why = found.find(([, says]) => says.test(line))?.[0]
    return why === undefined ? [] : [{ line: at + 1, why }]
  })
}
