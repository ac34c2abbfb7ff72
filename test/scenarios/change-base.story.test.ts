/** What a change is held against when the merge base is none that one would wish: no run, a failed one, an experiment, a version that is gone. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { runProgram } from '../../src/cli/program.fixture.ts'
import type { ChangeReport } from '../../src/contract/changes/report.ts'
import { ciApi } from '../../src/contract/changes/report.ts'
import { TIDES, trainedTo as train } from '../fixtures/tides.ts'
import { repositoryIn } from '../programs/repository.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const JUDGE = TIDES['tides/judge.py'] ?? ''
/** The judging step takes a param; there are no gates. */
const FILES = {
  ...TIDES,
  'slipway.yaml': (TIDES['slipway.yaml'] ?? '')
    .replace('outputs: [predictions]}', 'outputs: [predictions], params: {shift: 0.0}}')
    .replace(/ {2}gates:[^]*$/, ''),
  'tides/judge.py': JUDGE.replace('predictions):', 'predictions, shift):'),
}

describe('the merge base of a change', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-base-'))
  const project = join(root, 'project')
  let server: TestServer
  let head = ''
  let candidate = ''
  const { git, commit } = repositoryIn(project)

  async function run(...words: string[]): Promise<string> {
    const { out, said } = await runProgram(['run', '.', '--json', '--data', server.data, ...words], {
      cwd: project,
      env: {},
    })
    const { id } = JSON.parse(out === '' ? '{}' : out) as { id?: string }
    assert.ok(id, said)
    return id
  }

  const against = async (base: string, run = candidate): Promise<ChangeReport> =>
    server.client.call(ciApi.changeReport, { params: { run }, query: { base } })

  async function mlflow(method: string, path: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
    const asked = { method, headers, body: JSON.stringify(body) }
    assert.equal((await fetch(`${server.url}/api/2.0/mlflow/${path}`, asked)).status, 200)
  }

  /** A commit of the main branch, which is run or not. */
  function onMain(files: Readonly<Record<string, string>>): string {
    git('checkout', '-q', 'main')
    return commit(files)
  }

  before(async () => {
    mkdirSync(project)
    server = await startTestServer()
    git('init', '-q', '-b', 'main')
    commit(FILES)
    git('checkout', '-qb', 'change')
    head = commit(train('0.9'))
    candidate = await run()
  })
  after(async () => {
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })

  it('that was never run, or is the change itself, is none, and it says so', async () => {
    const never = onMain({ 'README.md': 'never run' })
    const { baselines } = await against(never)
    assert.deepEqual(baselines.merge_base, {
      version: null,
      run: null,
      commit: never,
      note: 'no run was made of the merge base',
    })
    assert.equal((await against(head)).baselines.merge_base.note, 'the change is the merge base itself')
  })

  it('whose run failed is none; once it was run well that is the base, though the newest run failed', async () => {
    const base = onMain({ 'tides/fail.txt': 'x', 'tides/train.py': 'def main(table, model): raise ValueError("no")\n' })
    await run()
    const none = await against(base)
    assert.equal(none.baselines.merge_base.note, 'no run of the merge base registered a version')
    assert.deepEqual([none.verdict, none.metrics_gone], ['passed', []])
    const good = onMain({ ...train('0.3') })
    const id = await run()
    await run('--param', 'judge.shift=0.5').catch(() => '')
    assert.equal((await against(good)).baselines.merge_base.run, id)
    assert.equal((await against(good)).baselines.merge_base.note, '')
  })

  it('of which there is nothing but an experiment is that, and it says so; so is a folder that differed', async () => {
    const base = onMain({ 'README.md': 'an experiment' })
    const experiment = await run('--param', 'judge.shift=0.01')
    const found = await against(base)
    assert.equal(found.baselines.merge_base.run, experiment)
    assert.equal(found.baselines.merge_base.note, 'its run had params of its own, or was started by a schedule')
    const other = onMain({ 'README.md': 'a folder' })
    writeFileSync(join(project, 'README.md'), 'changed')
    await run()
    git('checkout', '-q', '--', '.')
    assert.equal((await against(other)).baselines.merge_base.note, 'its folder differed from the commit')
  })

  it('that had metrics which the change has not names them, with their values', async () => {
    const judge = FILES['tides/judge.py'].replace('{"roc_auc":', '{"old auc": 0.25, "auc":')
    const base = onMain({ 'tides/judge.py': judge })
    await run()
    const { metrics, metrics_gone: gone } = await against(base)
    assert.deepEqual(
      new Set(gone.map(({ metric, baseline }) => `${metric} of ${baseline}`)),
      new Set(['auc of merge_base', 'old auc of merge_base']),
    )
    assert.equal(gone.find(({ metric }) => metric === 'old auc')?.value, 0.25)
    assert.equal(metrics.find(({ metric }) => metric === 'roc_auc')?.merge_base, null)
  })

  it('whose version was deleted, or is of another model, says so', async () => {
    const base = onMain({ ...train('0.5'), 'tides/judge.py': FILES['tides/judge.py'] })
    const id = await run()
    const { version } = (await against(base)).baselines.merge_base
    assert.equal((await against(base)).baselines.merge_base.run, id)
    await mlflow('DELETE', 'model-versions/delete', { name: 'tide', version })
    assert.equal((await against(base)).baselines.merge_base.note, `its version ${version} is gone`)
    const renamed = onMain({ 'slipway.yaml': FILES['slipway.yaml'].replace('name: tide', 'name: ebb') })
    await run()
    assert.equal(
      (await against(renamed)).baselines.merge_base.note,
      'the merge base made a version of another model, ebb',
    )
  })

  it('of a model that was deleted and made anew is not the version that has its number now', async () => {
    const base = onMain({ 'slipway.yaml': FILES['slipway.yaml'].replace('name: tide', 'name: flow') })
    await run()
    commit(train('0.7'))
    const change = await run()
    assert.equal((await against(base, change)).baselines.merge_base.version, '1')
    await mlflow('DELETE', 'registered-models/delete', { name: 'flow' })
    commit(train('0.8'))
    for (let i = 0; i < 2; i++) await run('--force')
    const { baselines, metrics, verdict, reason } = await against(base, change)
    assert.equal(baselines.merge_base.note, 'its version 1 is gone')
    // nor is the change's own
    assert.deepEqual([metrics, verdict, reason], [[], 'passed', 'the run succeeded; its version 2 is gone'])
  })
})
