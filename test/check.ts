/**
 * The one check: format, lint, types, what nothing uses, Python's rules, tests, Python tests, docs in step. Ends with
 * `N passed, N failed, N skipped` (each test and each stage counts) and exits with 1 when anything failed.
 *
 * `node test/check.ts [--heavy] [--only STAGE[,STAGE]] [--no-retry] [PATH PART…]`; path parts choose test files and imply `--only tests`.
 * `--heavy` runs the second part instead: what takes too long for each change. Of its files those count as passed that passed before on
 * equal inputs, unless `--no-cache` is given; with `--until TIME` (Unix seconds) no file begins after that.
 */
import { existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { conformanceStages } from './check/conformance.ts'
import { createProgress } from './check/progress.ts'
import { pythonLintStage } from './check/python-lint.ts'
import { program, runStages } from './check/stage.ts'
import type { Outcome, Stage } from './check/stage.ts'
import { totalLine } from './check/tally.ts'
import { coverageStage, pythonStage, testStage } from './check/tests.ts'
import { timeLeft } from './check/time-left.ts'
import type { CheckTime } from './check/time-left.ts'
import { unusedStage } from './check/unused.ts'
import { runMain } from './main.ts'
import { beforeShims } from './tools.ts'

const root = resolve(import.meta.dirname, '..')

const ordinary: readonly Stage[] = [
  { name: 'format', run: () => program('oxfmt', ['--check', '.']) },
  { name: 'lint', run: () => program('oxlint', ['--quiet']) },
  { name: 'types', run: () => program('tsc', ['-p', '.']) },
  { name: 'web-types', run: webTypes },
  { name: 'unused', run: () => unusedStage(root) },
  { name: 'python-lint', run: () => pythonLintStage(root) },
  testStage(root, 'tests', 'ordinary'),
  { name: 'python', beside: true, run: (job) => pythonStage(root, 'ordinary', job) },
  { name: 'docs', run: () => program('node', ['test/generate-docs.ts', '--check']) },
]

const heavy: readonly Stage[] = [
  ...conformanceStages(root, process.env),
  testStage(root, 'heavy', 'heavy'),
  { name: 'python-stories', beside: true, run: (job) => pythonStage(root, 'heavy', job) },
]

/** In neither part: it runs most of the tests once more, takes as long as the first part, and judges nothing. */
const coverage: Stage = { name: 'coverage', run: (job) => coverageStage(root, job) }

async function webTypes(): Promise<Outcome> {
  if (!existsSync(join(root, 'web/main.tsx'))) return { ok: true, skipped: 'web/main.tsx does not exist' }
  const pages = await program('tsc', ['-p', 'web'])
  // tests of the pages run in Node, whose names the pages must not see
  return pages.ok ? await program('tsc', ['-p', 'web/tsconfig.test.json']) : pages
}

interface Plan {
  readonly stages: readonly Stage[]
  readonly filters: readonly string[]
  readonly retry: boolean
  readonly cache: boolean
  readonly time?: CheckTime
}

/** Throws on a stage that there is not. */
function chosen(): Plan {
  const flag = { type: 'boolean', default: false } as const
  const text = { type: 'string' } as const
  const options = { only: text, until: text, heavy: flag, 'no-retry': flag, 'no-cache': flag }
  const { values, positionals: filters } = parseArgs({ options, allowPositionals: true })
  const time = values.until === undefined ? undefined : timeLeft(secondsOf(values.until) * 1000)
  const how = { filters, retry: !values['no-retry'], cache: !values['no-cache'], ...(time !== undefined && { time }) }
  const only = values.only ?? (filters.length > 0 ? 'tests' : undefined)
  if (only === undefined) return { stages: values.heavy ? heavy : ordinary, ...how }
  const all = [...ordinary, ...heavy, coverage]
  const names = only.split(',')
  const unknown = names.filter((name) => !all.some((stage) => stage.name === name))
  if (unknown.length > 0) {
    throw new Error(`no stage ${unknown.join(', ')}; there are ${all.map((stage) => stage.name).join(', ')}`)
  }
  return { stages: all.filter((stage) => names.includes(stage.name)), ...how }
}

function secondsOf(until: string): number {
  if (!/^\d+$/.test(until)) throw new Error(`--until is ${until}, and not a time in Unix seconds`)
  return Number(until)
}

async function main(): Promise<number> {
  // Programs of the checkout first, so that a test that starts `node` gets this one and not an older one of the system.
  process.env['PATH'] = [join(root, 'node_modules/.bin'), ...beforeShims(), process.env['PATH'] ?? ''].join(delimiter)
  const { stages, ...how } = chosen()
  const progress = createProgress(process.stdout)
  const [failures, lucky]: [string[], string[]] = [[], []]
  const total = await runStages(stages, {
    ...how,
    progress,
    failed: (name, report) => void failures.push(`${name}:\n${report}`),
    passedAgain: (name, report) => void lucky.push(`${name}:\n${report}`),
  })
  if (total.skips.length > 0) console.log(['', 'skipped:', ...total.skips.map((line) => `  ${line}`)].join('\n'))
  if (lucky.length > 0) console.log(['', 'passed at the second try:', ...lucky].join('\n'))
  // whoever reads only the end of a long log finds the reason there
  if (failures.length > 0) console.log(['', 'failed:', ...failures].join('\n'))
  console.log(`\n${totalLine(total)}`)
  // what is still being built for files that had no time left is not waited for
  if (how.time !== undefined) process.exit(total.failed === 0 ? 0 : 1)
  return total.failed === 0 ? 0 : 1
}

// An exit handler ends the processes of tests: a signal must not end this process before it runs.
await runMain('check', main)
