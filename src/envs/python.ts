/** Finds a Python interpreter that a project can use. */
import { problem } from '../contract/errors.ts'
import { runCommand } from './command.ts'
import { satisfies } from './versions.ts'

/** An interpreter of this machine. */
export interface Interpreter {
  readonly path: string
  /** For example 3.11.7. */
  readonly version: string
  /** System, processor and ABI, for example linux-x86_64-cpython-311. */
  readonly platform: string
}

const PROBE = `
import json, os, platform, sys, sysconfig
if sys.version_info < (3, 2):
    print(json.dumps([sys.executable, platform.python_version(), ""]))
else:
    base = getattr(sys, "_base_executable", None) or sys.executable
    tag = sys.implementation.cache_tag or sys.implementation.name
    print(json.dumps([os.path.realpath(base), platform.python_version(), sysconfig.get_platform() + "-" + tag]))
`

const NAMES = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14']
const probed = new Map<string, Promise<Interpreter | undefined>>()

/**
 * The first interpreter whose version is in `range`: that of SLIPWAY_PYTHON, else of the names above on PATH. Throws
 * `unprocessable` that names what was found and what is needed.
 */
export async function findPython(
  range: string,
  candidates: readonly string[] = defaultCandidates(),
): Promise<Interpreter> {
  const seen: Interpreter[] = []
  for (const name of candidates) {
    const found = await probe(name)
    if (found === undefined) continue
    if (satisfies(found.version, range)) return found
    if (!seen.some((other) => other.path === found.path)) seen.push(found)
  }
  const remedy = `install a Python ${range}, or name one in the environment variable SLIPWAY_PYTHON`
  const list = seen.map(({ version, path }) => `${version} (${path})`).join(', ')
  const detail =
    seen.length === 0
      ? `no Python was found, and the project requires ${range}; ${remedy}`
      : `the project requires Python ${range}, and this machine has ${list}; ${remedy}`
  throw problem('unprocessable', { detail, reason: 'python' })
}

function defaultCandidates(): string[] {
  const given = process.env['SLIPWAY_PYTHON']
  return given === undefined || given === '' ? NAMES : [given]
}

/** Asks an interpreter once per name and process. */
function probe(name: string): Promise<Interpreter | undefined> {
  const known = probed.get(name)
  if (known !== undefined) return known
  const asked = runCommand(name, ['-c', PROBE], { limit: 30_000 }).then(({ code, stdout }) => {
    if (code !== 0) return undefined
    const [path, version, platform] = JSON.parse(stdout) as [string, string, string]
    return { path, version, platform }
  })
  probed.set(name, asked)
  return asked
}
