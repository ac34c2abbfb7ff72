/**
 * Runs other projects' client scripts against a real server and compares what passes with `test/conformance/expected.txt`.
 *
 * `node test/conformance/run.ts SUITE_FOLDER [TESTS]`; the folder holds `run.sh` and `clients/`. With TESTS, a folder that holds MLflow's
 * own `tests/`, those of its server are run instead, and all but the ones that the suite or `test/conformance/expected.txt` names must pass. Ends with `N passed, N failed, N skipped`; exits
 * with 1 when a script that must pass does not.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expectations, judge, judgeTests, scriptResults, testResults } from './results.ts'
import { totalLine } from '../check/tally.ts'
import { until } from '../until.ts'

const root = resolve(import.meta.dirname, '../..')
const SUITE_LIMIT_MS = 900_000
const TESTS_LIMIT_MS = 5_400_000
/** What of MLflow's own tests asks a running server. */
const TESTS = ['tracking', 'registry', 'webhooks', 'artifacts', 'otel']
const STOP_LIMIT_MS = 60_000

/** Starts a server with an empty store and resolves with its address once it answers; throws when it ends before. */
async function startServer(data: string): Promise<{ server: ChildProcess; url: string }> {
  const args = ['serve', '--data', data, '--port', '0', '--gateway-port', '0', '--no-auth', '--json']
  const server = spawn(join(root, 'slipway'), args, {
    env: { ...process.env, SLIPWAY_TEST_HOOKS: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const file = join(data, 'server.json')
  await until('a server that is ready', () => {
    if (server.exitCode !== null) throw new Error(`the server ended with code ${server.exitCode} before it was ready`)
    return existsSync(file)
  })
  return { server, url: (JSON.parse(readFileSync(file, 'utf8')) as { url: string }).url }
}

/** Asks a process to end, and kills it when it does not within the limit. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('close', done))
  child.kill('SIGTERM')
  // by the clock: only what does not end by itself is killed
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await ended
  clearTimeout(killer)
}

interface Running {
  readonly url: string
  readonly parts: readonly string[]
  readonly limitMs: number
  /** Folder with MLflow's own `tests/`. */
  readonly tests?: string
}

/** Runs parts of the suite from a copy, because it writes beside itself; resolves with what it printed. */
function runSuite(suite: string, { url, parts, limitMs, tests }: Running): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'slipway-conformance')
  mkdirSync(cache, { recursive: true })
  const child = spawn('bash', [join(suite, 'run.sh'), url, ...parts], {
    env: { ...process.env, VENV: join(cache, 'mlflow'), ...(tests !== undefined && { SUITE_DIR: tests }) },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: limitMs,
  })
  let printed = ''
  child.stdout.on('data', (chunk) => {
    printed += String(chunk)
    process.stdout.write(chunk)
  })
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', () => done(printed))
  })
}

async function main(folder: string, tests: string | undefined): Promise<number> {
  const work = mkdtempSync(join(tmpdir(), 'slipway-conformance-'))
  const suite = join(work, 'suite')
  cpSync(folder, suite, { recursive: true })
  const data = join(work, 'data')
  const { server, url } = await startServer(data)
  try {
    const expected = expectations(readFileSync(join(root, 'test/conformance/expected.txt'), 'utf8'))
    if (tests !== undefined) {
      const printed = await runSuite(suite, { url, parts: TESTS, limitMs: TESTS_LIMIT_MS, tests })
      const { tally, notes } = judgeTests(expected, testResults(printed))
      for (const line of [...notes.failed, ...notes.surprises, ...tally.skips]) console.log(line)
      console.log(`\n${totalLine(tally)}`)
      return tally.failed === 0 ? 0 : 1
    }
    const scripts = expected.filter((one) => one.name.endsWith('.py'))
    const printed = await runSuite(suite, { url, parts: ['clients'], limitMs: SUITE_LIMIT_MS })
    const { tally, notes } = judge(scripts, scriptResults(printed))
    for (const name of notes.failed) {
      const log = join(suite, 'out', `${name}.log`)
      console.log(`\n${name}\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : 'did not run'}`)
    }
    for (const line of [...notes.surprises, ...tally.skips]) console.log(line)
    console.log(`\n${totalLine(tally)}`)
    return tally.failed === 0 ? 0 : 1
  } finally {
    await stop(server)
    rmSync(work, { recursive: true, force: true })
  }
}

const [folder, tests] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: node test/conformance/run.ts SUITE_FOLDER [TESTS]')
process.exitCode = await main(resolve(folder), tests === undefined ? undefined : resolve(tests))
