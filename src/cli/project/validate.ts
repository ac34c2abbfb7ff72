/** `slipway validate`: every fault of a project file with its line, without a server. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import { laterModules, laterNames } from '../../pipelines/spec/later.ts'
import { readProject, type Fault } from '../../pipelines/spec/parse.ts'
import { compileSpec, type PipelineSpec } from '../../pipelines/spec/spec.ts'
import { openDiskBlobs } from '../../store/blobs/disk.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { PROJECT_FILE, projectFiles } from './files.ts'

/** Files of a project that are larger are neither code nor lists of packages, and are not read, bytes. */
const READ_LIMIT = 1024 * 1024
/** Stands for the content of a file that is not read. */
const UNREAD = `sha256:${'0'.repeat(64)}`

/** 0 when the file can be run, 1 with every fault when not. */
export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation
  const path = await fileOf(invocation.args[0] ?? '.')
  const file = basename(path)
  const text = await readFile(path, 'utf8')
  const read = readProject(text)
  // with the code, even where the file itself has faults: all are told at once
  const checked = read.project === undefined ? read : await compiled(dirname(path), file, text)
  const faults = 'faults' in checked ? checked.faults.toSorted((a, b) => a.line - b.line) : []
  const known = 'spec' in checked ? [...new Set(checked.spec.steps.flatMap((step) => step.code.warnings))] : []
  const modules = 'spec' in checked ? laterModules(checked.spec) : []
  const warnings = [
    ...known,
    ...modules,
    ...(read.project === undefined || read.left.length > 0 ? [] : laterNames(read.project)),
  ]
  out.data({ file: path, valid: faults.length === 0, faults, warnings })
  for (const fault of faults) {
    out.line(`${file}:${fault.line}: ${fault.key === '' ? '' : `${fault.key}: `}${fault.message}`)
  }
  for (const warning of warnings) out.line(`note: ${warning}`)
  if ('spec' in checked) out.line(`${file} can be run: ${counted(checked.spec.steps.length, 'step')}`)
  else out.line(counted(faults.length, 'fault'))
  return faults.length === 0 ? 0 : 1
}

/** The project file that an argument names: itself, or the one of a folder. */
async function fileOf(given: string): Promise<string> {
  const path = resolve(given)
  const found = await ifMissing(stat(path))
  if (found === undefined) throw new UsageError(`${given} does not exist`)
  const file = found.isDirectory() ? join(path, PROJECT_FILE) : path
  if ((await ifMissing(stat(file))) === undefined) {
    throw new UsageError(`there is no ${PROJECT_FILE} in ${path}; slipway init makes one`)
  }
  return file
}

/** What the server would make of the project, with its code; small files are put where the compiler looks for them. */
async function compiled(
  root: string,
  file: string,
  text: string,
): Promise<{ spec: PipelineSpec } | { faults: readonly Fault[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-validate-'))
  try {
    const blobs = openDiskBlobs(folder)
    const files = (await projectFiles(root, [file])).map(async ({ path, size, executable, source }) => {
      const digest = size > READ_LIMIT ? UNREAD : (await blobs.put(streamOf(source))).digest
      return { path, size, executable, digest }
    })
    const { digest } = await putManifest(blobs, await Promise.all(files))
    return { spec: await compileSpec(blobs, text, digest, file) }
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unprocessable') throw error
    const { faults = [{ line: 1, key: '', message: error.message }] } = error.data as { faults?: readonly Fault[] }
    return { faults }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function streamOf(source: string | (() => AsyncIterable<Uint8Array>)): AsyncIterable<Uint8Array> {
  return typeof source === 'string' ? createReadStream(source) : source()
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
