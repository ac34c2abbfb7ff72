/** Proves packages that were made before and that people may have edited since, and makes their reports anew. */
import { basename, join, resolve } from 'node:path'
import { ifMissing } from '../contract/absence/absent.ts'
import { readUserText } from '../contract/absence/user-file.ts'
import { agrees, differing } from '../contract/packages/proof.ts'
import type { ReadReport } from '../contract/packages/read.ts'
import type { Environment } from './facts/facts.ts'
import { scrubbed } from './rewrite/scrubbed.ts'
import { besideDigests, besideModules, codeDigests, fileDigest } from './output/digests.ts'
import { readEdited } from './output/edited.ts'
import { goldens } from './output/golden.ts'
import type { ProjectLock } from './output/lock.ts'
import type { Package } from './output/modules.ts'
import { reportFiles } from './output/report-files.ts'
import { reportOf, type Report } from './output/report.ts'
import { reportIn } from './output/since.ts'
import {
  assemble,
  elsewhere,
  firstRun,
  isSample,
  surroundings,
  withCode,
  withRows,
  type Code,
  type FirstRun,
  type PackageOptions,
} from './package.ts'
import { PROJECT_FILE } from './proof/pipeline.ts'
import type { ProofOptions } from './proof/prove.ts'
import { prove, tracedRun, type ProvedPackage, type TracedRun } from './proving.ts'

export interface ProvedAgain {
  readonly report: Report
  /** Name to text: the report as its project has it. */
  readonly files: ReadonlyMap<string, string>
}

/** What all of the packages are held against. */
interface Research extends FirstRun {
  readonly code: Code
  readonly whole: Package
  readonly traced: TracedRun
  /** Name of its file. */
  readonly source: string
}

/** Proves packages of the research code: their steps keep their names. Nothing is written. `projects` are folders; the original runs once. */
export async function proveAgain(options: PackageOptions, projects: readonly string[]): Promise<ProvedAgain[]> {
  return withCode(options, async (given, proving) => {
    const first = await firstRun(given, proving, options)
    const code = withRows(given, first.original)
    const whole = assemble({ ...code, original: first.original })
    const traced = tracedRun(whole, first.taken.inputs, proving)
    const research = { ...first, traced, code, whole, source: basename(options.file) }
    const found: ProvedAgain[] = []
    for (const [at, project] of projects.entries())
      found.push(
        await provedAgain(resolve(project), research, { ...proving, scratch: join(proving.scratch, `again-${at}`) }),
      )
    return found
  })
}

async function provedAgain(project: string, research: Research, proving: ProofOptions): Promise<ProvedAgain> {
  const { code, whole, taken, original, traced, source } = research
  const before = await reportBefore(project)
  const watched = await watchedOf(project)
  const files = await filesOf(project)
  const { sections, imports } = await readEdited({ project, paths: Object.keys(files) }, whole, code.helper)
  const { environment, missing } = await withImports(code, imports)
  const added = before?.added ?? []
  const found = await prove(
    { ...whole, project, original, traced, shows: code.shows, inputs: taken.inputs, settings: elsewhere(taken) },
    proving,
    surroundings(code, environment, { seen: Object.keys(before?.packages ?? {}), added }),
  )
  const why = missing || (await changedMeanwhile(project, watched)) || (await otherInput(project, research, found))
  const proved = why === '' || !agrees(found.proof.verdict) ? found : notVerified(found, why)
  const edited = differing('code', before?.files, files).map(({ name }) => name)
  const report = await reportOf(
    {
      whole: { ...whole, sections },
      proved,
      environment: { ...environment, closure: found.packages },
      lock: await lockIn(project),
      added,
      golden: goldens(whole.program, code.shows, isSample(taken) ? undefined : original),
      source,
      samples: taken.samples,
      inputs: code.inputs,
      edited: [...new Set([...(before?.edited ?? []), ...edited])].toSorted(),
    },
    project,
  )
  const texts = [...reportFiles(report)].map(([name, text]) => [name, scrubbed(whole.program, text)] as const)
  return { report, files: new Map(texts) }
}

function notVerified(found: ProvedPackage, why: string): ProvedPackage {
  return { ...found, proof: { ...found.proof, verdict: 'not verified', why } }
}

/** The report that lies in the project; undefined where there is none that can be read. */
async function reportBefore(project: string): Promise<ReadReport | undefined> {
  const report = await reportIn(project)
  return report === undefined || 'broken' in report ? undefined : report
}

type Digests = Readonly<Record<string, string | null>>

/** The code of a project, with digests. */
async function filesOf(project: string): Promise<Record<string, string>> {
  return { ...(await codeDigests(project)), ...(await besideModules(project)) }
}

/** All that decides what the proof is of, but the data. */
async function watchedOf(project: string): Promise<Digests> {
  const file = await fileDigest(join(project, PROJECT_FILE))
  return { ...(await filesOf(project)), ...(await besideDigests(project)), [PROJECT_FILE]: file }
}

interface Imported {
  readonly environment: Environment
  /** Why they cannot be had; empty where they can. */
  readonly missing: string
}

/** The environment of the research code with what people have imported in the package since: that has to be locked, too. */
async function withImports({ environment, helper }: Code, imports: readonly string[]): Promise<Imported> {
  if (imports.length === 0) return { environment, missing: '' }
  const own = await helper.environment({ imports, needs: [], extras: [], seen: [], folder: '', name: '' })
  const names = own.missing.map((one) => one.import).join(', ')
  return {
    environment: { ...environment, closure: { ...environment.closure, ...own.closure } },
    missing: names === '' ? '' : `the package imports ${names}, and no installed distribution explains that`,
  }
}

/** What was changed while the proof ran: nobody knows which of the two was proved. */
async function changedMeanwhile(project: string, before: Digests): Promise<string> {
  const [other] = differing('code', before, await watchedOf(project))
  return other === undefined ? '' : `${other.name} was changed while the proof ran; prove it again`
}

/** An input of which the proof had a sample, and for which the package itself reads another file. */
async function otherInput(
  project: string,
  { code, taken }: Research,
  { step, defaults }: ProvedPackage,
): Promise<string> {
  for (const name of Object.keys(elsewhere(taken))) {
    const path = code.inputs.find((one) => one.name === name)?.path ?? ''
    const given = textOf(step?.params[name] ?? defaults[name])
    const own = given === undefined ? path : resolve(project, given)
    if (own !== path && (await fileDigest(own)) !== (await fileDigest(path)))
      return `the package reads ${own} as ${name}, and the proof had a sample of ${path}`
  }
  return ''
}

/** A text that JSON or Python has spelt; undefined for what is none, or is spelt in another way. */
function textOf(spelt: string | undefined): string | undefined {
  return /^(["'])([^"'\\]*)\1$/.exec(spelt ?? '')?.[2]
}

/** The lock of a project as it is now. */
async function lockIn(project: string): Promise<ProjectLock> {
  const text = (await ifMissing(readUserText(join(project, 'requirements.lock')))) ?? ''
  const hashed = text.includes('--hash=')
  const why = /; unhashed: (.*)$/m.exec(text)?.[1] ?? 'requirements.lock has none'
  return { text, hashed, why: hashed ? '' : why }
}
