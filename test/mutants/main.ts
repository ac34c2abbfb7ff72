/**
 * Mutation testing: puts one small fault at a time into a source and asks whether the tests beside it fail.
 *
 * `npm run mutants -- [PLACE…] [--budget N | --all] [--only PART] [--seed TEXT] [--lanes N] [--minutes N] [--quick]
 * [--list]`; exit code 1 when a place is under 85 % or the list of equivalent mutants is wrong.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { readEquivalents } from './equivalent.ts'
import type { Equivalent } from './equivalent.ts'
import { runPlace } from './mutants.ts'
import type { Judgement, Result } from './mutants.ts'
import { PLACES } from './places.ts'
import type { MutantPlace } from './places.ts'
import { runMain } from '../main.ts'

const root = resolve(import.meta.dirname, '../..')
const ENOUGH = 0.85
const BUDGET = 120

const OPTIONS = {
  budget: { type: 'string', default: String(BUDGET) },
  all: { type: 'boolean', default: false },
  only: { type: 'string' },
  seed: { type: 'string', default: 'slipway' },
  lanes: { type: 'string', default: '2' },
  minutes: { type: 'string' },
  quick: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
} as const

function places(positionals: readonly string[]): readonly MutantPlace[] {
  const unknown = positionals.filter((name) => !PLACES.some((place) => place.name === name))
  if (unknown.length > 0) {
    throw new Error(`no place ${unknown.join(', ')}; there are ${PLACES.map((place) => place.name).join(', ')}`)
  }
  return positionals.length === 0 ? PLACES : PLACES.filter((place) => positionals.includes(place.name))
}

/** On a terminal the line is written over; elsewhere one line in ten tells that it goes on. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else if (/ \d*0\//.test(text)) process.stderr.write(`${text}\n`)
}

function lineOf({ mutant, fate, why }: Judgement): string {
  const word = why === undefined ? (fate === 'unreached' ? 'never run' : fate) : 'equivalent'
  const reason = why === undefined ? '' : `\n${' '.repeat(13)}${why}`
  return `  ${word.padEnd(10)} ${mutant.file}:${mutant.lineNumber}  ${mutant.change}${reason}`
}

/** Prints a place; true when enough of its mutants are killed and the list of equivalents is right. */
function report(place: MutantPlace, { total, judgements, stale }: Result, seconds: number, list: boolean): boolean {
  const count = (test: (one: Judgement) => boolean): number => judgements.filter(test).length
  const equivalent = count((one) => one.why !== undefined)
  const late = count((one) => one.fate === 'late')
  const killed = late + count((one) => one.fate === 'killed')
  const unreached = count((one) => one.fate === 'unreached' && one.why === undefined)
  const undecided = count((one) => one.fate === 'undecided' && one.why === undefined)
  const survived = judgements.length - killed - equivalent - undecided
  const counted = judgements.length - equivalent
  const share = counted === 0 ? 1 : killed / counted
  const alive = judgements.filter(({ fate }) => fate !== 'killed' && fate !== 'late')
  alive.sort((a, b) =>
    a.mutant.file < b.mutant.file ? -1 : a.mutant.file > b.mutant.file ? 1 : a.mutant.start - b.mutant.start,
  )
  for (const one of alive) if (list || one.why === undefined) console.log(lineOf(one))
  for (const entry of stale) {
    console.log(`  WRONG      equivalent.txt: ${entry.file}: ${entry.change}: no such mutant, or a test finds it`)
  }
  const parts = [
    `${judgements.length} of ${total} mutants`,
    `${killed} killed${late > 0 ? ` (${late} by time)` : ''}`,
    `${survived} survived${unreached > 0 ? ` (${unreached} never run)` : ''}`,
    `${equivalent} equivalent`,
    ...(undecided > 0 ? [`${undecided} undecided`] : []),
  ]
  console.log(`${place.name}: ${parts.join(', ')}: ${(share * 100).toFixed(1)} % killed, ${seconds.toFixed(0)} s`)
  return share >= ENOUGH && stale.length === 0
}

/** A whole number from 1 on. Throws with the option's name otherwise. */
function wholeNumber(name: 'budget' | 'lanes' | 'minutes', text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new Error(`--${name} is "${text}"; expected a whole number from 1 on`)
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  const equivalents: readonly Equivalent[] = readEquivalents(
    readFileSync(join(import.meta.dirname, 'equivalent.txt'), 'utf8'),
  )
  let ok = true
  const [budget, lanes] = [wholeNumber('budget', values.budget), wholeNumber('lanes', values.lanes)]
  const minutes = values.minutes === undefined ? Infinity : wholeNumber('minutes', values.minutes)
  for (const place of places(positionals)) {
    const started = performance.now()
    const result = await runPlace({
      root,
      place,
      only: values.only,
      budget: values.all ? Infinity : budget,
      seed: values.seed,
      quick: values.quick,
      lanes,
      // by the clock: who runs it says how long
      isOver: () => performance.now() - started > minutes * 60_000,
      equivalents,
      onProgress: showProgress,
    })
    showProgress('')
    if (result.judgements.length === 0 && result.total > 0)
      throw new Error(`${place.name}: no mutant was judged in ${minutes} minutes`)
    if (result.judgements.length === 0)
      throw new Error(`${place.name} has no mutant${values.only === undefined ? '' : ` at "${values.only}"`}`)
    ok = report(place, result, (performance.now() - started) / 1000, values.list) && ok
  }
  return ok ? 0 : 1
}

await runMain('mutants', main)
