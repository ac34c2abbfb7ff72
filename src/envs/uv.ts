/** Finds uv, the resolver and installer, or brings it from PyPI once; and tells its failures in plain words. */
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { clockSays } from '../client/clock.ts'
import { problem } from '../contract/errors.ts'
import { confined, type Plan } from '../isolation/plan.ts'
import { runCommand, type CommandOptions, type Outcome } from './command.ts'
import { withLock } from './file-lock.ts'
import { findPython } from './python.ts'

/** The version that is brought where there is none. */
export const UV_VERSION = '0.13.9'
/** Older ones lack options that are used here. */
const OLDEST = [0, 5, 0]

export interface UvOptions {
  readonly cacheFolder: string
  readonly offline: boolean
  /** How what runs code of packages is confined. */
  readonly plan: Plan | null
  readonly say: (line: string) => void
}

/** Looks in the cache folder, then on PATH, then fetches. Throws `unavailable` when it is neither there nor to be had. */
export async function findUv({ cacheFolder, offline, say }: Omit<UvOptions, 'plan'>): Promise<string> {
  const home = join(cacheFolder, 'uv', UV_VERSION)
  const own = join(home, 'bin', 'uv')
  if (existsSync(join(home, '.complete'))) return own
  if (await isRecent('uv')) return 'uv'
  if (offline) throw noNetwork('the tool uv is not installed, and the network may not be used; install uv')
  await mkdir(join(cacheFolder, 'uv'), { recursive: true })
  return withLock(`${home}.lock`, async () => {
    if (existsSync(join(home, '.complete'))) return own
    say(`bringing uv ${UV_VERSION} from PyPI; this happens once`)
    const python = await findPython('>=3.8')
    await rm(home, { recursive: true, force: true })
    const made = await runCommand(python.path, ['-m', 'venv', home])
    if (made.code !== 0) throw broken(`python -m venv failed: ${lastLine(made.stdout + made.stderr)}`)
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `uv==${UV_VERSION}`]
    const installed = await runCommand(join(home, 'bin', 'python'), pip)
    if (installed.code !== 0) throw explainPip(installed.stderr)
    await writeFile(join(home, '.complete'), '')
    return own
  })
}

/** Settings for uv from those that pip users have, where uv has none of its own. */
export function uvEnvironment(cacheFolder: string): Record<string, string | undefined> {
  const env = process.env
  return {
    UV_CACHE_DIR: env['UV_CACHE_DIR'] ?? join(cacheFolder, 'uv-cache'),
    UV_DEFAULT_INDEX: givenIndex(),
    SSL_CERT_FILE: env['SSL_CERT_FILE'] ?? env['PIP_CERT'],
    UV_FIND_LINKS: env['UV_FIND_LINKS'] ?? env['PIP_FIND_LINKS'],
    UV_NO_PROGRESS: '1',
    UV_PYTHON_DOWNLOADS: 'never',
    VIRTUAL_ENV: undefined,
  }
}

function givenIndex(): string | undefined {
  const { env } = process
  return env['UV_DEFAULT_INDEX'] ?? env['UV_INDEX_URL'] ?? env['PIP_INDEX_URL']
}

/** The index that packages come from. */
export function packageIndex(): string {
  return givenIndex() ?? 'https://pypi.org/simple'
}

/** Runs uv where it may run code of packages, as their build: it writes its cache and the folder that is given, and sees nothing of the server's. */
export async function runUv(
  args: readonly string[],
  folder: string,
  options: UvOptions,
  more: CommandOptions,
): Promise<Outcome> {
  const program = await findUv(options)
  const env = { ...uvEnvironment(options.cacheFolder), ...more.env }
  const cache = env['UV_CACHE_DIR'] ?? ''
  await mkdir(cache, { recursive: true })
  const command = confined(options.plan, { program, args }, { show: [options.cacheFolder], write: [folder, cache] })
  return runCommand(command.program, command.args, { ...more, env })
}

/** A failure of uv as a problem: no network names what was asked for, a conflict names the packages. */
export function explainUv(stderr: string): Error {
  const text = stripVTControlCharacters(stderr).trim()
  if (/network was disabled|--offline/i.test(text)) {
    return noNetwork(`it was told to work offline, and not all is cached: ${causes(text)}`)
  }
  if (/error sending request|Failed to fetch|dns error|tcp connect|timed out|Connection (refused|reset)/i.test(text)) {
    const asked = /Failed to (?:fetch|download)[^\n]*?[`:]\s*`?([^\s`]+)/.exec(text)?.[1]
    const what = asked === undefined ? 'the package index' : packageOf(asked)
    if (BY_TIME.test(text)) return noNetwork(`${what}: its certificate does not hold, and ${clockSays(Date.now())}`)
    return noNetwork(
      `${what} could not be fetched (${lastLine(text)}); connect to the network, or set UV_DEFAULT_INDEX to a mirror`,
    )
  }
  const unknown = /Because (\S+) was not found in the package registry/.exec(text.replaceAll(/\s+/g, ' '))?.[1]
  if (unknown !== undefined) {
    const detail = `the package index has no package "${unknown}"; check its name where the project lists its packages`
    return problem('unprocessable', { detail, reason: 'packages' })
  }
  if (/No solution found|unsatisfiable|conflict/i.test(text)) {
    return problem('unprocessable', {
      detail: `the packages cannot be installed together: ${causes(text)}`,
      reason: 'packages',
    })
  }
  const other = /Hash mismatch for `?([^`\n]+)/.exec(text)?.[1]
  if (other !== undefined) {
    const detail = `the package index has another file of ${other} than the lock names by its hash; where you trust it, lock the package anew`
    return problem('unprocessable', { detail, reason: 'packages' })
  }
  // what uv says of its way before it fails would leave no room for why
  const why = text.slice(Math.max(0, text.search(/^\s*(?:error:|×)/m)))
  return problem('unprocessable', {
    detail: `the environment cannot be made: ${why.slice(-2000).trim()}`,
    reason: 'packages',
  })
}

function explainPip(stderr: string): Error {
  if (BY_TIME.test(stderr)) return noNetwork(`PyPI: its certificate does not hold, and ${clockSays(Date.now())}`)
  if (/NewConnectionError|ConnectionError|Could not fetch URL|Max retries|No matching distribution/i.test(stderr)) {
    return noNetwork(
      `the tool uv is not installed and could not be fetched from PyPI; install uv, or connect to the network once (${lastLine(stderr)})`,
    )
  }
  return broken(lastLine(stderr))
}

async function isRecent(program: string): Promise<boolean> {
  const { code, stdout } = await runCommand(program, ['--version'], { limit: 10_000 })
  const found = /uv (\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number)
  if (code !== 0 || found === undefined) return false
  const at = OLDEST.findIndex((part, i) => part !== found[i])
  return at < 0 || (found[at] ?? 0) > (OLDEST[at] ?? 0)
}

/** `https://packages.example/simple/six/` names the package six. */
function packageOf(url: string): string {
  const name = /\/simple\/([^/]+)/.exec(url)?.[1]
  return name === undefined ? url : `the package "${name}" (${url})`
}

function causes(text: string): string {
  const found = text
    .split('\n')
    .map((line) => /^\s*(?:cause:|╰─▶|Caused by:)\s*(.*)$/.exec(line)?.[1])
    .filter((line) => line !== undefined)
  return (found.length > 0 ? found.join('; ') : text).slice(0, 1500)
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .at(-1)
      ?.trim()
      .replace(/^cause:\s*/, '') ?? ''
  )
}

function noNetwork(detail: string): Error {
  return problem('unavailable', { what: 'the package index', detail, reason: 'network' })
}

/** Of uv and of pip: a certificate is compared with the time of this machine, which may be the one that is wrong. */
const BY_TIME = /certificate (?:has )?expired|certificate (?:is )?not (?:yet )?valid/i

function broken(detail: string): Error {
  return problem('unprocessable', { detail: `uv could not be installed: ${detail}`, reason: 'packages' })
}
