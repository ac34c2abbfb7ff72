/** The packages of a project from the environment that was observed: exact versions, with hashes where the index gives them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Problem } from '../../contract/errors.ts'
import { defaultCacheFolder } from '../../envs/cache-folder.ts'
import { packageName } from '../../envs/pins.ts'
import { runUv } from '../../envs/uv.ts'
import type { Environment, Facts, Statement } from '../facts/facts.ts'
import { refusal, type Reason } from '../read/refusal.ts'
import type { Program } from '../rewrite/program.ts'

/** Packages that a call needs and no import names. */
const NEEDED: readonly (readonly [call: RegExp, packages: readonly string[]])[] = [
  [/\.(?:read_parquet|to_parquet|read_feather|to_feather)$/, ['pyarrow', 'fastparquet']],
  [/\.(?:read_excel|to_excel)$/, ['openpyxl', 'xlrd', 'xlsxwriter']],
  [/\.(?:read_sql\w*|to_sql)$/, ['sqlalchemy', 'adbc-driver-manager']],
  [/\.read_html$/, ['lxml', 'html5lib']],
  [/\.(?:read_hdf|to_hdf)$/, ['tables']],
]
/** What saving the model needs; it is added where the environment does not have it, and said so. */
export const MLFLOW = 'mlflow-skinny==3.17.2'

/** Import names of the whole code, nested ones too. */
export function importedModules(facts: Facts): string[] {
  const names = facts.cells.flatMap((cell) =>
    cell.statements.flatMap(({ imports }) =>
      imports.filter(({ level, module }) => level === 0 && module !== '').map(({ module }) => module),
    ),
  )
  return [...new Set(names)].toSorted()
}

/** Imports that the code goes on without where they fail. */
function optionalModules(program: Program): Set<string> {
  const every = program.placed.flatMap(({ statement }) => statement.imports)
  const needed = new Set(every.filter(({ optional }) => !optional).map(({ module }) => module))
  return new Set(every.filter(({ optional, module }) => optional && !needed.has(module)).map(({ module }) => module))
}

/** Packages that calls need: for each call the ones of which one has to be there. */
export function neededPackages(statements: readonly Statement[]): (readonly string[])[] {
  const calls = statements.flatMap((one) => one.calls.map(({ text }) => text))
  return NEEDED.filter(([call]) => calls.some((text) => call.test(text))).map(([, packages]) => packages)
}

/** Throws for imports that nothing installed explains, with the cell that has them. */
export function refuseMissing(environment: Environment, program: Program): void {
  const spare = optionalModules(program)
  const reasons = environment.missing
    .filter((one) => !spare.has(one.import))
    .map((one): Reason => {
      const cell =
        program.placed.find(({ statement }) => statement.imports.some(({ module }) => module === one.import))?.cell ??
        null
      return {
        code: 'D1',
        cell,
        message: `no installed distribution explains "import ${one.import}" in ${environment.executable}`,
        remedy: `install it there, or name with --python the interpreter that ran the notebook; candidates: ${one.candidates.join(', ')}`,
      }
    })
  if (reasons.length > 0) throw refusal(reasons)
}

export interface ProjectLock {
  /** A requirements file. */
  readonly text: string
  readonly hashed: boolean
  /** Why there are no hashes; empty with them. */
  readonly why: string
}

/** The lock of an environment. Without an index, or after `limit` ms, it has exact versions and no hashes, and says why. */
export async function lockOf(environment: Environment, limit: number): Promise<ProjectLock> {
  const pins = Object.entries(environment.closure).map(([name, version]) => `${name}==${version}`)
  const all = environment.extras['mlflow-skinny'] === undefined ? [...pins, MLFLOW] : pins
  const plain = `${all.toSorted().join('\n')}\n`
  if (limit === 0) return { text: plain, hashed: false, why: 'the index was not asked' }
  const folder = await mkdtemp(join(tmpdir(), 'slipway-lock-'))
  try {
    await writeFile(join(folder, 'requirements.in'), plain)
    const args = [
      'pip',
      'compile',
      '--generate-hashes',
      '--no-header',
      '--no-annotate',
      '--quiet',
      'requirements.in',
      '--python',
      environment.executable,
    ]
    const options = { cacheFolder: defaultCacheFolder(), offline: false, plan: null, say: () => undefined }
    const { code, stdout, stderr } = await runUv(args, folder, options, { cwd: folder, limit })
    if (code === 0) return { text: stdout, hashed: true, why: '' }
    return {
      text: plain,
      hashed: false,
      why: code === 124 ? 'the index did not answer in time' : `uv: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { text: plain, hashed: false, why: error.message }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The packages of a lock. */
export function namesOf({ text }: ProjectLock): string[] {
  return [...text.matchAll(/^([A-Za-z0-9][\w.-]*)==/gm)].map(([, name = '']) => packageName(name))
}

/** Direct distributions of a program, as pyproject.toml lists them. */
export function directPins(environment: Environment): string[] {
  return Object.entries(environment.direct).map(([name, version]) => `${name}==${version}`)
}
