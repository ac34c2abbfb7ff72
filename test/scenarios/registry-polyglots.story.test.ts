/** Thousands of model files in disguises: the real loaders open each, and what the scanner called clean has run nothing. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { Findings, verdictOf } from '../../src/registry/scan/findings.ts'
import { scanFile } from '../../src/registry/scan/scan.ts'
import { MLFLOW_CLIENT } from '../clients/packages.ts'
import { testEnv } from '../python-env.ts'

const COUNT = 4000
const SEED = process.env['SLIPWAY_POLYGLOT_SEED'] ?? '7'

interface Report {
  readonly loaders: readonly string[]
  /** By file: what each loader that ran anything ran. */
  readonly files: Readonly<Record<string, Readonly<Record<string, string>>>>
}

describe('files in disguises', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-polyglots-'))
  let report: Report
  before(async () => {
    const script = join(import.meta.dirname, '../fixtures/registry_polyglots.py')
    const { stdout } = await promisify(execFile)(
      await testEnv(MLFLOW_CLIENT),
      ['-B', script, folder, String(COUNT), SEED],
      {
        timeout: 200_000,
        maxBuffer: 64 * 1024 * 1024,
      },
    )
    report = JSON.parse(stdout) as Report
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function verdict(file: string): string {
    const found = new Findings()
    scanFile(file, readFileSync(join(folder, file)), found)
    return verdictOf(found.list())
  }

  it('what is clean runs nothing in any loader', () => {
    const files = Object.entries(report.files)
    const wrong = files.filter(([file, ran]) => Object.keys(ran).length > 0 && verdict(file) === 'clean')
    assert.deepEqual(wrong, [], `seed ${SEED}`)
  })

  it('the disguises are real: every loader and every shape ran something', () => {
    const files = Object.entries(report.files)
    const ran = files.filter(([, by]) => Object.keys(by).length > 0)
    assert.ok(ran.length > COUNT / 4, `${ran.length} of ${COUNT} ran something`)
    for (const loader of report.loaders)
      assert.ok(
        ran.some(([, by]) => loader in by),
        loader,
      )
    const shapes = (list: typeof files) =>
      [...new Set(list.map(([file]) => file.replace(/^\d+-(\w+)\..*$/, '$1')))].sort()
    assert.deepEqual(
      shapes(ran),
      shapes(files).filter((shape) => shape !== 'torch' || report.loaders.includes('torch')),
    )
  })
})
