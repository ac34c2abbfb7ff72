/** The scanner on model files as scikit-learn, pandas, NumPy and joblib write them: sound ones are clean, spoiled ones are named. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { Findings, verdictOf } from '../../src/registry/scan/findings.ts'
import type { Finding } from '../../src/registry/scan/findings.ts'
import { scanFile } from '../../src/registry/scan/scan.ts'
import { prng } from '../../src/stats/prng.ts'
import { MLFLOW_CLIENT } from '../clients/packages.ts'
import { testEnv } from '../python-env.ts'

describe('files as their libraries write them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-scan-'))
  before(async () => {
    const python = await testEnv(MLFLOW_CLIENT)
    const script = join(import.meta.dirname, '../fixtures/registry_scan.py')
    await promisify(execFile)(python, ['-B', script, folder], { timeout: 200_000 })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function scan(file: string, bytes = readFileSync(join(folder, file))): { verdict: string; findings: Finding[] } {
    const found = new Findings()
    scanFile(file, bytes, found)
    return { verdict: verdictOf(found.list()), findings: found.list() }
  }

  it('sound models are clean in every protocol and packing', () => {
    const files = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile())
    assert.ok(files.length > 60, `${files.length} files were written`)
    for (const file of files) {
      const { verdict, findings } = scan(file)
      assert.equal(verdict, 'clean', `${file}: ${JSON.stringify(findings)}`)
    }
  })

  it('a command is found wherever it is hidden, with its file', () => {
    for (const name of readdirSync(join(folder, 'evil'))) {
      const { verdict, findings } = scan(`evil/${name}`)
      const expected = /^getattr|xz$/.test(name) ? 'suspicious' : 'malicious'
      assert.equal(verdict, expected, `${name}: ${JSON.stringify(findings)}`)
      if (expected === 'malicious') assert.match(findings[0]?.what ?? '', /^(posix|nt)\.system$/)
    }
    assert.equal(scan('evil/nested.zip').findings[0]?.file, 'evil/nested.zip!a/inner.zip!archive/data.pkl')
  })

  it('spoiled bytes of real models give a verdict and never a fault', () => {
    const random = prng(3)
    for (const name of [
      'forest.joblib',
      'forest.zlib.joblib',
      'nested.zip',
      'nested.tar.gz',
      'pipeline-4.pkl',
      'arrays.npz',
    ]) {
      const sound = readFileSync(join(folder, name))
      for (let i = 0; i < 60; i++) {
        const bytes = Buffer.from(sound)
        for (let k = 0; k < 4; k++) bytes[random.below(bytes.length)] = random.below(256)
        assert.ok(['clean', 'suspicious', 'malicious'].includes(scan(name, bytes).verdict))
      }
    }
  })
})
