/** The proof of a package that `slipway package` made: the report that lies among the files of a version, and whether it is of this code. */
import { queryOptions } from '@tanstack/react-query'
import type { registryApi } from '../../../src/contract/registry.ts'
import { differing, sinceProof, verdictHere, type Difference } from '../../../src/contract/packages/proof.ts'
import { readReport, readTraining, type ReadReport } from '../../../src/contract/packages/read.ts'
import { call, fileText } from '../api.ts'
import { bytes } from '../../../src/contract/text/format.ts'

/** Where `save` of a package puts the report, among the files of the model. */
export const REPORT = 'package-report.json'
/** Where it puts what the model was trained with. */
export const TRAINING = 'package-training.json'
/** A report above this is not read by a page, bytes. */
const LARGEST = 16 * 1024 * 1024

export interface PackageProof extends Pick<
  ReadReport,
  'source' | 'verdict' | 'why' | 'predictions' | 'asked' | 'pieces' | 'invented' | 'cells' | 'changes'
> {
  readonly saved: string
  /** What the report says of the package; `verdict` is of this version. */
  readonly said: ReadReport['verdict']
  /** What of this version is not what was proved. */
  readonly differences: readonly Difference[]
  /** What nobody recorded, so that nobody knows whether it is what was proved; empty where all is known. */
  readonly untold: string
}

export type FoundProof =
  | { readonly state: 'absent' }
  /** There is a report that says nothing. */
  | { readonly state: 'broken'; readonly why: string }
  | { readonly state: 'found'; readonly proof: PackageProof }

interface VersionFile {
  readonly path: string
  readonly size: number
  readonly digest: string
}

export const packageProof = (name: string, version: string) =>
  queryOptions({
    queryKey: ['models', 'proof', name, version],
    queryFn: async ({ signal }): Promise<FoundProof> => {
      const params = { name, version }
      const { items } = await call<typeof registryApi.versionFiles>('GET', '/v1/models/:name/versions/:version/files', {
        signal,
        params,
      })
      const file = items.find(({ path }) => path === REPORT)
      if (file === undefined) return { state: 'absent' }
      if (file.size > LARGEST) return { state: 'broken', why: `it has ${bytes(file.size)}, too much for a page` }
      const textOf = async (path: string): Promise<string> =>
        fileText<typeof registryApi.versionFile>('GET', '/v1/models/:name/versions/:version/file', {
          signal,
          params,
          query: { path },
        })
      const trained = items.find(({ path }) => path === TRAINING)
      const training = trained === undefined || trained.size > LARGEST ? undefined : await textOf(TRAINING)
      return readProof({ report: await textOf(REPORT), training }, items)
    },
    // files of a version never change
    staleTime: Number.POSITIVE_INFINITY,
  })

interface Texts {
  readonly report: string
  /** Undefined for versions whose training recorded nothing. */
  readonly training: string | undefined
}

/** Reads a report. `files` are those of the version: its code has to be that of the proof, and its model that of the training. */
export function readProof({ report: text, training }: Texts, files: readonly VersionFile[]): FoundProof {
  const report = readReport(text)
  if ('broken' in report) return { state: 'broken', why: report.broken }
  const { source, verdict: said, predictions, asked, pieces, invented, saved, cells, changes } = report
  const held = heldAgainst(report, training, files)
  return {
    state: 'found',
    proof: {
      source,
      said,
      ...verdictHere(report, held.differences),
      predictions,
      asked,
      pieces,
      invented,
      saved: [saved.verdict, saved.why].filter((one) => one !== '').join(': '),
      cells,
      changes,
      ...held,
    },
  }
}

/** What of a version is not what was proved, and what nobody knows. */
function heldAgainst(
  report: ReadReport,
  training: string | undefined,
  files: readonly VersionFile[],
): Pick<PackageProof, 'differences' | 'untold'> {
  const here = Object.fromEntries(files.map(({ path, digest }) => [path, digest]))
  const code = Object.fromEntries(
    Object.entries(here).flatMap(([path, digest]) =>
      isCode(path) ? [[path.slice('code/'.length), digest] as const] : [],
    ),
  )
  const unknown = (untold: string): Pick<PackageProof, 'differences' | 'untold'> => ({
    differences: differing('code', report.files, code),
    untold,
  })
  if (training === undefined) return unknown('its training did not record settings, packages and data')
  const trained = readTraining(training)
  if ('broken' in trained) return unknown(`the record of its training cannot be read: ${trained.broken}`)
  const now = {
    ...trained,
    files: { ...code, ...trained.beside },
    model: { made: withoutCode(trained.files), here: withoutCode(here) },
  }
  const lacks = report.settings === undefined || report.packages === undefined
  return {
    differences: sinceProof(report, now),
    untold: lacks ? 'its report does not tell with which settings and packages it was proved' : '',
  }
}

/** Code of the package, and the data that lies in it. */
function isCode(path: string): boolean {
  return path.startsWith('code/') && !/(?:^|\/)(?:__pycache__|\.[^/]*)(?:\/|$)|\.pyc$/.test(path)
}

/** Files of the model alone: the code is held against the proof, and what tells of both is of neither. */
function withoutCode(files: Readonly<Record<string, string>>): Record<string, string> {
  const others = Object.entries(files).filter(([path]) => !isCode(path))
  return Object.fromEntries(others.filter(([path]) => path !== REPORT && path !== TRAINING))
}
