/** The report: each change as a diff with its reason and its cell, what a person should look at, and the proof. */
import type { Finding } from '../rewrite/finding.ts'
import { scrubbed } from '../findings/secrets.ts'
import type { Proof } from '../proof/compare.ts'
import type { Sample } from '../proof/sample.ts'
import { cellOf, type Program } from '../rewrite/program.ts'
import type { Section } from '../rewrite/sections.ts'
import { difference } from './diff.ts'

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
  readonly lock: { readonly hashed: boolean; readonly why: string; readonly packages: number }
  readonly python: string
  /** The code that was proved: path below src → digest. */
  readonly files: Readonly<Record<string, string>>
}

/** The cells of a report. `code` is what became of a cell: function texts of the package. */
export function reportCells(
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
        (code.get(id) ?? '').replaceAll(/^ {4}/gm, ''),
      ),
    }
  })
}
