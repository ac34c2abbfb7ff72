/** What of a project in a folder is no longer what its report of a proof is of. */
import { readdir } from 'node:fs/promises'
import { readUserText } from '../../contract/absence/user-file.ts'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import {
  agrees,
  differing,
  sinceStep,
  type Difference,
  type Headline,
  type ProvedStep,
} from '../../contract/packages/proof.ts'
import { readReport, type ReadReport } from '../../contract/packages/read.ts'
import { heldAgainstLock } from '../proof/locked.ts'
import { packageStep } from '../proof/pipeline.ts'
import { besideDigests, besideModules, codeDigests, fileDigest } from './digests.ts'

/** The file of a project that holds its proof. */
const REPORT = 'report.json'

export type Since =
  /** The folder has no report: it is no package, or its report was taken away. */
  | { readonly state: 'absent' }
  | { readonly state: 'broken'; readonly why: string }
  | {
      readonly state: 'found'
      /** Of the project as it is: what was verified with other packages than its lock names is not verified. */
      readonly verdict: Headline
      readonly why: string
      readonly changes: readonly Difference[]
    }

/** The report that lies in a project, or why it cannot be read; undefined where there is none. */
export async function reportIn(project: string): Promise<ReadReport | { readonly broken: string } | undefined> {
  const text = await ifMissing(readUserText(join(project, REPORT), { most: 64 * 1024 * 1024 }))
  return text === undefined ? undefined : readReport(text)
}

/** Compares a project with its report: code, the step of slipway.yaml with its settings, the lock. */
export async function sinceReport(project: string): Promise<Since> {
  const report = await reportIn(project)
  if (report === undefined) return { state: 'absent' }
  if ('broken' in report) return { state: 'broken', why: report.broken }
  const { packages, python, added, installed: there } = report
  const installed =
    there === undefined
      ? undefined
      : async (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, there[name] ?? null]))
  const lock =
    packages === undefined
      ? NOTHING
      : await heldAgainstLock(project, { python, packages, optional: new Set(), installed, added })
  const changes = [
    ...differing('code', report.files, { ...(await codeDigests(project)), ...(await besideModules(project)) }),
    ...(report.step === undefined ? [] : await stepChanges(project, report.step)),
    ...differing('project', report.project, await besideDigests(project)),
    ...lock.differences,
    ...(await dataChanges(project, report.inputs)),
  ]
  const holds = !agrees(report.verdict) || lock.why === ''
  const { verdict, why } = holds ? report : { verdict: 'not verified' as const, why: lock.why }
  return { state: 'found', verdict, why, changes }
}

const NOTHING = { differences: [], why: '' }

async function stepChanges(project: string, proved: ProvedStep): Promise<Difference[]> {
  const { step, why } = await packageStep(project, proved.run.split('.')[0] ?? '')
  if (step !== undefined) return sinceStep(proved, step)
  return [{ kind: 'pipeline', name: proved.name, proved: proved.run, now: why }]
}

/** Copies of inputs in the project that are none of the files that were proved. */
async function dataChanges(
  project: string,
  inputs: Readonly<Record<string, string | null>> | undefined,
): Promise<Difference[]> {
  const known = new Set(Object.values(inputs ?? {}))
  const names = inputs === undefined ? [] : ((await ifMissing(readdir(join(project, 'data')))) ?? [])
  const found = await Promise.all(
    names.map(async (name) => [`data/${name}`, await fileDigest(join(project, 'data', name))] as const),
  )
  return found.flatMap(([name, digest]) =>
    digest === null || known.has(digest) ? [] : [{ kind: 'data' as const, name, proved: 'another file', now: digest }],
  )
}
