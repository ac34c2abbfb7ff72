/** Contributions of one row by exact TreeSHAP, beside the library shap on the same models. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadNative } from '../../src/scoring/native/load.ts'
import { BOOSTED, SHAP } from '../../test/clients/packages.ts'
import { testEnv } from '../../test/python-env.ts'
import type { Options, Row } from '../table.ts'
import { ms } from '../table.ts'

const SCRIPT = join(import.meta.dirname, '../../python/tests/make_shap.py')
const TARGET_MS = 0.5
const MODELS = { hist: '31 leaves at most', full: '64 leaves' } as const
/** The best of so many rounds of 500 rows counts: other programs only add. */
const ROUNDS = 8

/** One row of two models of 100 trees of depth 6; CPU time of both, on one thread. Builds a Python environment on first use. */
export async function explain(_options: Options): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'explain-'))
  try {
    const python = await testEnv([...BOOSTED.newest, SHAP])
    await promisify(execFile)(python, ['-B', SCRIPT, folder, '--bench'], { maxBuffer: 1e8 })
    return await Promise.all(Object.entries(MODELS).map(([name, what]) => measure(join(folder, name), what)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(folder: string, what: string): Promise<Row> {
  const { rows, cpu_ms: peer } = JSON.parse(await readFile(join(folder, 'shap.json'), 'utf8')) as {
    rows: number[][]
    cpu_ms: number
  }
  const model = loadNative(join(folder, 'native'))
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (const row of rows) model.explainRow(row)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 1000 / rows.length)
  }
  return {
    name: `TreeSHAP, 100 trees of depth 6 (${what}), one row`,
    measured: `${ms(best)} CPU`,
    target: `≤ ${ms(TARGET_MS)}`,
    beside: `shap: ${ms(peer)}`,
    ok: best <= TARGET_MS,
    figures: { cpu_ms: best, shap_cpu_ms: peer },
  }
}
