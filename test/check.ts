/**
 * The one check: format, lint, types, tests, Python tests, docs in step. Ends with `N passed, N failed, N skipped` (each
 * test and each stage counts) and exits with 1 when anything failed.
 *
 * `node test/check.ts [--only STAGE[,STAGE]] [PATH PART…]`; path parts choose test files and imply `--only tests`.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { testEnv } from './python-env.ts'
import { pythonTests, runPythonSuite } from './check/python-suite.ts'
import { PACKAGES } from './serving-models.ts'
import { runSuite, testFiles } from './check/suite.ts'
import { emptyTally, sum, totalLine } from './check/tally.ts'
import type { Tally } from './check/tally.ts'
import { findPython } from './tools.ts'

const root = resolve(import.meta.dirname, '..')
const SUITE = { concurrency: 2, limitMs: 300_000 }
const STAGE_LIMIT_MS = 600_000
/** Files slower than this are named, so that nobody has to look for what makes the check slow. */
const SLOW_SECONDS = 10

/** What a stage reports: counts of its own tests beside the stage itself, what to print, and why it did not run. */
interface Outcome {
  ok: boolean
  report?: string
  tally?: Tally
  skipped?: string
  notes?: string[]
}

interface Stage {
  name: string
  run: (filters: readonly string[]) => Promise<Outcome>
}

const stages: readonly Stage[] = [
  { name: 'format', run: () => program('oxfmt', ['--check', '.']) },
  { name: 'lint', run: () => program('oxlint', ['--quiet']) },
  { name: 'types', run: () => program('tsc', ['-p', '.']) },
  { name: 'web-types', run: webTypes },
  { name: 'tests', run: nodeTests },
  { name: 'python', run: pythonStage },
  { name: 'docs', run: () => program('node', ['test/generate-docs.ts', '--check']) },
]

function program(name: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    const file = name === 'node' ? process.execPath : join(root, 'node_modules/.bin', name)
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: STAGE_LIMIT_MS })
    let report = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (report += String(chunk)))
    child.on('error', (error) => done({ ok: false, report: error.message }))
    child.on('close', (code, signal) => {
      done({ ok: code === 0, report: signal === null ? report : `${report}\n${name} was ended by ${signal}` })
    })
  })
}

async function webTypes(): Promise<Outcome> {
  if (!existsSync(join(root, 'web/main.tsx'))) return { ok: true, skipped: 'web/main.tsx does not exist' }
  return await program('tsc', ['-p', 'web'])
}

async function nodeTests(filters: readonly string[]): Promise<Outcome> {
  const files = testFiles(root, filters)
  if (files.length === 0) return { ok: false, report: `no test file matches ${filters.join(', ')}` }
  const { tally, report, durations } = await runSuite(root, files, SUITE)
  const slow = durations.filter((file) => file.seconds > SLOW_SECONDS)
  const notes = slow.map(({ file, seconds }) => `  slow: ${file} ${seconds.toFixed(1)} s`)
  return { ok: tally.failed === 0, tally, report, notes }
}

async function pythonStage(): Promise<Outcome> {
  if (pythonTests(root).length === 0) return { ok: true, skipped: 'python/tests has no tests' }
  const python = findPython()
  if (python === undefined) return { ok: false, report: 'Python is missing; install Python 3.10 or newer' }
  // with what the scorer's own tests need; without the network and a warm cache they are skipped by name
  const { tally, report } = await runPythonSuite(root, await testEnv(PACKAGES).catch(() => python))
  return { ok: tally.failed === 0, tally, report }
}

/** Runs one stage and prints its line; the full report only when it failed. */
async function runStage(stage: Stage, filters: readonly string[]): Promise<Tally> {
  const started = performance.now()
  const outcome = await stage.run(filters)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const own = emptyTally()
  if (outcome.skipped === undefined) own[outcome.ok ? 'passed' : 'failed'] = 1
  else own.skipped = 1
  if (outcome.skipped !== undefined) own.skips.push(`${stage.name}: ${outcome.skipped}`)
  const word = outcome.skipped === undefined ? (outcome.ok ? 'ok' : 'FAILED') : 'skipped'
  const counts = outcome.tally === undefined ? '' : `  (${totalLine(outcome.tally)})`
  if (!outcome.ok) console.log(outcome.report ?? '')
  console.log([`${stage.name.padEnd(10)} ${word.padEnd(7)} ${seconds} s${counts}`, ...(outcome.notes ?? [])].join('\n'))
  return sum([own, outcome.tally ?? emptyTally()])
}

function chosen(): { stages: readonly Stage[]; filters: string[] } {
  const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true })
  const only = values.only ?? (positionals.length > 0 ? 'tests' : undefined)
  if (only === undefined) return { stages, filters: [] }
  const names = only.split(',')
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name))
  if (unknown.length > 0) {
    throw new Error(`no stage ${unknown.join(', ')}; there are ${stages.map((stage) => stage.name).join(', ')}`)
  }
  return { stages: stages.filter((stage) => names.includes(stage.name)), filters: positionals }
}

async function main(): Promise<number> {
  // Programs of the checkout first, so that a test that starts `node` gets this one and not an older one of the system.
  process.env['PATH'] = [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter)
  const plan = chosen()
  const tallies: Tally[] = []
  for (const stage of plan.stages) tallies.push(await runStage(stage, plan.filters))
  const total = sum(tallies)
  if (total.skips.length > 0) console.log(['', 'skipped:', ...total.skips.map((line) => `  ${line}`)].join('\n'))
  console.log(`\n${totalLine(total)}`)
  return total.failed === 0 ? 0 : 1
}

// An exit handler ends the processes of tests; without these lines a signal would end this process before it runs.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`check: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
}
