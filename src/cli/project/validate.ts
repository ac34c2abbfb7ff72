/** `slipway validate`: every fault of a project file with its line, without a server. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, normalize, resolve } from 'node:path'
import { addressWarnings } from '../../auth/sealed-monitor.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import { moduleFile, moduleOf } from '../../pipelines/spec/closure.ts'
import { paramNotes } from '../../pipelines/spec/declared.ts'
import { laterModules, laterNames } from '../../pipelines/spec/later.ts'
import { readFeatures, type FeaturesRead, type Fault, type Read } from '../../pipelines/spec/parse.ts'
import type { FeaturesFile, Project } from '../../pipelines/spec/project.ts'
import { compileSpec, type PipelineSpec } from '../../pipelines/spec/spec.ts'
import type { PackedFile } from '../../store/blobs/archive.ts'
import { openDiskBlobs } from '../../store/blobs/disk.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { sectionFaults, sectionText } from '../features/section.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { faultsOf, nameOfProjectFile, readProjectFile, type ProjectFile } from './file/project-file.ts'
import { projectFiles } from './files.ts'
import { proofNotes } from './since.ts'
import { syntaxFaults } from './syntax.ts'

/** Files of a project that are larger are neither code nor lists of packages, and are not read, bytes. */
const READ_LIMIT = 1024 * 1024
/** Stands for the content of a file that is not read. */
const UNREAD = `sha256:${'0'.repeat(64)}`

/** 0 when the file can be run, 1 with every fault when not. */
export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation
  const { root, file } = await fileOf(invocation.args[0] ?? '.', text(invocation, 'file'))
  const path = join(root, file)
  const project = await readProjectFile(root, file)
  const features: FeaturesRead = project.isBroken ? { faults: [], left: [] } : readFeatures(project.text)
  const read: Read = features.whole ?? { faults: features.faults, left: features.left }
  // with the code, even where the file itself has faults: all are told at once
  const checked = read.project === undefined ? undefined : await compiled(root, project)
  const code = checked === undefined ? NOTHING : await codeFaults(read.project, checked)
  const section = sectionFaults(project.text, features)
  const faults = [...faultsOf(project, [...(checked?.faults ?? read.faults), ...section.faults]), ...code.faults]
  const notes = [...warningsOf(read, checked?.spec), ...code.warnings, ...section.notes]
  const warnings = [...notes, ...(await proofNotes(root))]
  out.data({ file: path, valid: faults.length === 0, faults, warnings })
  for (const one of faults) out.line(lineOf(one, file))
  for (const warning of warnings) out.line(`note: ${warning}`)
  const uses = faults.length === 0 ? usesOf(features.project, checked?.spec) : []
  out.line(uses.length === 0 ? counted(faults.length, 'fault') : `${file} ${uses.join('; ')}`)
  return uses.length === 0 ? 1 : 0
}

/** What a file without faults is for. */
function usesOf(project: FeaturesFile | undefined, spec: PipelineSpec | undefined): string[] {
  const section = project?.features
  return [
    ...(spec === undefined ? [] : [`can be run: ${counted(spec.steps.length, 'step')}`]),
    ...(section === undefined ? [] : [`can be applied: ${sectionText(section)}`]),
  ]
}

function lineOf({ line, key, message, file }: Fault, projectFile: string): string {
  return `${file ?? projectFile}:${line}: ${key === '' ? '' : `${key}: `}${message}`
}

/** What should be known of a project that is no fault. */
function warningsOf({ project, left }: Read, spec: PipelineSpec | undefined): string[] {
  return [
    ...addressWarnings(project?.monitor ?? {}),
    ...(spec === undefined
      ? []
      : [...new Set(spec.steps.flatMap((step) => step.code.warnings)), ...laterModules(spec)]),
    ...(project === undefined || left.length > 0 ? [] : [...paramNotes(project), ...laterNames(project)]),
  ]
}

interface Code {
  readonly faults: readonly Fault[]
  readonly warnings: readonly string[]
}

const NOTHING: Code = { faults: [], warnings: [] }

/** What of the project's Python does not compile: a fault where a step runs it, a note where nobody can tell whether one does. */
async function codeFaults(project: Project | undefined, { files, spec }: Compiled): Promise<Code> {
  const sources = files.flatMap(({ path, source }) =>
    path.endsWith('.py') && typeof source === 'string' ? [{ path, source }] : [],
  )
  const followed = (spec?.steps ?? []).filter(({ code }) => code.warnings.length === 0)
  const run = new Set([
    ...entriesOf(project, new Map(sources.map(({ path }) => [path, true]))),
    ...followed.flatMap(({ code }) => Object.keys(code.files)),
  ])
  const perhaps = new Set((spec?.steps ?? []).flatMap(({ code }) => Object.keys(code.files)))
  const asked = sources.filter(({ path }) => run.has(path) || perhaps.has(path))
  if (asked.length === 0) return NOTHING
  const range = spec?.environment.requires ?? project?.python?.requires ?? ANY_PYTHON
  const found = await syntaxFaults(asked, range)
  if (found === undefined)
    return {
      faults: [],
      warnings: [`not checked here: whether the code compiles; this machine has no Python ${range}`],
    }
  return {
    faults: found.filter(({ file }) => run.has(file)).map((fault) => ({ ...fault, key: '' })),
    warnings: found
      .filter(({ file }) => !run.has(file))
      .map(({ file, line, message }) => `${file}:${line}: ${message}; whether a step loads it cannot be told`),
  }
}

const ANY_PYTHON = '>=3.10'

/** The files that steps begin with: of a module, or named by a command. */
function entriesOf(project: Project | undefined, sources: ReadonlyMap<string, unknown>): string[] {
  return Object.values(project?.pipeline.steps ?? {}).flatMap(({ run }) => {
    if (typeof run === 'string') return moduleFile(moduleOf(run), sources) ?? []
    return run.map((word) => normalize(String(word))).filter((word) => sources.has(word))
  })
}

/** The project file that the arguments name: itself, or the one of a folder. */
async function fileOf(given: string, named?: string): Promise<{ readonly root: string; readonly file: string }> {
  const path = resolve(given)
  const found = await ifMissing(stat(path))
  if (found === undefined) throw new UsageError(`${given} does not exist`)
  if (found.isDirectory()) return { root: path, file: await nameOfProjectFile(path, named) }
  if (named !== undefined)
    throw new UsageError(`${given} is a file, and --file names one of a folder; name one of them`)
  return { root: dirname(path), file: basename(path) }
}

interface Compiled {
  readonly files: readonly PackedFile[]
  /** Absent where there are faults. */
  readonly spec?: PipelineSpec
  readonly faults: readonly Fault[]
}

/** What the server would make of the project, with its code; small files are put where the compiler looks for them. */
async function compiled(root: string, project: ProjectFile): Promise<Compiled> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-validate-'))
  const files = project.uploaded(await projectFiles(root, [project.file]))
  try {
    const blobs = openDiskBlobs(folder)
    const kept = files.map(async ({ path, size, executable, source }) => {
      const digest = size > READ_LIMIT ? UNREAD : (await blobs.put(streamOf(source))).digest
      return { path, size, executable, digest }
    })
    const { digest } = await putManifest(blobs, await Promise.all(kept))
    return { files, spec: await compileSpec(blobs, project.text, digest, project.as), faults: [] }
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unprocessable') throw error
    const { faults = [{ line: 1, key: '', message: error.message }] } = error.data as { faults?: readonly Fault[] }
    return { files, faults }
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
