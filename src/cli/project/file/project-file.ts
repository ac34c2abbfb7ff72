/** The project file of a folder: slipway.yaml, or what a file of Python or TypeScript says that stands for it. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../../contract/absence/absent.ts'
import { readUserFile } from '../../../contract/absence/user-file.ts'
import type { PackedFile } from '../../../store/blobs/archive.ts'
import { CallError } from '../../../client/client.ts'
import { decoded } from '../../../pipelines/spec/code.ts'
import { faulty, readProject, type Fault } from '../../../pipelines/spec/parse.ts'
import { UsageError } from '../../invocation/command.ts'
import { pythonLoader } from './python.ts'
import { typescriptLoader } from './typescript.ts'
import { writtenBy, type Loader, type Written } from './program.ts'

export const PROJECT_FILE = 'slipway.yaml'
/** Taken where there is no slipway.yaml. */
const PROGRAMS = ['slipway_pipeline.py', 'slipway_pipeline.ts']

/** A project file, read: what a server is told, and where a fault of it stands in what the user wrote. */
export interface ProjectFile {
  /** As the user names it. */
  readonly file: string
  /** The name under which a server knows the text. */
  readonly as: string
  readonly text: string
  /** What is wrong besides what the text shows: bytes that are no text, or a program that said no whole pipeline. */
  readonly faults: readonly Fault[]
  /** True where the file came to no text, so that nothing else can be said of it. */
  readonly isBroken: boolean
  /** A fault of the text, at the line that the user wrote. */
  readonly told: (fault: Fault) => Fault
  /**
   * The files of an upload: with the text as slipway.yaml where a program wrote it. A program that is no Python is left out: no step runs it, and
   * what is no Python is part of every key.
   */
  readonly uploaded: (files: readonly PackedFile[]) => readonly PackedFile[]
}

/** Files that are programs, by how their names end. */
const LOADERS: readonly (readonly [ending: RegExp, load: (root: string) => Loader | Promise<Loader>])[] = [
  [/\.py$/, pythonLoader],
  [/\.m?[jt]s$/, typescriptLoader],
]

/** The name of the project file of a folder: the given one, or the one that is there. Throws UsageError where there is none, or two. */
export async function nameOfProjectFile(root: string, given?: string): Promise<string> {
  const names = given === undefined ? [PROJECT_FILE, ...PROGRAMS] : [given]
  const found = await Promise.all(names.map(async (name) => (await ifMissing(stat(join(root, name)))) !== undefined))
  const [name, other] = names.filter((_, i) => found[i])
  if (name === undefined) throw new UsageError(`there is no ${names[0]} in ${root}; slipway init makes one`)
  if (other !== undefined)
    throw new UsageError(`there are ${name} and ${other} in ${root}, and each is a project file; name one with --file`)
  return name
}

/** Reads a project file; a program is run for that. Prints what it prints with `say`. Throws UsageError where it is not there. */
export async function readProjectFile(
  root: string,
  given?: string,
  say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<ProjectFile> {
  const file = await nameOfProjectFile(root, given)
  const loader = LOADERS.find(([ending]) => ending.test(file))?.[1]
  if (loader === undefined) {
    const { text, fault } = decoded(await readUserFile(join(root, file)))
    const faults = fault === undefined ? [] : [{ ...fault, key: '' }]
    return { file, as: file, text, faults, isBroken: false, told: (one) => one, uploaded: (files) => files }
  }
  const written = await writtenBy(await loader(root), root, file)
  for (const line of written.printed.split('\n').filter((one) => one !== '')) say(`${file}: ${line}`)
  return ofProgram(file, written)
}

function ofProgram(file: string, written: Written): ProjectFile {
  const { text = '' } = written
  const bytes = Buffer.from(text)
  async function* content(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(bytes)
  }
  return {
    file,
    as: PROJECT_FILE,
    text,
    faults: written.faults,
    isBroken: written.text === undefined,
    told: (fault) => (fault.file === undefined ? { ...fault, ...written.placeOf(fault.key) } : fault),
    uploaded: (files) =>
      [
        ...files.filter(({ path }) => path !== PROJECT_FILE && (path !== file || file.endsWith('.py'))),
        { path: PROJECT_FILE, size: bytes.length, executable: false, source: content },
      ].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  }
}

/** All faults of a file in the order in which they stand, those of its program first where both name a key. */
export function faultsOf(project: ProjectFile, ofText: readonly Fault[]): Fault[] {
  if (project.isBroken) return [...project.faults]
  const own = new Set(project.faults.map(({ key }) => key).filter((key) => key !== ''))
  const rest = ofText.filter(({ key }) => !own.has(key)).map(project.told)
  const order = ({ file = project.file }: Fault): string => (file === project.file ? '' : file)
  return [...project.faults, ...rest].toSorted((a, b) =>
    order(a) === order(b) ? a.line - b.line : order(a) < order(b) ? -1 : 1,
  )
}

/** Throws `unprocessable` with all faults of a program's file; those of slipway.yaml are left to the server, which knows as much. */
export function refuseFaulty(project: ProjectFile): void {
  if (project.as === project.file) {
    const [fault] = project.faults
    if (fault !== undefined) throw new UsageError(`${project.file}:${fault.line}: ${fault.message}`)
    return
  }
  const faults = faultsOf(project, project.isBroken ? [] : readProject(project.text).faults)
  if (faults.length > 0) throw faulty(project.file, faults)
}

/** A call that hands over the text: what the server finds wrong in it is told where the user wrote it. Throws as the call. */
export async function withPlaces<T>(project: ProjectFile, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (project.as === project.file || !(error instanceof CallError) || error.code !== 'unprocessable') throw error
    const { faults } = error.details as { readonly faults?: readonly Fault[] }
    if (faults === undefined) throw error
    throw faulty(project.file, faultsOf(project, faults))
  }
}
