/** The report: each change as a diff with its reason and its cell, what a person should look at, and the proof; as data and as a page. */
import type { Finding } from '../rewrite/finding.ts'
import { scrubbed } from '../findings/secrets.ts'
import type { Proof } from '../proof/compare.ts'
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
  readonly lock: { readonly hashed: boolean; readonly why: string; readonly packages: number }
  readonly python: string
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

/** The report as a page that needs nothing else: no script, no address. */
export function reportPage(report: Report): string {
  const cells = report.cells.map(cellPart).join('\n')
  const loose = report.findings.filter(({ cell }) => cell === null)
  const rotate =
    report.rotate.length === 0
      ? ''
      : `<h2>Rotate these secrets</h2><ul>${report.rotate.map((one) => `<li><code>${escaped(one)}</code></li>`).join('')}</ul>`
  const lost =
    report.lost.length === 0
      ? ''
      : `<h2>Stored outputs that did not come again</h2><ul>${report.lost.map(({ cell, text }) => `<li>cell ${cell}: <code>${escaped(text)}</code></li>`).join('')}</ul>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(report.source)} to ${escaped(report.package)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(report.source)} → ${escaped(report.package)}</h1>
<p class="verdict ${report.proof.verdict.replaceAll(' ', '-')}">${escaped(report.proof.verdict)}${report.proof.why === '' ? '' : `: ${escaped(report.proof.why)}`}</p>
<p>Predictions: ${escaped(report.proof.predictions)}. Model: <code>${escaped(report.model)}</code>. Python ${escaped(report.python)}, ${report.lock.packages} packages, ${report.lock.hashed ? 'locked with hashes' : `without hashes (${escaped(report.lock.why)})`}.
Order of the cells: ${report.order.join(' ')}.</p>
${rotate}${lost}${loose.length === 0 ? '' : `<h2>The whole</h2>${findingList(loose)}`}
${cells}
</body></html>
`
}

function cellPart(one: ReportCell): string {
  const lines = one.diff.map(
    (line) =>
      `<span class="${line.startsWith('+') ? 'add' : line.startsWith('-') ? 'del' : 'same'}">${escaped(line)}</span>`,
  )
  const why =
    one.why.length === 0 ? '' : `<ul class="why">${one.why.map((text) => `<li>${escaped(text)}</li>`).join('')}</ul>`
  const names =
    one.functions.length === 0 ? '' : ` → ${one.functions.map((name) => `<code>${escaped(name)}</code>`).join(', ')}`
  return `<section><h2>Cell ${one.cell}${names} <small class="${one.verdict.replaceAll(' ', '-')}">${escaped(one.verdict)}</small></h2>
${why}${findingList(one.changes)}<pre>${lines.join('\n')}</pre></section>`
}

function findingList(findings: readonly Finding[]): string {
  if (findings.length === 0) return ''
  const items = findings.map(
    ({ code, line, found, treatment, action }) =>
      `<li><b>${code}</b>${line === undefined ? '' : ` line ${line}`}: ${escaped(found)} — <i>${treatment}</i>: ${escaped(action)}</li>`,
  )
  return `<ul>${items.join('')}</ul>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
pre{overflow:auto;border:1px solid #8884;border-radius:6px;padding:.6rem;font-size:13px}pre span{display:block}
.add{background:#2da44e22}.del{background:#cf222e22}.verdict{padding:.5rem .8rem;border-radius:6px;border:1px solid #8886}
.verified,.within-tolerance{color:#1a7f37}.not-verified{color:#cf222e}small{font-weight:normal}code{font-size:.93em}
@media(prefers-color-scheme:dark){.verified,.within-tolerance{color:#3fb950}.not-verified{color:#f85149}}`
