/** The report as a page that needs nothing else: no script, no address. The verdict comes first, then each cell with its difference. */
import { escaped } from '../rewrite/scrubbed.ts'
import { inventedText, isWhole, piecesTexts, predictionsText } from '../../contract/packages/proof.ts'
import type { Finding } from '../rewrite/finding.ts'
import type { Report, ReportCell } from './report.ts'

/** The page. Whatever the research code brought in is escaped. */
export function reportPage(report: Report): string {
  const { proof } = report
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(VERDICTS[proof.verdict].word)}: ${escaped(report.source)}</title><style>${STYLE}</style></head><body>
<header><h1>${escaped(report.source)} <span aria-label="became">→</span> ${escaped(report.package)}</h1>
<p class="verdict ${tone(proof.verdict)}"><b>${VERDICTS[proof.verdict].word}</b> ${escaped(proof.why === '' ? VERDICTS[proof.verdict].meaning : proof.why)}</p>
${factList(report)}</header>
<main>
${todoPart(report)}
<section aria-labelledby="cells"><h2 id="cells">Cells</h2>
${overview(report)}
</section>
${report.cells.map(cellPart).join('\n')}
</main></body></html>
`
}

type Tone = 'good' | 'bad' | 'plain'

const UNASKED =
  'Whether predict.py and the saved model answer as the notebook is not known: it has no rows to ask both with.'

const VERDICTS: Readonly<Record<Report['proof']['verdict'], { word: string; meaning: string }>> = {
  verified: { word: 'Verified.', meaning: 'Everything that was compared is equal.' },
  'within tolerance': {
    word: 'Verified within tolerance.',
    meaning: 'Floating-point numbers differ by at most one part in 10⁹.',
  },
  'predictions not compared, the rest verified': {
    word: 'Predictions not compared.',
    meaning: `Everything that was compared is equal. ${UNASKED}`,
  },
  'predictions not compared, the rest within tolerance': {
    word: 'Predictions not compared.',
    meaning: `Floating-point numbers differ by at most one part in 10⁹. ${UNASKED}`,
  },
  'not verified': { word: 'Not verified.', meaning: '' },
  'not run': { word: 'Not run.', meaning: '' },
}

function tone(verdict: string): Tone {
  if (isWhole(verdict)) return 'good'
  return verdict === 'not verified' ? 'bad' : 'plain'
}

function factList({ proof, cells, model, order, python, lock, samples, settings }: Report): string {
  const agreed = cells.filter(({ verdict }) => tone(verdict) === 'good').length
  const empty = cells.filter(({ verdict }) => verdict === 'nothing to compare').length
  const facts: [string, string][] = [
    ['cells', `${agreed} of ${cells.length} verified${empty === 0 ? '' : `, ${empty} with nothing to compare`}`],
    ['predictions', predictionsText(proof.predictions, proof.asked)],
    ...(proof.pieces === undefined ? [] : piecesTexts(proof.pieces)).map((one): [string, string] => [
      'row by row',
      one,
    ]),
    ...(proof.invented === undefined ? [] : [['made-up rows', inventedText(proof.invented)] as [string, string]]),
    ['saved model', `${proof.saved.verdict}${proof.saved.why === '' ? '' : `: ${proof.saved.why}`}`],
    ...samples.map((one): [string, string] => ['data', sampleText(one)]),
    ['settings', settingsText(settings)],
    ['model', model],
    ['order', order.join(' ')],
    [
      'environment',
      `Python ${python}, ${lock.packages} packages, ${lock.hashed ? 'locked with hashes' : `without hashes: ${lock.why}`}`,
    ],
  ]
  return `<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`).join('')}</dl>`
}

function settingsText(settings: Report['settings']): string {
  const all = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  return all.length === 0 ? 'none' : all.join(', ')
}

const NUMBER = new Intl.NumberFormat('en-US')

function sampleText({ input, kept, rows, bytes, why }: Report['samples'][number]): string {
  if (kept === null || rows === null) return `${input}: ${NUMBER.format(bytes)} bytes, read whole: ${why}`
  return `${input}: a sample of ${NUMBER.format(kept)} of ${NUMBER.format(rows)} rows, the same in both runs`
}

/** What a person has to do or to know, before the cells. */
function todoPart({ rotate, lost, findings, edited = [] }: Report): string {
  const parts = [
    listPart(
      'Rotate these secrets',
      rotate.map((one) => `<code>${escaped(one)}</code>`),
    ),
    listPart('To look at', findings.filter(({ treatment }) => treatment === 'reported').map(findingText)),
    listPart(
      'Stored outputs that did not come again',
      lost.map(({ cell, text }) => `${cellLink(cell)}: <code>${escaped(text)}</code>`),
    ),
    listPart(
      'Edited since slipway package wrote it, and proved again',
      edited.map((one) => `<code>${escaped(one)}</code>`),
    ),
    listPart(
      'Of the whole',
      findings.filter(({ cell, treatment }) => cell === null && treatment === 'changed').map(findingText),
    ),
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function listPart(title: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  return `<section><h2>${title}</h2><ul>${items.map((one) => `<li>${one}</li>`).join('')}</ul></section>`
}

function cellLink(cell: number): string {
  return `<a href="#cell-${cell}">cell ${cell}</a>`
}

function overview({ cells }: Report): string {
  const rows = cells.map(
    ({ cell, functions, verdict, changes }) =>
      `<tr><td>${cellLink(cell)}</td><td>${codes(functions)}</td><td class="${tone(verdict)}">${escaped(verdict)}</td><td>${changes.length === 0 ? '' : changes.length}</td></tr>`,
  )
  return `<div class="scroll" tabindex="0" role="region" aria-label="Verdict of each cell"><table><thead><tr><th scope="col">cell</th><th scope="col">became</th><th scope="col">verdict</th><th scope="col">findings</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

function codes(names: readonly string[]): string {
  return names.map((name) => `<code>${escaped(name)}</code>`).join(', ')
}

function cellPart(one: ReportCell): string {
  const { cell, functions, verdict, why, skipped, changes } = one
  const became = functions.length === 0 ? '' : ` → ${codes(functions)}`
  return `<section id="cell-${cell}" aria-labelledby="cell-${cell}-name"><h3 id="cell-${cell}-name">Cell ${cell}${became} <span class="state ${tone(verdict)}">${escaped(verdict)}</span></h3>
${items('why', why.map(escaped))}${items('', changes.map(placed))}${items(
    'skipped',
    skipped.map((text) => `not compared: ${escaped(text)}`),
  )}${diffPart(one)}
<p class="up"><a href="#cells">all cells</a></p></section>`
}

function items(kind: string, texts: readonly string[]): string {
  if (texts.length === 0) return ''
  return `<ul${kind === '' ? '' : ` class="${kind}"`}>${texts.map((text) => `<li>${text}</li>`).join('')}</ul>`
}

function findingText(finding: Finding): string {
  return `${finding.cell === null ? '' : `${cellLink(finding.cell)}: `}${placed(finding)}`
}

function placed({ code, line, found, treatment, action }: Finding): string {
  return `<b>${escaped(code)}</b>${line === undefined ? '' : ` line ${line}`}: ${escaped(found)} – <i>${treatment}</i>: ${escaped(action)}`
}

/** Equal lines that stand around a change. */
const AROUND = 3
/** Stretches of equal lines above this are folded. */
const FOLDED = 10

function diffPart({ cell, diff }: ReportCell): string {
  if (diff.length === 0) return ''
  return `<div class="diff" tabindex="0" role="region" aria-label="Difference of cell ${cell}">${stretches(diff).map(stretchPart).join('')}</div>`
}

/** Lines in stretches of one kind: equal ones, and others. */
function stretches(diff: readonly string[]): string[][] {
  const found: string[][] = []
  for (const line of diff) {
    const open = found.at(-1)
    if (open !== undefined && open[0]?.startsWith(' ') === line.startsWith(' ')) open.push(line)
    else found.push([line])
  }
  return found
}

function stretchPart(lines: readonly string[], at: number, all: readonly (readonly string[])[]): string {
  if (lines[0]?.startsWith(' ') !== true || lines.length <= FOLDED || all.length === 1)
    return lines.map(linePart).join('')
  const [before, after] = [at === 0 ? 0 : AROUND, at === all.length - 1 ? 0 : AROUND]
  const middle = lines.slice(before, lines.length - after)
  return [
    ...lines.slice(0, before).map(linePart),
    `<details><summary>${middle.length} equal lines</summary>${middle.map(linePart).join('')}</details>`,
    ...lines.slice(lines.length - after, after === 0 ? lines.length - after : undefined).map(linePart),
  ].join('')
}

const KINDS: Readonly<Record<string, string>> = { '+': 'add', '-': 'del' }

function linePart(line: string): string {
  return `<div class="${KINDS[line[0] ?? ''] ?? 'same'}">${escaped(line)}</div>`
}

const STYLE = `:root{color-scheme:light dark;--ink:#1c2024;--dim:#5b6570;--paper:#fff;--line:#d5dae0;--soft:#f4f6f8;--good:#116329;--goodbg:#dafbe1;--bad:#a40e26;--badbg:#ffebe9;--link:#0550ae}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--dim:#9aa5b1;--paper:#14171a;--line:#363c43;--soft:#1c2024;--good:#56d364;--goodbg:#12361d;--bad:#ff7b72;--badbg:#431a1c;--link:#79b8ff}}
*{box-sizing:border-box}html{scroll-padding-top:1rem}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:70rem;margin:0 auto;padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}
h1{font-size:1.45rem;line-height:1.25;margin:.2rem 0 .8rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:2rem 0 .4rem}
.verdict{margin:0;padding:.7rem .9rem;border-radius:8px;border:1px solid var(--line);background:var(--soft)}
.verdict.good{color:var(--good);background:var(--goodbg);border-color:currentColor}.verdict.bad{color:var(--bad);background:var(--badbg);border-color:currentColor}
.good{color:var(--good)}.bad{color:var(--bad)}.state{font-weight:normal;font-size:.9rem}.plain{color:var(--dim)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.4rem 1.5rem;margin:1rem 0 0}dl div{display:flex;gap:.6rem}dt{color:var(--dim);flex:0 0 6.5rem}dd{margin:0}
ul{padding-left:1.2rem;margin:.3rem 0}.why{color:var(--bad)}.skipped{color:var(--dim)}a{color:var(--link)}.up{margin:.2rem 0 0;font-size:.85rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--dim);font-weight:normal}td:first-child{white-space:nowrap}
code,.diff{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.86rem}
.scroll{overflow-x:auto}.diff{overflow:auto;max-height:34rem;border:1px solid var(--line);border-radius:8px;margin:.4rem 0;padding:.35rem 0;overflow-wrap:normal}
.diff div{white-space:pre;min-width:max-content;padding:0 .7rem;min-height:1.3em}.add{background:var(--goodbg)}.del{background:var(--badbg)}
.diff details{border-block:1px dashed var(--line);margin:.15rem 0}summary{color:var(--dim);padding:.1rem .7rem;cursor:pointer}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media print{.diff{max-height:none;overflow:visible}.up{display:none}}`
