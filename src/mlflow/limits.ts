/** MLflow's rules for keys, values and batch sizes, with its texts. */
import { posix } from 'node:path'
import { invalidValue, missingValue } from './input.ts'
import { invalid } from './wire.ts'

export const LIMITS = {
  key: 250,
  param: 6000,
  tag: 8000,
  experimentName: 500,
  experimentTag: 20_000,
  artifactLocation: 2048,
  batchMetrics: 1000,
  batchOthers: 100,
  batchAll: 1000,
  datasetName: 500,
  datasetDigest: 36,
  datasetSchema: 1_048_575,
  datasetSource: 65_535,
  datasetProfile: 16_777_215,
  inputTagKey: 255,
  inputTagValue: 500,
} as const

const RUN_ID = /^[a-zA-Z0-9][\p{L}\p{N}_-]{0,255}$/u

/** Refuses what cannot be the id of a run, where MLflow does so before it looks for the run. */
export function checkRunId(id: string): void {
  if (!RUN_ID.test(id)) throw invalid(invalidValue('run_id', id))
}

const KEY = /^[/\p{L}\p{N}_.\- :]*$/u

const PLAIN_KEY = /^[A-Za-z0-9_][A-Za-z0-9_.\- :]{0,249}$/

/** True for most names: `checkKey` takes them, and this look costs little. */
export function isPlainKey(key: string): boolean {
  return PLAIN_KEY.test(key)
}

/** Checks the name of a metric, param or tag: allowed characters, a normal path, at most 250 characters. */
export function checkKey(key: string, path: string, what: string): void {
  if (isPlainKey(key)) return
  if (!KEY.test(key)) {
    const rule =
      'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).'
    throw invalid(invalidValue(path, key, rule))
  }
  const normal = normalPath(key)
  if (normal !== key || normal === '.' || normal.startsWith('..') || normal.startsWith('/')) {
    const rule = `Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '${normal}'`
    throw invalid(invalidValue(path, key, rule))
  }
  checkLength(key, what, LIMITS.key)
}

/** The first `limit` characters, no half of one: characters beyond the BMP count once, as for MLflow, whose server is Python. */
export function cut(value: string, limit: number): string {
  if (!isLonger(value, limit)) return value
  let end = 0
  for (let count = 0; count < limit; count++) end += (value.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  return value.slice(0, end)
}

function isLonger(value: string, limit: number): boolean {
  // between these two the number of units decides alone
  if (value.length <= limit) return false
  if (value.length > 2 * limit) return true
  let pairs = 0
  for (let at = 0; at < value.length; at++) if ((value.codePointAt(at) ?? 0) > 0xffff) pairs++
  return value.length - pairs > limit
}

/** Refuses text of more than `limit` characters. */
export function checkLength(value: string | undefined, what: string, limit: number): void {
  if (value !== undefined && isLonger(value, limit)) {
    throw invalid(`'${what}' exceeds the maximum length of ${limit} characters`)
  }
}

/** Refuses a batch that is too large, and one that logs a param twice. */
export function checkBatch(metrics: number, params: readonly { key: string }[], tags: number): void {
  atMost(metrics, LIMITS.batchMetrics, 'metrics')
  atMost(params.length, LIMITS.batchOthers, 'params')
  atMost(tags, LIMITS.batchOthers, 'tags')
  atMost(metrics + params.length + tags, LIMITS.batchAll, 'metrics, params, and tags')
  const keys = params.map((param) => param.key)
  const twice = [...new Set(keys.filter((key, index) => keys.indexOf(key) !== index))]
  if (twice.length > 0) {
    throw invalid(
      `Duplicate parameter keys have been submitted: [${twice.map((key) => `'${key}'`).join(', ')}]. ` +
        'Please ensure the request contains only one param value per param key.',
    )
  }
}

interface Timed {
  readonly key: string
  readonly value: number
  readonly timestamp: number
}

function pythonFloat(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e16 ? value.toFixed(1) : String(value)
}

/** Refuses times before 1970. */
export function checkTimestamp({ key, value, timestamp }: Timed, path: string): void {
  if (timestamp < 0) {
    throw invalid(
      invalidValue(
        path,
        timestamp,
        `metric '${key}' (value=${pythonFloat(value)}). Timestamp must be a nonnegative long (64-bit integer) `,
      ),
    )
  }
}

/** Refuses an empty experiment name and one that is too long. */
export function checkExperimentName(name: string | undefined): asserts name is string {
  if (name === undefined || name.trim() === '') throw invalid(missingValue('name'))
  checkLength(name, 'name', LIMITS.experimentName)
}

/** Python's normpath: no trailing slash, '.' for nothing. */
function normalPath(key: string): string {
  const normal = posix.normalize(key)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

function atMost(count: number, limit: number, what: string): void {
  if (count > limit) {
    throw invalid(
      `A batch logging request can contain at most ${limit} ${what}. Got ${count} ${what}. ` +
        `Please split up ${what} across multiple requests and try again.`,
    )
  }
}
