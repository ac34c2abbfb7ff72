/** The report as Markdown for a comment, a note or a job's summary: verdict first, and never longer than hosts take. */
import type { Beside, ChangeReport, MetricDelta } from '../../contract/changes/report.ts'
import { code, oneLine, plain } from './escape.ts'
import { bytes, dollars, interval, number, percent, seconds, signed } from './figures.ts'

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

/** Rows of each section, from all to none: the first that fits is taken. */
const CAPS = [Number.POSITIVE_INFINITY, 100, 50, 25, 12, 6, 3, 1, 0] as const

interface Section {
  readonly title: string
  readonly head?: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly after?: string
}

const MARKS = { passed: '✅ passed', failed: '❌ failed', waiting: '⏳ waits', error: '⚠️ no verdict' } as const

/** Draws it; what does not fit is counted. */
export function markdown(report: ChangeReport, { marker, page, most = MOST_BYTES }: Drawing): string {
  const all = sections(report)
  const draw = (cap: number): string =>
    [marker, head(report, page), ...all.map((one) => section(one, cap)), foot(report)]
      .filter((part) => part !== '')
      .join('\n\n')
  const fits = CAPS.map(draw).find((text) => Buffer.byteLength(text) <= most)
  return `${fits ?? [marker, head(report, page)].join('\n\n').trimStart()}\n`
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
    `Run ${link(run.id, page)} ${commit}${dirty}. Compared with ${baseline(report, 'production')} and ${baseline(report, 'merge_base')}.`,
  ].join('\n')
}

function link(text: string, page: string): string {
  const url = URL.parse(page)
  return url === null || !/^https?:$/.test(url.protocol)
    ? code(text)
    : `<a href="${encodeURI(url.href).replaceAll('"', '%22').replaceAll('&', '&amp;')}">${code(text)}</a>`
}

function baseline(report: ChangeReport, name: 'production' | 'merge_base'): string {
  const { version, commit, note } = report.baselines[name]
  const words = name === 'production' ? 'production' : 'the merge base'
  if (version === null) return `${words} (none: ${plain(note)})`
  return `${words} (version ${code(version)}${commit === null ? '' : ` of ${code(commit.slice(0, 12))}`})`
}

function sections(report: ChangeReport): Section[] {
  return [
    gateSection(report),
    metricSection(report),
    sliceSection(report),
    ...report.data.map(dataSection),
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

function gateSection({ gates, metrics }: ChangeReport): Section {
  return {
    title: 'Gates',
    head: ['', 'gate', 'value', 'production', 'merge base', 'Δ production', 'Δ merge base', 'n', 'why'],
    rows: gates.map((gate) => {
      const metric = metrics.find((one) => one.metric === gate.gate['metric'])
      const whole = gate.slice === null ? metric : undefined
      return [
        OUTCOMES[gate.outcome],
        plain(gate.name),
        number(whole?.value ?? gate.value),
        number(whole?.production?.value),
        number(whole?.merge_base?.value),
        delta(whole?.production),
        delta(whole?.merge_base),
        number(gate.n ?? whole?.production?.n),
        plain(gate.reason),
      ]
    }),
    after: gates.length > 0 ? '' : 'The model has no gates.',
  }
}

function delta(found: MetricDelta | null | undefined): string {
  if (found === null || found === undefined) return '–'
  const mark = found.better === null ? '' : found.better ? ' 🟢' : ' 🔴'
  return `${signed(found.delta)} ${interval(found.interval)}${mark}`.trim()
}

function metricSection({ metrics }: ChangeReport): Section {
  const others = metrics.filter(({ gated }) => !gated)
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
  }
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
      number(one.n),
      number(one.harm),
    ]),
    after: slices.length > 0 ? '' : `None; ${plain(slices_note)}.`,
  }
}

/** From here on people call a population stability index a change. */
const MOVED = 0.1

function dataSection(data: ChangeReport['data'][number]): Section {
  const title = `Data: ${data.name}, against ${data.against === 'production' ? 'production' : 'the merge base'}`
  if (data.same) return { title, rows: [], after: 'The same, byte for byte.' }
  if (!data.compared)
    return { title, rows: [], after: 'It differs; it is no CSV or too large to be compared by columns.' }
  const rows = data.rows === null ? '' : `${number(data.rows.before)} rows before, ${number(data.rows.after)} now.`
  const schema = [
    ...data.added.map((name) => `new column ${code(name)}`),
    ...data.removed.map((name) => `column ${code(name)} is gone`),
    ...data.retyped.map(({ column, before, after }) => `column ${code(column)} was ${before} and is ${after}`),
  ]
  const shown = schema.slice(0, 20)
  const more = schema.length > shown.length ? `; and ${schema.length - shown.length} more` : ''
  return {
    title,
    head: ['column', 'drift (PSI)', 'missing before', 'missing now'],
    rows: data.drift
      .filter(({ psi, nulls_before, nulls_after }) => psi >= MOVED || nulls_before !== nulls_after)
      .map((one) => [code(one.column), number(one.psi), percent(one.nulls_before), percent(one.nulls_after)]),
    after: `${rows} ${shown.length === 0 ? 'The same columns.' : `${shown.join('; ')}${more}.`} Columns with a drift below ${MOVED} and as many missing values are not listed.`,
  }
}

function stepSection({ steps }: ChangeReport): Section {
  const count = (...states: readonly string[]): number => steps.filter(({ state }) => states.includes(state)).length
  return {
    title: `Steps: ${count('cached')} cached, ${count('succeeded')} run, ${count('failed')} failed`,
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
        number(found.n),
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
function section({ title, head = [], rows, after = '' }: Section, cap: number): string {
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
  const more = rows.length > shown.length ? ['', `and ${rows.length - shown.length} more`] : []
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
