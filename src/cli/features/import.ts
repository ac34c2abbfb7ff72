/** `slipway features import feast REPO`: the definitions of a Feast repository as sections of a project file, and what they lack. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { importRepository, importText } from '../../features/feast/import.ts'
import { FeastRepository } from '../../features/feast/repository.ts'
import { PACKAGE_DIR } from '../../isolation/plan.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { runBounded } from '../project/file/bounded.ts'

/** Importing pandas and Feast alone takes seconds. */
const LIMIT_MS = 300_000
const MOST_SAID = 64 * 1024 * 1024
const WAY = 'slipway features import feast REPO'

/**
 * Prints both sections as YAML, or writes them to the file of `--output`. The files of the repository are run, as `feast apply` runs them,
 * by the interpreter of `--python`, which has Feast and what the repository imports. `args`: `feast` and the folder.
 */
export async function importFeast(invocation: Invocation, args: readonly string[]): Promise<number> {
  const [kind, given] = args
  if (kind !== 'feast' || given === undefined) throw new UsageError(`features import needs a Feast repository: ${WAY}`)
  const { out } = invocation
  const output = text(invocation, 'output')
  const python = text(invocation, 'python') ?? 'python3'
  const folder = resolve(given)
  if ((await ifMissing(stat(join(folder, 'feature_store.yaml')))) === undefined)
    throw new UsageError(`${given} has no feature_store.yaml; expected the folder of a Feast repository`)
  if (output !== undefined && (await ifMissing(stat(resolve(output)))) !== undefined)
    throw new UsageError(`${output} exists already; it is left as it is. Name another file with --output`)
  const imported = importRepository(await readRepository(folder, python))
  const yaml = importText(imported, given)
  if (output !== undefined) await writeFile(resolve(output), yaml, { flag: 'wx' })
  out.data({ ...imported, written: output === undefined ? null : resolve(output) })
  if (output === undefined) {
    out.line(yaml.trimEnd())
    return 0
  }
  const { entities, views, services } = imported.features
  const counts = [
    counted(entities, 'entity', 'entities'),
    counted(views, 'view', 'views'),
    counted(services, 'service', 'services'),
  ]
  out.line(`wrote ${output}: ${counts.join(', ')}`)
  for (const { what, why } of imported.left) out.line(`not carried over, or not as it was: ${what}: ${why}`)
  return 0
}

function counted(things: object, one: string, more: string): string {
  const count = Object.keys(things).length
  return `${count} ${count === 1 ? one : more}`
}

async function readRepository(folder: string, python: string): Promise<FeastRepository> {
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-feast-'))
  const file = join(scratch, 'repository.json')
  try {
    const ended = await runBounded(python, [join(PACKAGE_DIR, 'slipway/features/command.py'), folder, file], {
      cwd: folder,
      env: { ...ofTheUser(), PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
      limit: LIMIT_MS,
      most: MOST_SAID,
    })
    const { why, code, printed } = ended
    if (why === 'absent')
      throw new UsageError(`there is no program "${python}"; name the Python that has Feast with --python`)
    if (why === 'late') throw new UsageError(`the repository took more than ${LIMIT_MS / 1000} s to be read`)
    if (why === 'flood') throw new UsageError('the repository prints too much while it is read')
    if (code !== 0) throw new UsageError(`${python} ended with ${code}: ${printed.slice(-2000).trim()}`)
    const said = JSON.parse(await readFile(file, 'utf8')) as unknown
    const fault = (said as { readonly fault?: unknown }).fault
    if (typeof fault === 'string') throw new UsageError(`the repository cannot be read: ${fault}${advice(fault)}`)
    return FeastRepository.parse(said)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function advice(fault: string): string {
  return fault.includes('has no module') ? '. Name the Python that has it with --python' : ''
}

/** It runs what the user wrote, as the user; what is Slipway's own is no part of that. */
function ofTheUser(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || name.startsWith('SLIPWAY_') ? [] : [[name, value]],
    ),
  )
}
