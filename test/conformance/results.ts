/** Judges the results of foreign client scripts: which passed, and which of them had to. */
import { emptyTally } from '../check/tally.ts'
import type { Tally } from '../check/tally.ts'

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

/** What a run of MLflow's own tests printed: its total, and the tests that failed, without file folder and parameters. */
export interface TestResults {
  readonly passed: number
  readonly failed: readonly string[]
}

/** Reads `FAILED FOLDER/FILE::TEST[CASE] …` lines and the total; a run without a total has failed as such. */
export function testResults(printed: string): TestResults {
  const lines = printed.matchAll(/^(?:FAILED|ERROR) \S*?([^/\s]+\.py::[^\s[]+)/gm)
  const failed = [...lines].map((match) => match[1] ?? '')
  const total = /^pytest: .*?(\d+) passed/m.exec(printed)
  return { passed: Number(total?.[1] ?? 0), failed: total === null ? [...failed, 'no total was printed'] : failed }
}

/** Compares: each failed test must be one that the list calls `later`; a later one that did not fail is told. */
export function judgeTests(expected: readonly Expectation[], results: TestResults): Judgement {
  const later = expected.filter((one) => !one.must && one.name.includes('::'))
  const allowed = new Map(later.map((one) => [one.name, one.reason]))
  const tally = emptyTally()
  const notes = { failed: results.failed.filter((name) => !allowed.has(name)), surprises: [] as string[] }
  const missed = new Set(results.failed)
  tally.passed = results.passed
  tally.failed = notes.failed.length
  tally.skips = [...missed].flatMap((name) => (allowed.has(name) ? [`not yet: ${name}: ${allowed.get(name)}`] : []))
  tally.skipped = results.failed.length - notes.failed.length
  notes.surprises = later
    .filter((one) => !missed.has(one.name))
    .map((one) => `${one.name} does not fail: take it out of test/conformance/expected.txt`)
  return { tally, notes }
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
  notes.surprises.push(...unlisted.map((name) => `${name} is not in test/conformance/expected.txt`))
  for (const { name, must, reason } of [...expected, ...unlisted.map((name) => ({ name, must: true, reason: '' }))]) {
    const passed = results.get(name) === true
    if (passed) tally.passed++
    else if (must) notes.failed.push(name)
    else tally.skips.push(`not yet: ${name}: ${reason}`)
    if (passed && !must) notes.surprises.push(`${name} passes now: make it "must" in test/conformance/expected.txt`)
  }
  tally.failed = notes.failed.length
  tally.skipped = tally.skips.length
  return { tally, notes }
}
