/** The state of pages that lives in the URL: what is read from a link, with anything unreadable left out. */

type Raw = Record<string, unknown>

function text(raw: Raw, key: string): string | undefined {
  const value = raw[key]
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

function list(raw: Raw, key: string): string[] | undefined {
  const value = raw[key]
  const items = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : []
  const kept = items.map(String).filter((item) => item !== '')
  return kept.length === 0 ? undefined : kept
}

/** Drops absent values, so that a plain page has a plain URL. */
export function present<T extends Raw>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

/** State of the Runs page. */
export interface RunsSearch {
  filter?: string
  order?: string
  experiment?: string
  columns?: string[]
  /** Metric whose curve each row shows; `none` = no curve. */
  spark?: string
  /** What runs are grouped by: `params.KEY`, `tags.KEY`, `attributes.status` … */
  group?: string
  chosen?: string[]
  /** `deleted` shows the bin. */
  stage?: 'deleted' | undefined
}

export function runsSearch(raw: Raw): RunsSearch {
  return present({
    filter: text(raw, 'filter'),
    order: text(raw, 'order'),
    experiment: text(raw, 'experiment'),
    columns: list(raw, 'columns'),
    spark: text(raw, 'spark'),
    group: text(raw, 'group'),
    chosen: list(raw, 'chosen'),
    stage: raw['stage'] === 'deleted' ? ('deleted' as const) : undefined,
  })
}

/** State of the list of experiments: `deleted` shows the bin. */
export function experimentsSearch(raw: Raw): { stage?: 'deleted' } {
  return raw['stage'] === 'deleted' ? { stage: 'deleted' } : {}
}

/** How curves are drawn: smoothing 0..0.99, logarithmic axis, by step or time, parts of the steps as `FROM~TO~METRIC`. */
export interface ChartSearch {
  smooth?: number
  log?: boolean
  axis?: 'time'
  zoom?: string[]
}

function chartSearch(raw: Raw): ChartSearch {
  const smooth = Number(raw['smooth'])
  return present({
    smooth: smooth > 0 && smooth < 1 ? smooth : undefined,
    log: raw['log'] === true || raw['log'] === 'true' ? true : undefined,
    axis: raw['axis'] === 'time' ? ('time' as const) : undefined,
    zoom: Array.isArray(raw['zoom']) ? list(raw, 'zoom') : undefined,
  })
}

/** State of the comparison of runs. */
export interface CompareSearch extends ChartSearch {
  ids?: string[]
  x?: string
  y?: string
  /** The number that colours the contour. */
  z?: string
  /** Param whose values are repetitions of the same; `none` = every run by itself. */
  seed?: string
}

export function compareSearch(raw: Raw): CompareSearch {
  return present({
    ids: list(raw, 'ids'),
    x: text(raw, 'x'),
    y: text(raw, 'y'),
    z: text(raw, 'z'),
    seed: text(raw, 'seed'),
    ...chartSearch(raw),
  })
}

/** State of a run's page: how its curves are drawn, and the file that is shown. */
export interface RunSearch extends ChartSearch {
  file?: string
}

export function runSearch(raw: Raw): RunSearch {
  return present({ ...chartSearch(raw), file: text(raw, 'file') })
}

/** State of the Monitoring page: part of event time, size of a column, the window that is looked at, chosen feature and slice. */
export interface MonitoringSearch {
  from?: string
  to?: string
  /** The window that features, quality and slices are shown for; absent = the whole part. */
  since?: string
  until?: string
  hours?: number
  feature?: string
  slice?: string
}

export function monitoringSearch(raw: Raw): MonitoringSearch {
  const hours = Number(raw['hours'])
  return present({
    from: time(raw, 'from'),
    to: time(raw, 'to'),
    since: time(raw, 'since'),
    until: time(raw, 'until'),
    hours: Number.isInteger(hours) && hours >= 1 && hours <= 168 ? hours : undefined,
    feature: text(raw, 'feature'),
    slice: text(raw, 'slice'),
  })
}

function time(raw: Raw, key: string): string | undefined {
  const value = text(raw, key)
  if (value === undefined || Number.isNaN(Date.parse(value))) return undefined
  return new Date(value).toISOString()
}

const SPANS = ['15m', '1h', '6h', '24h', '7d'] as const
/** How far back an endpoint's latency is shown. */
export type Span = (typeof SPANS)[number]

/** State of an endpoint's page. */
export function endpointSearch(raw: Raw): { span?: Span } {
  return present({ span: SPANS.find((span) => span === raw['span']) })
}

/** State of a prompt: the version that is shown, and the one that it is compared with. */
export interface PromptSearch {
  version?: string
  against?: string | undefined
}

export function promptSearch(raw: Raw): PromptSearch {
  return present({ version: text(raw, 'version'), against: text(raw, 'against') })
}

/** State of a data set: its project, the version that is shown, and the one it is compared with. */
export function dataSetSearch(raw: Raw): { project?: string; version?: string; against?: string } {
  return present({ project: text(raw, 'project'), version: text(raw, 'version'), against: text(raw, 'against') })
}

const FEATURE_LISTS = ['services', 'on-demand', 'entities'] as const
/** What of the features is listed; absent = the views. */
export type FeatureList = (typeof FEATURE_LISTS)[number]

/** State of the catalogue of features: its project, what is looked for, what is listed. */
export interface FeaturesSearch {
  project?: string | undefined
  find?: string | undefined
  show?: FeatureList | undefined
}

export function featuresSearch(raw: Raw): FeaturesSearch {
  return present({
    project: text(raw, 'project'),
    find: text(raw, 'find'),
    show: FEATURE_LISTS.find((list) => list === raw['show']),
  })
}

/** State of a feature view or service: its project, the version that is shown, the one it is compared with, the join that is looked at. */
export interface FeatureSearch {
  project?: string | undefined
  version?: string | undefined
  against?: string | undefined
  join?: string | undefined
}

export function featureSearch(raw: Raw): FeatureSearch {
  return present({
    project: text(raw, 'project'),
    version: version(raw, 'version'),
    against: version(raw, 'against'),
    join: text(raw, 'join'),
  })
}

/** State of the look-up of features: what is asked of which service, the values of its keys and fields as they were typed. */
export interface LookUpSearch {
  project?: string | undefined
  service?: string | undefined
  version?: string | undefined
  entity?: Record<string, string> | undefined
  /** The moment beside now, as it was typed. */
  at?: string | undefined
}

export function lookUpSearch(raw: Raw): LookUpSearch {
  return present({
    project: text(raw, 'project'),
    service: text(raw, 'service'),
    version: version(raw, 'version'),
    entity: texts(raw['entity']),
    at: text(raw, 'at'),
  })
}

/** A number of a version, from 1 on. */
function version(raw: Raw, key: string): string | undefined {
  const value = text(raw, key)
  return value !== undefined && /^[1-9]\d{0,8}$/.test(value) ? value : undefined
}

/** Texts by their names; what is no text, number or truth value is left out. */
function texts(given: unknown): Record<string, string> | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined
  const kept = Object.entries(given).flatMap(([key, value]) =>
    ['string', 'number', 'boolean'].includes(typeof value) ? [[key, String(value)] as const] : [],
  )
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** State of the list of traces. */
export function tracesSearch(raw: Raw): { filter?: string } {
  return present({ filter: text(raw, 'filter') })
}

/** State of a trace: the span that is looked at. */
export function traceSearch(raw: Raw): { span?: string } {
  return present({ span: text(raw, 'span') })
}

/** State of a pipeline run: the step that is looked at. */
export function stepSearch(raw: Raw): { step?: string } {
  return present({ step: text(raw, 'step') })
}

/** State of the report of a change: the commit that is its merge base. */
export function reportSearch(raw: Raw): { base?: string } {
  const base = text(raw, 'base')
  return base !== undefined && /^[0-9a-f]{40,64}$/.test(base) ? { base } : {}
}

/** State of the Cost page. */
export function costSearch(raw: Raw): { by?: 'run' | 'endpoint' | 'project' | 'day' } {
  const by = raw['by']
  return by === 'run' || by === 'endpoint' || by === 'project' || by === 'day' ? { by } : {}
}

const LLM_RANGES = ['1h', '24h', '7d', '30d'] as const
/** How far back calls of language models are looked at. */
export type LlmRange = (typeof LLM_RANGES)[number]

const LLM_GROUPS = ['endpoint', 'model', 'key', 'team', 'user'] as const
/** What calls of language models are summed by. */
export type LlmGroup = (typeof LLM_GROUPS)[number]

const LLM_OUTCOMES = ['ok', 'refused', 'failed', 'aborted', 'cut', 'lost'] as const

/** State of the overview of language models: its range, or a part of time; what is summed by; which calls are listed. */
export interface LlmSearch {
  range?: LlmRange | undefined
  /** Of a part of time, both of its ends. */
  since?: string | undefined
  until?: string | undefined
  by?: LlmGroup | undefined
  endpoint?: string | undefined
  /** Whose endpoint: another project may have the name too. */
  project?: string | undefined
  /** Id of a key. */
  key?: string | undefined
  outcome?: (typeof LLM_OUTCOMES)[number] | undefined
}

export function llmSearch(raw: Raw): LlmSearch {
  const [since, until] = [time(raw, 'since'), time(raw, 'until')]
  const isPart = since !== undefined && until !== undefined && since < until
  return present({
    range: LLM_RANGES.find((range) => range === raw['range']),
    ...(isPart && { since, until }),
    by: LLM_GROUPS.find((by) => by === raw['by']),
    endpoint: text(raw, 'endpoint'),
    project: text(raw, 'project'),
    key: text(raw, 'key'),
    outcome: LLM_OUTCOMES.find((outcome) => outcome === raw['outcome']),
  })
}

/** State of lists with a state filter. */
export function stateSearch(raw: Raw): { state?: string } {
  return present({ state: text(raw, 'state') })
}

/** Where to go after the login, only a path of this server; and whether a link led here that no longer opens a session. */
export function loginSearch(raw: Raw): { back?: string; link?: 'used' } {
  const back = text(raw, 'back')
  return {
    ...(back !== undefined && /^\/(?![/\\])/.test(back) && { back }),
    ...(raw['link'] === 'used' && { link: 'used' }),
  }
}
