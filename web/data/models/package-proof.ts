/** The proof of a package that `slipway package` made: the report that lies among the files of a version, and whether it is of this code. */
import { queryOptions } from '@tanstack/react-query'
import type { registryApi } from '../../../src/contract/registry.ts'
import { call, fileText } from '../api.ts'
import { bytes } from '../format.ts'

/** Where `save` of a package puts the report, among the files of the model. */
export const REPORT = 'package-report.json'
/** A report above this is not read by a page, bytes. */
const LARGEST = 16 * 1024 * 1024

export interface ProofChange {
  /** D1 to D15. */
  readonly code: string
  readonly found: string
  /** `changed` or `reported`. */
  readonly treatment: string
  readonly action: string
}

export interface ProofCell {
  readonly cell: number
  /** Functions that it became. */
  readonly functions: readonly string[]
  readonly verdict: string
  readonly why: readonly string[]
  /** What was not compared. */
  readonly skipped: readonly string[]
  readonly changes: readonly ProofChange[]
}

export interface PackageProof {
  readonly source: string
  readonly verdict: string
  /** Why it is not verified; empty where it is. */
  readonly why: string
  readonly predictions: string
  readonly saved: string
  readonly cells: readonly ProofCell[]
  /** Changes of no single cell. */
  readonly changes: readonly ProofChange[]
  /** Files of code of this version that are not those that were proved. */
  readonly others: readonly string[]
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
      const text = await fileText<typeof registryApi.versionFile>('GET', '/v1/models/:name/versions/:version/file', {
        signal,
        params,
        query: { path: REPORT },
      })
      return readProof(text, items)
    },
    // files of a version never change
    staleTime: Number.POSITIVE_INFINITY,
  })

/** Reads a report. `files` are those of the version: its code has to be that of the proof. */
export function readProof(text: string, files: readonly VersionFile[]): FoundProof {
  const report = parsed(text)
  if (!isRecord(report)) return { state: 'broken', why: 'it is no JSON object' }
  const { proof, cells, files: proved } = report
  if (!isRecord(proof) || typeof proof['verdict'] !== 'string' || proof['verdict'] === '')
    return { state: 'broken', why: 'it has no verdict' }
  if (!Array.isArray(cells)) return { state: 'broken', why: 'it has no cells' }
  if (!isRecord(proved)) return { state: 'broken', why: 'it does not say which code was proved' }
  const saved = isRecord(proof['saved']) ? proof['saved'] : {}
  return {
    state: 'found',
    proof: {
      source: textOf(report['source']),
      verdict: proof['verdict'],
      why: textOf(proof['why']),
      predictions: textOf(proof['predictions']),
      saved: [textOf(saved['verdict']), textOf(saved['why'])].filter((one) => one !== '').join(': '),
      cells: recordsOf(cells).map(cellOf),
      changes: recordsOf(report['findings'])
        .filter(({ cell }) => typeof cell !== 'number')
        .map(changeOf),
      others: othersOf(proved, files),
    },
  }
}

/** Files of code that differ from those of the proof, are missing, or came to it. */
function othersOf(proved: Readonly<Record<string, unknown>>, files: readonly VersionFile[]): string[] {
  const here = new Map(
    files.flatMap(({ path, digest }) =>
      path.startsWith('code/') && path.endsWith('.py') ? [[path.slice('code/'.length), digest] as const] : [],
    ),
  )
  const paths = new Set([...Object.keys(proved), ...here.keys()])
  return [...paths].filter((path) => here.get(path) !== proved[path]).toSorted()
}

function cellOf(cell: Readonly<Record<string, unknown>>): ProofCell {
  return {
    cell: Number(cell['cell']),
    functions: textsOf(cell['functions']),
    verdict: textOf(cell['verdict']),
    why: textsOf(cell['why']),
    skipped: textsOf(cell['skipped']),
    changes: recordsOf(cell['changes']).map(changeOf),
  }
}

function changeOf(change: Readonly<Record<string, unknown>>): ProofChange {
  const [code, found, treatment, action] = ['code', 'found', 'treatment', 'action'].map((key) => textOf(change[key]))
  return { code: code ?? '', found: found ?? '', treatment: treatment ?? '', action: action ?? '' }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function recordsOf(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : []
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}
