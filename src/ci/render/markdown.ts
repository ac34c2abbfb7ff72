/** The report as Markdown for a comment, a note or a job's summary: verdict first, and never longer than hosts take. */
import type { Beside, ChangedMetric, ChangeReport, MetricDelta } from '../../contract/changes/report.ts'
import { code, oneLine, plain, SHOWN } from './escape.ts'
import { bytes, count, dollars, interval, number, percent, seconds, signed } from './figures.ts'

export interface Drawing {
  /** First line, for finding the comment again; '' for files. */
  readonly marker: string
  /** Page of the run. */
  readonly page: string
  /** Most bytes; default what GitHub takes. */
  readonly most?: number | undefined
}

/** GitHub takes 65,536 characters. Bytes are counted, which are never fewer. */
export const MOST_BYTES = 65_000

/** How much of a report is drawn: rows of the gates and of each other section, and letters of each text of a gate. */
interface Level {
  readonly gates: number
  readonly rows: number
  readonly letters: number
}

const ALL = Number.POSITIVE_INFINITY
const WHOLE: Level = { gates: ALL, rows: ALL, letters: SHOWN }

/** The first that fits is taken: the gates are whole until all else is gone, then shorter, and fewer at last. */
const LEVELS: readonly Level[] = [
  WHOLE,
  ...[100, 50, 25, 12, 6, 3, 1, 0].map((rows) => ({ ...WHOLE, rows })),
  ...[100, 40, 16].map((letters) => ({ gates: ALL, rows: 0, letters })),
  ...[400, 200, 100, 50, 25, 12, 6, 3, 1, 0].map((gates) => ({ gates, rows: 0, letters: 16 })),
]

interface Section {
  readonly title: string
  readonly head?: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly after?: string
  /** What is said of the rows behind the first so many; a count where nothing else is. */
  readonly more?: (shown: number) => string
}

const MARKS = { passed: '✅ passed', failed: '❌ failed', waiting: '⏳ waits', error: '⚠️ no verdict' } as const

/** Draws it; what does not fit is counted, and where the whole is to be read stands below the verdict. */
export function markdown(report: ChangeReport, { marker, page, most = MOST_BYTES }: Drawing): string {
  for (const level of LEVELS) {
    const text = draw(report, { marker, page }, level)
    if (Buffer.byteLength(text) < most) return `${text}\n`
  }
  return `${joined([marker, head(report, page), shortened(page)])}\n`
}

function draw(report: ChangeReport, { marker, page }: Drawing, level: Level): string {
  return joined([
    marker,
    head(report, page),
    level === WHOLE ? '' : shortened(page),
    section(gateSection(report, level.letters), level.gates),
    ...sections(report, level.rows).map((one) => section(one, level.rows)),
    foot(report),
  ])
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n')
}

/** Files and page are drawn from the same document. */
function shortened(page: string): string {
  return `This is cut to the length that fits here. The whole is on ${link('the page of the run', page)} and in \`report.md\` and \`report.json\` of \`--out\`.`
}

function head(report: ChangeReport, page: string): string {
  const { model, run } = report
  const what = model === null ? code(report.project) : `${code(model.name)} version ${code(model.version)}`
  const commit = run.commit === null ? 'of no commit' : `of ${code(run.commit.slice(0, 12))}`
  const dirty = run.commit !== null && !run.clean ? ', and its folder differed from it' : ''
  return [
    `### Slipway: ${MARKS[report.verdict]}: ${what}`,
    '',
    plain(report.reason),
    '',
    `Run ${link(code(run.id), page)} ${commit}${dirty}. Compared with ${baseline(report, 'production')} and ${baseline(report, 'merge_base')}.`,
  ].join('\n')
}

/** `shown` is markup already. */
function link(shown: string, page: string): string {
  const url = URL.parse(page)
  return url === null || !/^https?:$/.test(url.protocol)
    ? shown
    : `<a href="${encodeURI(url.href).replaceAll('"', '%22').replaceAll('&', '&amp;')}">${shown}</a>`
}

function baseline(report: ChangeReport, name: 'production' | 'merge_base'): string {
  const { version, commit, note } = report.baselines[name]
  const words = name === 'production' ? 'production' : 'the merge base'
  if (version === null) return `${words} (none: ${plain(note)})`
  const of = commit === null ? '' : ` of ${code(commit.slice(0, 12))}`
  return `${words} (version ${code(version)}${of}${note === '' ? '' : `; ${plain(note)}`})`
}

/** All but the gates. */
function sections(report: ChangeReport, rows: number): Section[] {
  return [
    metricSection(report),
    sliceSection(report),
    ...report.data.map((one) => dataSection(one, rows)),
    {
      title: 'Packages',
      head: ['package', 'before', 'now'],
      rows: report.packages.map(({ name, before, after }) => [code(name), code(before ?? '–'), code(after ?? '–')]),
      after: report.packages.length > 0 ? '' : `None changed (${plain(report.packages_note)}).`,
    },
    stepSection(report),
    costSection(report),
    calibrationSection(report),
  ]
}

const OUTCOMES = { passed: '✅', failed: '❌', no_data: '❌ no data', waiting: '⏳' } as const

/** What decides comes first, so that it is the last to be cut. */
const FIRST = ['failed', 'no_data', 'waiting', 'passed'] as const

function gateSection({ gates: given, metrics, model }: ChangeReport, letters: number): Section {
  const gates = given.toSorted((a, b) => FIRST.indexOf(a.outcome) - FIRST.indexOf(b.outcome))
  return {
    title: 'Gates',
    head: ['', 'gate', 'value', 'production', 'merge base', 'Δ production', 'Δ merge base', 'n', 'why'],
    more: (shown) => `and ${gates.length - shown} more gates: ${outcomesOf(gates.slice(shown))}`,
    rows: gates.map((gate) => {
      const metric = metrics.find((one) => one.metric === gate.gate['metric'])
      const whole = gate.slice === null ? metric : undefined
      return [
        OUTCOMES[gate.outcome],
        plain(gate.name, letters),
        number(whole?.value ?? gate.value),
        number(whole?.production?.value),
        number(whole?.merge_base?.value),
        delta(whole?.production),
        delta(whole?.merge_base),
        count(gate.n ?? rowsOf(whole)),
        plain(gate.reason, letters),
      ]
    }),
    after: gates.length > 0 ? '' : noGates(model),
  }
}

/** A run that registered no version may be of a model with gates: they were not asked. */
function noGates(model: ChangeReport['model']): string {
  return model === null ? 'No gate was judged: the run registered no version.' : 'The model has no gates.'
}

function rowsOf(metric: ChangedMetric | undefined): number | null | undefined {
  return metric?.production?.n ?? metric?.merge_base?.n
}

/** How many ended how, in words. */
function outcomesOf(gates: ChangeReport['gates']): string {
  const counted = FIRST.map((outcome) => [gates.filter((one) => one.outcome === outcome).length, outcome] as const)
  const words = { failed: 'failed', no_data: 'without data', waiting: 'waiting', passed: 'passed' }
  return counted.flatMap(([many, outcome]) => (many === 0 ? [] : [`${many} ${words[outcome]}`])).join(', ')
}

function delta(found: MetricDelta | null | undefined): string {
  if (found === null || found === undefined) return '–'
  const mark = found.better === null ? '' : found.better ? ' 🟢' : ' 🔴'
  return `${signed(found.delta)} ${interval(found.interval)}${mark}`.trim()
}

function metricSection({ metrics, metrics_gone, gates }: ChangeReport): Section {
  // the row of a gate on a slice has no figures of all rows
  const told = new Set(gates.flatMap(({ slice, gate }) => (slice === null ? [gate['metric']] : [])))
  const others = metrics.filter(({ metric }) => !told.has(metric))
  return {
    title: 'Other metrics',
    head: ['metric', 'value', 'production', 'merge base', 'Δ production', 'Δ merge base'],
    rows: others.map((one) => [
      code(one.metric),
      number(one.value),
      number(one.production?.value),
      number(one.merge_base?.value),
      delta(one.production),
      delta(one.merge_base),
    ]),
    after: goneText(metrics_gone),
  }
}

/** Named a few, for they are no rows: there is nothing of them to compare. */
const MOST_GONE = 10

function goneText(gone: ChangeReport['metrics_gone']): string {
  const names = [...new Set(gone.map(({ metric }) => metric))]
  if (names.length === 0) return ''
  const shown = names.slice(0, MOST_GONE).map((name) => {
    const of = gone.filter(({ metric }) => metric === name)
    const figures = of.map(
      (one) => `${number(one.value)} in ${one.baseline === 'production' ? 'production' : 'the merge base'}`,
    )
    return `${code(name)} (${figures.join(', ')})`
  })
  const more = names.length > shown.length ? `, and ${names.length - shown.length} more` : ''
  return `No longer measured: ${shown.join(', ')}${more}.`
}

function sliceSection({ slices, slices_note }: ChangeReport): Section {
  return {
    title: 'Slices that became worse',
    head: ['slice', 'metric', 'against', 'Δ (better = +)', '95 %', 'n', 'harm to the whole'],
    rows: slices.map((one) => [
      `${code(one.slice)} = ${code(one.value)}`,
      code(one.metric),
      one.baseline === 'production' ? 'production' : 'merge base',
      signed(one.delta),
      interval(one.interval),
      count(one.n),
      number(one.harm),
    ]),
    after: slices.length > 0 ? '' : `None; ${plain(slices_note)}.`,
  }
}

/** From here on people call a population stability index a change. */
const MOVED = 0.1

/** Columns that came, went or changed their kind are named in a sentence, which is no place for many. */
const MOST_COLUMNS = 20

function dataSection(data: ChangeReport['data'][number], most: number): Section {
  const title = `Data: ${data.name}, against ${data.against === 'production' ? 'production' : 'the merge base'}`
  if (data.same) return { title, rows: [], after: 'The same, byte for byte.' }
  if (!data.compared)
    return { title, rows: [], after: 'It differs; it is no table or too large to be compared by columns.' }
  const rows = data.rows === null ? '' : `${count(data.rows.before)} rows before, ${count(data.rows.after)} now.`
  const schema = [
    ...data.added.map((name) => `new column ${code(name)}`),
    ...data.removed.map((name) => `column ${code(name)} is gone`),
    ...data.retyped.map(({ column, before, after }) => `column ${code(column)} was ${before} and is ${after}`),
  ]
  const shown = schema.slice(0, Math.min(most, MOST_COLUMNS))
  const left = schema.length - shown.length
  const more = shown.length === 0 ? `${left} columns came, went or changed their kind` : `and ${left} more`
  const told = left === 0 ? shown : [...shown, more]
  return {
    title,
    head: ['column', 'drift (PSI)', 'missing before', 'missing now'],
    rows: data.drift
      .filter(({ psi, nulls_before, nulls_after }) => (psi ?? 0) >= MOVED || nulls_before !== nulls_after)
      .map((one) => [code(one.column), number(one.psi), percent(one.nulls_before), percent(one.nulls_after)]),
    after: `${rows} ${told.length === 0 ? 'The same columns.' : `${told.join('; ')}.`} Columns with a drift below ${MOVED} and as many missing values are not listed.`,
  }
}

function stepSection({ steps }: ChangeReport): Section {
  const ended = (...states: readonly string[]): number => steps.filter(({ state }) => states.includes(state)).length
  return {
    title: `Steps: ${ended('cached')} cached, ${ended('succeeded')} run, ${ended('failed')} failed`,
    head: ['step', 'state', 'time', 'why'],
    rows: steps.map((one) => [code(one.name), one.state, seconds(one.duration_ms), plain(one.why)]),
  }
}

function besides(name: string, of: Beside, show: (value: number | null) => string): readonly string[] {
  return [name, show(of.candidate), show(of.production), show(of.merge_base)]
}

function costSection(report: ChangeReport): Section {
  const cost = report.cost_micro_dollars
  return {
    title: 'Cost, time, size',
    head: ['', 'this change', 'production', 'merge base'],
    rows: [
      ['cost of the run', dollars(cost.candidate), '–', dollars(cost.merge_base)],
      besides('time of the run', report.duration_ms, seconds),
      besides('CPU of the run', report.cpu_seconds, (value) => (value === null ? '–' : `${number(value)} s`)),
      besides('size of the model', report.size_bytes, bytes),
      besides('latency p95 where it answers', report.latency_p95_ms, (value) =>
        value === null ? '–' : `${number(value)} ms`,
      ),
    ],
  }
}

function calibrationSection({ calibration }: ChangeReport): Section {
  const rows = (['candidate', 'production', 'merge_base'] as const).flatMap((name) => {
    const found = calibration[name]
    if (found === null) return []
    const words = name === 'candidate' ? 'this change' : name === 'merge_base' ? 'merge base' : name
    return [
      [
        words,
        number(found.brier),
        number(found.ece),
        number(found.mean_score),
        number(found.base_rate),
        count(found.n),
      ],
    ]
  })
  return {
    title: 'Calibration, on the same rows',
    head: ['', 'Brier', 'expected error', 'mean score', 'base rate', 'n'],
    rows,
  }
}

/** A section without rows and words is left out. */
function section({ title, head = [], rows, after = '', more: said }: Section, cap: number): string {
  if (rows.length === 0 && after === '') return ''
  const shown = rows.slice(0, cap)
  const table =
    shown.length === 0
      ? []
      : [
          '',
          `| ${head.join(' | ')} |`,
          `|${head.map(() => '---').join('|')}|`,
          ...shown.map((row) => `| ${row.join(' | ')} |`),
        ]
  const more = rows.length > shown.length ? ['', said?.(shown.length) ?? `and ${rows.length - shown.length} more`] : []
  return [`#### ${title}`, ...table, ...more, ...(after === '' ? [] : ['', after])].join('\n')
}

function foot({ reproduce }: ChangeReport): string {
  return reproduce === null ? '' : `Make it again from raw data: ${code(reproduce)}`
}

/** The verdict in one line of plain text, for statuses; at most `most` characters. */
export function headline({ verdict, reason }: ChangeReport, most: number): string {
  const words = { passed: 'passed', failed: 'failed', waiting: 'waits', error: 'no verdict' }[verdict]
  return oneLine(`${words}: ${reason}`, most - 1)
}
