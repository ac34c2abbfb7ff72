/** `slipway package`: a notebook or script becomes a tested package, with a proof that it computes the same. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inventedText, isUnasked, isWhole, piecesTexts, predictionsText } from '../../contract/packages/proof.ts'
import { proveAgain } from '../../notebook/again.ts'
import type { Wanted } from '../../notebook/order/order.ts'
import { replaceFiles } from '../../notebook/output/report-files.ts'
import type { Report } from '../../notebook/output/report.ts'
import { sinceReport } from '../../notebook/output/since.ts'
import type { Proof } from '../../notebook/proof/compare.ts'
import { packageResearch, type PackageOptions } from '../../notebook/package.ts'
import { UsageError, type Invocation } from '../invocation/command.ts'
import { sinceLines } from './since.ts'

const ORDERS: readonly Wanted[] = ['auto', 'document', 'executed']
/** Seconds for each cell of the proof. */
const LIMIT = 600
/** Lines of what was not compared; the report has them all. */
const MOST_UNSEEN = 12
/** Inputs above this are sampled for the proof, MB. */
const SAMPLE = 100

const UNASKED = 'Nobody compared what predict.py answers: the notebook asks its model with no rows that both runs have.'

/** 0 when the package is proved or no proof was asked for, 1 when it is written and not proved. */
export async function run({ args, flags, out }: Invocation): Promise<number> {
  const [file] = args
  if (file === undefined) throw new UsageError('name a notebook (.ipynb) or a script (.py)')
  const order = ORDERS.find((one) => one === (text(flags['order']) ?? 'auto'))
  if (order === undefined)
    throw new UsageError(`--order is "${text(flags['order'])}"; expected one of ${ORDERS.join(', ')}`)
  const options: PackageOptions = {
    file,
    order,
    out: text(flags['out']),
    python: text(flags['python']),
    data: Array.isArray(flags['data']) ? (flags['data'] as readonly string[]) : [],
    model: text(flags['model']),
    proof: flags['no-proof'] !== true,
    network: flags['network'] === true,
    offline: flags['offline'] === true || process.env['SLIPWAY_OFFLINE'] === '1',
    limit: seconds(text(flags['cell-limit'])),
    sampleAbove: megabytes(text(flags['sample'])),
    say: (line) => out.progress(line),
  }
  const again = text(flags['prove'])
  if (again !== undefined) return proved(options, again, out)
  const { folder, report } = await packageResearch(options)
  out.data({ folder, ...report })
  for (const line of summary(report)) out.line(line)
  out.line(`Each change and the proof: ${pageIn(folder)}`)
  out.line(`Wrote ${folder}. Next: slipway ship ${folder}`)
  return exitOf(report.proof)
}

/** Proves a package that is there, and makes its report anew: 0 where it still computes the same. */
async function proved(options: PackageOptions, folder: string, out: Invocation['out']): Promise<number> {
  if (!options.proof) throw new UsageError('--prove proves a package, and --no-proof none; name one of them')
  if (!existsSync(join(folder, 'src'))) throw new UsageError(`${folder} holds no package: it has no folder src`)
  const since = await sinceReport(folder)
  const [again] = await proveAgain(options, [folder])
  if (again === undefined) return 1
  const { proof } = again.report
  for (const line of [...proofLines(proof), ...sinceLines(since, 'the proof before')]) out.line(line)
  await putReport(folder, again.files)
  out.data({ folder, proof, since })
  out.line(`Each change and the proof: ${pageIn(folder)}`)
  return exitOf(proof)
}

async function putReport(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  try {
    await replaceFiles(folder, files)
  } catch (error) {
    const { message } = error as Error
    throw new UsageError(`the report in ${folder} stays as it was, for the new one cannot be written: ${message}`)
  }
}

function pageIn(folder: string): string {
  return pathToFileURL(join(folder, 'report.html')).href
}

/** What was to be proved and was not, in whole or of the answers of the model, is no success. */
function exitOf({ verdict }: Proof): number {
  return isWhole(verdict) || verdict === 'not run' ? 0 : 1
}

function proofLines({ verdict, why, cells, predictions, asked, pieces, invented, saved }: Proof): string[] {
  const agreed = cells.filter((one) => isWhole(one.verdict)).length
  const counts = `${agreed} of ${cells.length} cells verified, predictions ${predictionsText(predictions, asked)}`
  const kept = `Saved model: ${saved.verdict}${saved.why === '' ? '' : `: ${saved.why}`}`
  const [single = '', ...depends] = pieces === undefined ? [] : piecesTexts(pieces)
  const unseen = cells.flatMap(({ cell, skipped }) => skipped.map((one) => `Not compared: cell ${cell}: ${one}`))
  const rest = unseen.length > MOST_UNSEEN ? [`Not compared: ${unseen.length - MOST_UNSEEN} more`] : []
  return [
    `Proof: ${verdict}${why === '' ? '' : `: ${why}`}`,
    ...(cells.length > 0 ? [counts, kept] : []),
    ...(single === '' ? [] : [`Rows one by one and in another order: ${single}`]),
    ...(invented === undefined ? [] : [`Made-up rows: ${inventedText(invented)}`]),
    ...depends.map((one) => `Beware: ${one}`),
    ...(isUnasked(verdict) ? [UNASKED] : []),
    ...unseen.slice(0, MOST_UNSEEN),
    ...rest,
  ]
}

function summary(report: Report): string[] {
  const { proof, findings, rotate, samples } = report
  const codes = [...new Set(findings.map(({ code }) => code))].toSorted(
    (a, b) => Number(a.slice(1)) - Number(b.slice(1)),
  )
  const counts = codes.map((code) => `${code} ${findings.filter((one) => one.code === code).length}`)
  return [
    ...proofLines(proof),
    ...samples.map(sampleLine),
    ...(counts.length > 0 ? [`Found: ${counts.join(', ')}`] : []),
    ...rotate.map((name) => `Rotate this secret: ${name}`),
  ]
}

function sampleLine({ input, kept, rows, bytes, why }: Report['samples'][number]): string {
  return kept === null
    ? `${input} has ${Math.round(bytes / 1e6)} MB and was read whole: ${why}`
    : `Proved on a sample of ${input}: ${kept} of ${rows} rows`
}

function text(value: Invocation['flags'][string]): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function seconds(given: string | undefined): number {
  const value = Number(given ?? LIMIT)
  if (!Number.isFinite(value) || value < 1)
    throw new UsageError(`--cell-limit is "${given}"; expected seconds, at least 1`)
  return value
}

function megabytes(given: string | undefined): number {
  const value = Number(given ?? SAMPLE)
  if (!Number.isFinite(value) || value < 0 || given?.trim() === '')
    throw new UsageError(`--sample is "${given}"; expected megabytes, 0 for no samples`)
  return Math.ceil(value * 1e6)
}
