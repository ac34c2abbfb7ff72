/** Judges the results of foreign client scripts: which passed, and which of them had to. */
import { emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'

/** What is expected of one script; `reason` says why a `later` one may fail. */
export interface Expectation {
  readonly name: string
  readonly must: boolean
  readonly reason: string
}

/** Reads lines `must NAME` and `later NAME  REASON`; `#` begins a comment. Throws on any other line. */
export function expectations(text: string): Expectation[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [, word, name = '', reason = ''] = /^(must|later) (\S+)(?: +(\S.*))?$/.exec(line) ?? []
    if (word === undefined || (word === 'later' && reason === '')) {
      throw new Error(`"${line}": expected "must NAME" or "later NAME  REASON"`)
    }
    return { name, must: word === 'must', reason }
  })
}

/** Reads `OK NAME …` and `FAIL NAME: …` lines: script -> passed. */
export function scriptResults(printed: string): Map<string, boolean> {
  const lines = printed.matchAll(/^(OK|FAIL)\s+([^\s:]+)/gm)
  return new Map([...lines].map((match) => [match[2] ?? '', match[1] === 'OK']))
}

/** The verdict: `failed` names scripts that had to pass, `surprises` what the list does not say. */
export interface Judgement {
  readonly tally: Tally
  readonly notes: { readonly failed: string[]; readonly surprises: string[] }
}

/** Compares. A script that must pass and did not run has failed; one that is not listed counts as one that must pass. */
export function judge(expected: readonly Expectation[], results: ReadonlyMap<string, boolean>): Judgement {
  const tally = emptyTally()
  const notes = { failed: [] as string[], surprises: [] as string[] }
  const unlisted = [...results.keys()].filter((name) => !expected.some((one) => one.name === name))
  notes.surprises.push(...unlisted.map((name) => `${name} is not in test/conformance.txt`))
  for (const { name, must, reason } of [...expected, ...unlisted.map((name) => ({ name, must: true, reason: '' }))]) {
    const passed = results.get(name) === true
    if (passed) tally.passed++
    else if (must) notes.failed.push(name)
    else tally.skips.push(`not yet: ${name}: ${reason}`)
    if (passed && !must) notes.surprises.push(`${name} passes now: make it "must" in test/conformance.txt`)
  }
  tally.failed = notes.failed.length
  tally.skipped = tally.skips.length
  return { tally, notes }
}
