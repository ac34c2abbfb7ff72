/** Simulated rollouts: how often equal versions are stopped, how soon bad ones are; writes the curves into the guide of rollouts. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Plan } from '../../src/contract/rollout/plan.ts'
import { quantileOf, stoppedWithin, study } from '../../src/rollout/simulation/study.ts'
import type { StudyResult } from '../../src/rollout/simulation/study.ts'
import { madeUp } from '../../src/rollout/simulation/world.ts'
import type { Fault } from '../../src/rollout/simulation/world.ts'
import type { Options, Row } from '../table.ts'

const GUIDE = join(import.meta.dirname, '../../docs/guides/rollouts.md')
const [BEGIN, END] = ['<!-- curves: npm run bench -- --only rollout-sim -->', '<!-- end of curves -->']

const GATES = { error_rate: { at_most: 0.01 } }
/** The whole way of a rollout: shadow with labels, three canary steps. */
const WHOLE = {
  shadow: { requests: 1000, labels: 0 },
  canary: [500, 2500, 5000],
  each: { min_requests: 500 },
  gates: GATES,
}
/** Callers meet the candidate from the first request on: nothing was seen of it before. */
const BARE = { shadow: { requests: 0, labels: 0 }, canary: [10_000], each: { min_requests: 1000 }, gates: GATES }
/** The plan allows more than either version fails: what stops one is the comparison with stable. */
const BESIDE = {
  shadow: { requests: 0, labels: 0 },
  canary: [500, 2500, 5000],
  each: { min_requests: 500 },
  gates: { error_rate: { at_most: 0.2 } },
}
/** Both fail as often as the plan allows. */
const EQUAL: Fault = { errors: 0.01, stableErrors: 0.01 }
const STABLE_RATE = 0.002
const ROWS = 16_000
const CANARY_STEPS = [25, 50, 100, 150, 250, 500, 1000]
const ALPHAS = [0.05, 0.01]
const RATES = [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5]
const BESIDE_RATES = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1]

interface Played {
  readonly plan: Plan
  readonly fault: Fault
  readonly runs: number
}

function play({ plan, fault, runs }: Played): StudyResult {
  // a canary alone is looked at more often: it is counted by the request
  const every = plan.shadow.requests === 0 ? 10 : 50
  return study(plan, { runs, seed: 7, every, labelDelay: 200, rows: (random) => madeUp(random, fault, ROWS) })
}

/** 2,000 equal pairs and some thousand faulty ones (`--quick`: a tenth, and the guide is left alone); a few minutes of one core. */
export async function rolloutSim(options: Options): Promise<Row[]> {
  const quick = options.seconds < 4
  const [many, some] = quick ? [200, 50] : [2000, 500]
  const equal = ALPHAS.map((alpha) => ({
    alpha,
    whole: play({ plan: Plan.parse({ ...WHOLE, alpha }), fault: EQUAL, runs: alpha === 0.05 ? many : some }),
  }))
  const curves = ALPHAS.map((alpha) => ({
    alpha,
    found: RATES.map((rate) => play({ plan: Plan.parse({ ...BARE, alpha }), fault: { errors: rate }, runs: some })),
  }))
  const beside = BESIDE_RATES.map((errors) =>
    play({ plan: Plan.parse(BESIDE), fault: { errors, stableErrors: STABLE_RATE }, runs: some }),
  )
  const rows = [
    ...equal.map(({ alpha, whole }) => equalRow(alpha, whole)),
    ...ALPHAS.map((alpha) =>
      errorRow(alpha, play({ plan: Plan.parse({ ...BARE, alpha }), fault: { errors: 0.05 }, runs: many })),
    ),
    ...besideRows(beside, many),
    ...slicesOf(some),
  ]
  const tables = curves.map(({ alpha, found }) => curveTable(`alpha ${alpha}`, RATES, found))
  const title = `compared with a stable version that fails ${percent(STABLE_RATE)}, alpha ${ALPHAS[0]}`
  if (!quick) await writeCurves([...tables, curveTable(title, BESIDE_RATES, beside), summary(rows)])
  return rows
}

function equalRow(alpha: number, result: StudyResult): Row {
  const share = result.stopped / result.runs
  return {
    name: `A/A rollouts rolled back, alpha ${alpha}`,
    measured: `${result.stopped} of ${result.runs} (${percent(share)}); ${result.promoted} promoted`,
    target: `≤ ${percent(alpha)}`,
    beside: '',
    ok: share <= alpha,
    figures: { alpha, ...result },
  }
}

function errorRow(alpha: number, result: StudyResult): Row {
  const share = stoppedWithin(result, 250)
  const [p50, p90] = [0.5, 0.9].map((q) => quantileOf(result.canary, q, result.runs))
  return {
    name: `5 % failures against 1 %, no shadow, alpha ${alpha}${alpha === ALPHAS[0] ? ' (the default)' : ''}`,
    measured: `${percent(share)} of ${result.runs} stopped within 250 canary requests; p50 ${p50 ?? '–'}, p90 ${p90 ?? '–'}`,
    target: alpha === ALPHAS[0] ? '≥ 90 % within 250' : '',
    beside: '',
    ok: alpha === ALPHAS[0] ? share >= 0.9 : null,
    figures: { alpha, within_250: share, p50, p90, by: result.by },
  }
}

/** The comparison with stable: equal versions while something that both depend on fails now and then, and a version ten times as bad. */
function besideRows(found: readonly StudyResult[], runs: number): Row[] {
  const alike = play({ plan: Plan.parse(BESIDE), fault: { ...EQUAL, outage: 50 }, runs })
  const worse = found[BESIDE_RATES.indexOf(0.02)]!
  const share = stoppedWithin(worse, 1500)
  return [
    {
      name: 'as bad as stable, in outages that meet both',
      measured: `${alike.stopped} of ${runs} stopped (${percent(alike.stopped / runs)})`,
      target: '≤ 5 %',
      beside: '',
      ok: alike.stopped / runs <= 0.05,
      figures: { ...alike },
    },
    {
      name: `2 % failures beside ${percent(STABLE_RATE)} of stable, 20 % allowed`,
      measured: `${percent(share)} of ${worse.runs} stopped within 1500 canary requests; p50 ${quantileOf(worse.canary, 0.5, worse.runs) ?? '–'}`,
      target: '≥ 90 % within 1500',
      beside: '',
      ok: share >= 0.9,
      figures: { within_1500: share, by: worse.by },
    },
  ]
}

/** One slice broken: its scores turned round (found by labels), or its requests failing; at the default alpha. */
function slicesOf(runs: number): Row[] {
  const plan = Plan.parse(WHOLE)
  const faults: readonly (readonly [string, string, Fault])[] = [
    ['scores of one slice turned round', 'quality group=0', { errors: 0.005, brokenSlice: 'group=0' }],
    ['scores of a small slice turned round', 'quality group=8', { errors: 0.005, brokenSlice: 'group=8' }],
    ['one small slice fails always', 'error_rate group=8', { errors: 0.005, failingSlice: 'group=8' }],
  ]
  return faults.map(([name, gate, fault]) => {
    const result = play({ plan, fault, runs })
    const [p50, p90] = [0.5, 0.9].map((q) => quantileOf(result.rows, q, runs))
    return {
      name,
      measured: `${percent(result.stopped / runs)} of ${runs} stopped, named in ${percent((result.by[gate] ?? 0) / runs)}; p50 ${p50 ?? '–'}, p90 ${p90 ?? '–'} rows`,
      target: '≥ 90 % stopped',
      beside: '',
      ok: result.stopped / runs >= 0.9,
      figures: { stopped: result.stopped, runs, p50, p90, by: result.by },
    }
  })
}

/** Shares of runs that were stopped within so many canary requests, by the true failure rate. */
function curveTable(title: string, rates: readonly number[], found: readonly StudyResult[]): string {
  const head = ['failures', ...CANARY_STEPS.map((n) => `≤ ${n}`), 'median']
  const rows = found.map((result, i) => [
    percent(rates[i] ?? 0),
    ...CANARY_STEPS.map((n) => percent(stoppedWithin(result, n))),
    String(quantileOf(result.canary, 0.5, result.runs) ?? '–'),
  ])
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `${title}:\n\n${lines.join('\n')}`
}

/** The figures of the whole plan, as the bench prints them. */
function summary(rows: readonly Row[]): string {
  const lines = rows.map(({ name, measured, target }) => [name, measured, target])
  return ['| what | found | wanted |', '| --- | --- | --- |', ...lines.map((cells) => `| ${cells.join(' | ')} |`)].join(
    '\n',
  )
}

async function writeCurves(tables: readonly string[]): Promise<void> {
  const text = tables.join('\n\n')
  const guide = await readFile(GUIDE, 'utf8')
  const [from, to] = [guide.indexOf(BEGIN), guide.indexOf(END)]
  if (from === -1 || to < from) throw new Error(`${GUIDE} has no place for the curves: ${BEGIN} … ${END}`)
  await writeFile(GUIDE, `${guide.slice(0, from + BEGIN.length)}\n\n${text}\n\n${guide.slice(to)}`)
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`
}
