/** Missing texts on three paths: Slipway's scorer of Python, its native form, and MLflow's own server, on models as people build them. */
// covers: test/lowering/missing_texts.py
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { cachedFolder } from '../../test/cached-folder.ts'
import { nativeModel, serveModels } from '../../test/clients/gateway.ts'
import { testEnv } from '../../test/python-env.ts'
import { PACKAGES } from '../../test/serving-models.ts'
import { verifyNative } from '../scoring/native/verify.ts'
import type { InputField } from '../scoring/rows/fields.ts'
import { listRows, namedRows } from '../scoring/rows/rows.ts'
import type { Named } from '../scoring/rows/rows.ts'
import { encodeRows } from './backends/frames.ts'

const ROOT = join(import.meta.dirname, '../..')
const SCRIPT = join(ROOT, 'test/lowering/missing_texts.py')
const PYTHON_ROOT = join(ROOT, 'python')
const run = promisify(execFile)

/** Both kinds of pandas that are about: since 3 a text beside a missing one makes it NaN. */
const GROUNDS: Readonly<Record<string, readonly string[]>> = {
  'pandas 2': ['scikit-learn==1.7.2', 'pandas==2.3.3', 'numpy==2.2.6', 'mlflow-skinny==3.17.2'],
  'pandas 3': PACKAGES,
}

interface Call {
  readonly dataframe_records?: readonly Named[]
  readonly dataframe_split?: { readonly columns: readonly string[]; readonly data: readonly (readonly unknown[])[] }
}

/** One answer a row, or null where a call is refused. */
type Said = readonly unknown[] | null

const text = (name: string): InputField => ({ name, kind: 'string', dtype: 'string', required: false })
const INPUTS = [
  text('carrier'),
  text('origin'),
  { name: 'distance', kind: 'number', dtype: 'double', required: true },
] as const

function payloadOf({ dataframe_records: records, dataframe_split: split }: Call): string {
  const rows = split === undefined ? namedRows(records ?? []) : listRows(split.columns, split.data)
  return encodeRows(INPUTS, rows.values(INPUTS), null).toString('base64')
}

/** A text that every row of the call lacks: MLflow then makes a DataFrame without the column, which a pipeline refuses. */
function lacksColumn({ dataframe_records: records }: Call): boolean {
  return records !== undefined && INPUTS.some(({ name }) => records.every((row) => !(name in row)))
}

interface Ground {
  readonly calls: readonly Call[]
  readonly mlflow: Readonly<Record<string, Said[]>>
  readonly scorer: Readonly<Record<string, Said[]>>
  /** Why a model is not lowered, by its name; null = it is. */
  readonly reasons: Readonly<Record<string, string | null>>
  readonly nativeDir: (name: string) => string
}

const scratch = mkdtempSync(join(tmpdir(), 'missing-texts-'))
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }))

async function groundOf(packages: readonly string[]): Promise<Ground> {
  const python = await testEnv(packages)
  const env = { ...process.env, PYTHONPATH: PYTHON_ROOT, OMP_NUM_THREADS: '1' }
  const ask = async (...words: string[]): Promise<unknown> =>
    run(python, ['-B', SCRIPT, ...words], { env, maxBuffer: 1e8 })
  const make = async (fresh: string): Promise<void> => {
    mkdirSync(fresh, { recursive: true })
    await ask('make', fresh)
  }
  const scripts = [SCRIPT, ...globSync(join(PYTHON_ROOT, 'slipway/lower/**/*.py')).sort()]
  const folder = await cachedFolder({ name: 'missing-texts', python, scripts, make })
  const read = (...path: string[]): unknown => JSON.parse(readFileSync(join(...path), 'utf8'))
  const calls = read(folder, 'calls.json') as Call[]
  const place = mkdtempSync(join(scratch, 'ground-'))
  writeFileSync(join(place, 'payloads.json'), JSON.stringify(calls.map(payloadOf)))
  await ask('score', folder, place)
  const { answers, reasons } = read(folder, 'answers.json') as {
    answers: Ground['mlflow']
    reasons: Ground['reasons']
  }
  const scorer = read(place, 'scorer.json') as Ground['scorer']
  return { calls, mlflow: answers, scorer, reasons, nativeDir: (name) => join(folder, `${name}.native`) }
}

/** The same numbers but for the order of sums, the same texts, the same refusal. */
function alike(one: Said, other: Said): boolean {
  if (one === null || other === null) return one === other
  const near = (a: unknown, b: unknown): boolean =>
    typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)) : a === b
  return one.length === other.length && one.every((value, i) => near(value, other[i]))
}

/** What differs between two paths in these calls, in words. */
function differences(
  { calls }: Ground,
  name: string,
  paths: Readonly<Record<string, Ground['mlflow']>>,
  among: readonly number[],
): string[] {
  const [[one, ones], [other, others]] = Object.entries(paths) as [
    [string, Ground['mlflow']],
    [string, Ground['mlflow']],
  ]
  return among.flatMap((i) => {
    const [a, b] = [ones[name]?.[i] as Said, others[name]?.[i] as Said]
    if (alike(a, b)) return []
    return [`${name}, ${JSON.stringify(calls[i])}: ${one} ${JSON.stringify(a)}, ${other} ${JSON.stringify(b)}`]
  })
}

async function nativeAnswers({ calls, nativeDir }: Ground, name: string): Promise<Said[]> {
  const gateway = await serveModels([nativeModel(name, nativeDir(name))])
  const said: Said[] = []
  for (const call of calls) {
    const response = await fetch(`http://${gateway.http}/endpoints/${name}/invocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call),
    })
    assert.ok(response.status === 200 || response.status === 400, `${response.status}`)
    const { predictions } = (await response.json()) as { predictions?: unknown[] }
    said.push(predictions ?? null)
  }
  await gateway.stop()
  return said
}

for (const [pandas, packages] of Object.entries(GROUNDS)) {
  test(`${pandas}: MLflow's server, the scorer and the native form answer calls without texts alike`, async () => {
    const ground = await groundOf(packages)
    const names = Object.keys(ground.mlflow)
    assert.ok(names.length >= 20)
    const lowered = names.filter((name) => ground.reasons[name] === null)
    assert.ok(lowered.length >= 20, JSON.stringify(ground.reasons))
    const found: string[] = []
    const whole = ground.calls.flatMap((call, i) => (lacksColumn(call) ? [] : [i]))
    for (const name of names)
      found.push(...differences(ground, name, { scorer: ground.scorer, mlflow: ground.mlflow }, whole))
    for (const name of lowered) {
      const verified = verifyNative(ground.nativeDir(name))
      assert.ok(verified.ok, `${name}: ${JSON.stringify(verified.mismatch)}`)
      const native = { [name]: await nativeAnswers(ground, name) }
      found.push(...differences(ground, name, { native, scorer: ground.scorer }, [...ground.calls.keys()]))
    }
    assert.deepEqual(found, [])
    const refused = ground.calls.findIndex(lacksColumn)
    assert.equal(ground.mlflow['hot_nan']?.[refused], null, 'MLflow has no column where every row lacks the key')
    assert.notEqual(ground.scorer['hot_nan']?.[refused], null)
  })
}
