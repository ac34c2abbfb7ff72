/** The report: each change as a diff with its reason and its cell, what a person should look at, and the proof. */
import type { ProvedStep } from '../../contract/packages/proof.ts'
import type { Environment } from '../facts/facts.ts'
import type { Finding } from '../rewrite/finding.ts'
import { scrubbed } from '../rewrite/scrubbed.ts'
import type { Proof } from '../proof/compare.ts'
import type { Sample } from '../proof/sample.ts'
import { cellOf, type Input, type Program } from '../rewrite/program.ts'
import type { Section } from '../rewrite/sections.ts'
import { difference } from './diff.ts'
import { besideDigests, besideModules, codeDigests, fileDigest } from './digests.ts'
import type { Goldens } from './golden.ts'
import type { ProjectLock } from './lock.ts'
import type { Package } from './modules.ts'

export interface ReportCell {
  readonly cell: number
  /** Functions of the package that it became. */
  readonly functions: readonly string[]
  readonly verdict: string
  readonly why: readonly string[]
  readonly skipped: readonly string[]
  readonly changes: readonly Finding[]
  /** Unified lines: ` ` both, `-` the cell, `+` the package. */
  readonly diff: readonly string[]
}

export interface Report {
  readonly source: string
  readonly package: string
  readonly order: readonly number[]
  readonly model: string
  readonly proof: Proof
  readonly cells: readonly ReportCell[]
  readonly findings: readonly Finding[]
  /** Secrets to rotate, by the variable that stands for each. */
  readonly rotate: readonly string[]
  /** Stored outputs that the original did not put out again. */
  readonly lost: readonly { readonly cell: number; readonly text: string }[]
  /** Large inputs: those of which the proof has a sample, and those that it read whole. */
  readonly samples: readonly Sample[]
  readonly lock: {
    readonly hashed: boolean
    readonly why: string
    readonly packages: number
    /** Packages that the environment did not have: they are locked for saving. */
    readonly added: readonly string[]
  }
  readonly python: string
  /** The code that was proved: path below src → digest. */
  readonly files: Readonly<Record<string, string>>
  /** Settings that are no inputs, as Python writes the values that the proof ran with. */
  readonly settings: Readonly<Record<string, string>>
  /** Digests of the files that the code reads, whole ones, by their settings; null for what is no file here. */
  readonly inputs: Readonly<Record<string, string | null>>
  /** The step of the project file that the proof ran; undefined where there is none. */
  readonly step: ProvedStep | undefined
  /** Versions that the proof ran with. */
  readonly packages: Readonly<Record<string, string>>
  /** Every distribution that was installed where the proof ran. */
  readonly installed: Readonly<Record<string, string>>
  /** Digests of the files beside the code that decide what it runs with. */
  readonly project: Readonly<Record<string, string>>
  /** Code that people have edited since the package was made; undefined where it was not proved again. */
  readonly edited?: readonly string[] | undefined
}

interface Reported {
  readonly whole: Package
  readonly proved: {
    readonly proof: Proof
    readonly step: ProvedStep | undefined
    readonly settings: Readonly<Record<string, string>>
  }
  readonly environment: Environment
  readonly lock: ProjectLock
  /** Packages of the lock that the environment did not have when the package was made. */
  readonly added: readonly string[]
  readonly golden: Goldens
  readonly source: string
  readonly samples: readonly Sample[]
  readonly inputs: readonly Input[]
  readonly edited?: readonly string[]
}

/** The report of a project that lies in a folder. */
export async function reportOf(given: Reported, folder: string): Promise<Report> {
  const { whole, proved, environment, lock, added, golden, source, samples, inputs, edited } = given
  const { program, sections, model, name } = whole
  const code = new Map<number, string>()
  for (const { cell, body } of sections) code.set(cell, `${code.get(cell) ?? ''}${body}`)
  const digests = inputs.map(
    async (one) => [one.name, one.path === undefined ? null : await fileDigest(one.path)] as const,
  )
  return {
    source,
    package: name,
    order: program.order,
    model: model.name,
    proof: proved.proof,
    cells: reportCells(program, sections, code, proved.proof),
    findings: program.findings,
    rotate: [...program.secrets.keys()],
    lost: golden.lost.map(({ cell, text }) => ({ cell, text: scrubbed(program, text) })),
    samples,
    lock: {
      hashed: lock.hashed,
      why: lock.why,
      packages: Object.keys(environment.closure).length,
      added,
    },
    python: environment.python,
    files: { ...(await codeDigests(folder)), ...(await besideModules(folder)) },
    settings: plainSettings(proved.settings, inputs),
    inputs: Object.fromEntries(await Promise.all(digests)),
    step: proved.step,
    packages: environment.closure,
    installed: environment.installed,
    project: await besideDigests(folder),
    edited,
  }
}

/** Settings without those that say where files lie, and the one that keeps figures: they lie elsewhere in each run. */
function plainSettings(
  settings: Readonly<Record<string, string>>,
  inputs: readonly Input[],
): Readonly<Record<string, string>> {
  const places = new Set(['figures', ...inputs.map(({ name }) => name)])
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !places.has(name)))
}

/** The cells of a report. `code` is what became of a cell: function texts of the package. */
function reportCells(
  program: Program,
  sections: readonly Section[],
  code: ReadonlyMap<number, string>,
  proof: Proof,
): ReportCell[] {
  return program.order.map((id): ReportCell => {
    const verdict = proof.cells.find(({ cell }) => cell === id)
    return {
      cell: id,
      functions: sections.filter(({ cell }) => cell === id).map(({ name }) => name),
      verdict: verdict?.verdict ?? proof.verdict,
      why: verdict?.differences ?? [],
      skipped: verdict?.skipped ?? [],
      changes: program.findings.filter((one) => one.cell === id),
      diff: difference(
        scrubbed(program, cellOf(program, id)?.source ?? ''),
        scrubbed(program, code.get(id) ?? '').replaceAll(/^ {4}/gm, ''),
      ),
    }
  })
}
