/** What a scan finds, and how findings make a verdict. */

/** How bad a finding is: `malicious` runs a program or reads what it should not; `suspicious` is not known to be safe. */
export type Level = 'suspicious' | 'malicious'

export interface Finding {
  readonly level: Level
  /** Path in the model's folder; members of archives follow after `!`, as in `model.zip!data.pkl`. */
  readonly file: string
  /** Byte in the file (of a compressed member: in what it unpacks to) at which it was found first. */
  readonly offset: number
  /** What was found, for example `os.system`. */
  readonly what: string
  readonly reason: string
}

/** `clean`: all of it is known and safe to load. */
export type ScanVerdict = 'clean' | 'suspicious' | 'malicious'

/** More findings than this say nothing new. */
const MOST = 200

/** Where findings go. */
export interface Sink {
  add(finding: Finding): void
}

/** Findings of one scan. The same thing in the same file is kept once, where it was found first. */
export class Findings implements Sink {
  readonly #list: Finding[] = []
  readonly #seen = new Set<string>()

  add(finding: Finding): void {
    const key = `${finding.level} ${finding.file} ${finding.what}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    if (this.#list.length < MOST || finding.level === 'malicious') this.#list.push(finding)
  }

  /** The worst first, then in the order in which they were found. */
  list(): Finding[] {
    return this.#list.toSorted((a, b) => rank(b.level) - rank(a.level)).slice(0, MOST)
  }
}

/** The verdict that findings come to. */
export function verdictOf(findings: readonly Finding[]): ScanVerdict {
  if (findings.some((one) => one.level === 'malicious')) return 'malicious'
  return findings.length > 0 ? 'suspicious' : 'clean'
}

function rank(level: Level): number {
  return level === 'malicious' ? 1 : 0
}
