/** How a workflow runs the tests that a project keeps: by its lock where it has one. */
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path/posix'
import { quoted } from '../../ci/templates/stages.ts'
import type { Tests } from '../../ci/templates/stages.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { readUserText } from '../../contract/absence/user-file.ts'
import { UV_VERSION } from '../../envs/uv.ts'
import type { PythonSection } from '../../envs/request.ts'

/** What runs the tests where the project names no pytest of its own. */
const PYTEST = 'pytest==9.2.0'
const NAMES_PYTEST = /^(?:name = "pytest"$|pytest(?![\w-]))/m

/**
 * Tests as people keep them: a folder `tests`, or files `test_*.py`; by pytest, which runs those of unittest too. Undefined where there are
 * none.
 */
export async function testsOf(project: string, python: PythonSection | undefined): Promise<Tests | undefined> {
  const entries = await readdir(project, { withFileTypes: true })
  const has = (name: string, folder: boolean): boolean =>
    entries.some((one) => one.name === name && one.isDirectory() === folder)
  const files = entries.some((one) => one.isFile() && /^test_.*\.py$/.test(one.name))
  if (!has('tests', true) && !files) return undefined
  const { install, decidedBy, named } = await packagesOf(project, python, (name) => has(name, false))
  const pytest = named ? [] : [pip(PYTEST)]
  return {
    install: [...install, ...pytest],
    decidedBy,
    module: ['pytest', '-q', ...(has('tests', true) ? ['tests'] : [])],
  }
}

/** How the project's packages come into the environment, the file that decides which, and whether pytest is one of them. */
interface Packages {
  readonly install: readonly string[]
  readonly decidedBy: string
  readonly named: boolean
}

/** As `requestOf` of the environments chooses among the files. */
async function packagesOf(
  project: string,
  python: PythonSection | undefined,
  has: (name: string) => boolean,
): Promise<Packages> {
  const { packages, requirements, pyproject, lock } = python ?? {}
  const isOpen = [packages, requirements, pyproject].every((one) => one === undefined)
  const locked = lock ?? (isOpen && has('uv.lock') ? 'uv.lock' : undefined)
  const named = async (path: string): Promise<boolean> =>
    NAMES_PYTEST.test((await ifMissing(readUserText(join(project, path)))) ?? '')
  if (locked !== undefined) return { install: byLock(dirname(locked)), decidedBy: locked, named: await named(locked) }
  if (packages !== undefined) return byList(packages)
  const listed =
    requirements ?? (isOpen && !has('pyproject.toml') && has('requirements.txt') ? 'requirements.txt' : undefined)
  // by itself: what has hashes takes no package without
  if (listed !== undefined) return { install: [pip('-r', listed)], decidedBy: listed, named: await named(listed) }
  if (pyproject === undefined && !has('pyproject.toml')) return { install: [], decidedBy: '', named: false }
  return { install: [pip('.')], decidedBy: pyproject ?? 'pyproject.toml', named: false }
}

function byList(packages: readonly string[]): Packages {
  const named = packages.some((one) => NAMES_PYTEST.test(one))
  return { install: packages.length === 0 ? [] : [pip(...packages)], decidedBy: '', named }
}

/** What the tests import is compiled when it is, and the rest never. */
function pip(...words: readonly string[]): string {
  return `"$environment/bin/pip" install --quiet --no-compile ${words.map(quoted).join(' ')}`
}

/** The versions and hashes of uv.lock, with the groups that projects keep for their tests; refused where the lock is not of the project. */
function byLock(folder: string): readonly string[] {
  return [
    pip(`uv==${UV_VERSION}`),
    `UV_PROJECT_ENVIRONMENT="$environment" "$environment/bin/uv" sync --quiet --locked --inexact --all-groups${folder === '.' ? '' : ` --project ${quoted(folder)}`}`,
  ]
}
