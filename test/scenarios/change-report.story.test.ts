/** A change and its report: a real project in git, run twice, and `slipway ci report` against a fake of GitHub, read back from there. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import type { FakeGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import { runProgram } from '../../src/cli/program.fixture.ts'
import type { Ended } from '../../src/cli/program.fixture.ts'
import { createClient } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import type { ChangeReport } from '../../src/contract/changes/report.ts'
import { ciApi } from '../../src/contract/changes/report.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { TIDES, trainedTo as train } from '../fixtures/tides.ts'
import { repositoryIn } from '../programs/repository.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

/** The judging step takes a param, and a model by its alias; the pipeline has a param that a condition alone reads. */
const SHIFTED = {
  'slipway.yaml': (TIDES['slipway.yaml'] ?? '')
    .replace(
      'outputs: [predictions]}',
      'outputs: [predictions], params: {shift: 0.0, held: "models:/tide@production"}}',
    )
    .replace('  steps:', '  params: {mode: {type: choice, default: full, choices: [full, quick]}}\n  steps:')
    .replace(
      '\nmodel:',
      '\n    look: {run: tides.look:main, after: [judge], when: "params.mode == \'quick\'"}\nmodel:',
    ),
  'tides/look.py': 'def main(): pass\n',
  'tides/judge.py': (TIDES['tides/judge.py'] ?? '')
    .replace('predictions):', 'predictions, shift, held):')
    .replace('score = [0.5', 'score = [shift + 0.5'),
}

describe('a change and its report', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-change-'))
  const project = join(root, 'project')
  let server: TestServer
  let hub: FakeGitHub
  let base = ''

  const { git, commit } = repositoryIn(project)

  const slipway = (words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
    runProgram([...words, '--data', server.data], { cwd: project, env })

  /** Runs the commit that is checked out as a job does; the file with the run. */
  async function runJob(): Promise<{ file: string; code: number | null }> {
    const { out, code } = await slipway(['run', '.', '--json'])
    const file = join(root, `run-${git('rev-parse', 'HEAD').slice(0, 8)}.json`)
    writeFileSync(file, out)
    return { file, code }
  }

  async function report(file: string, head: string, more: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const event = join(root, 'event.json')
    const side = (sha: string) => ({ sha, repo: { full_name: 'octo/models' } })
    writeFileSync(event, JSON.stringify({ pull_request: { number: 7, head: side(head), base: side(base) } }))
    hub.head = head
    return slipway(['ci', 'report', file, '--out', join(root, 'out')], {
      GITHUB_ACTIONS: 'true',
      GITHUB_API_URL: hub.url,
      GITHUB_REPOSITORY: 'octo/models',
      GITHUB_EVENT_PATH: event,
      GITHUB_STEP_SUMMARY: join(root, 'summary.md'),
      GITHUB_TOKEN: 'ghs_job',
      ...more,
    })
  }

  const written = (): ChangeReport => JSON.parse(readFileSync(join(root, 'out/report.json'), 'utf8')) as ChangeReport

  before(async () => {
    mkdirSync(project)
    hub = await startGitHub()
    server = await startTestServer()
    git('init', '-q', '-b', 'main')
    base = commit({ ...TIDES, ...train('0.2'), ...SHIFTED })
    assert.equal((await runJob()).code, 0)
  })
  after(async () => {
    hub.close()
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })

  it('that is good passes: comment, status, check, files and code 0, with the merge base beside it', async () => {
    git('checkout', '-qb', 'better')
    const head = commit({ ...train('0.9'), 'tides/fetch.py': (TIDES['tides/fetch.py'] ?? '').replace('600', '640') })
    const { file, code } = await runJob()
    assert.equal(code, 0)
    const ended = await report(file, head)
    assert.equal(ended.code, 0, `${ended.out}${ended.said}`)
    const found = written()
    assert.equal(found.verdict, 'passed')
    assert.deepEqual([found.run.commit, found.run.clean], [head, true])
    assert.equal(found.baselines.merge_base.version, '1')
    assert.equal(found.baselines.merge_base.commit, base)
    assert.deepEqual(found.data.find(({ name }) => name === 'training')?.rows, { before: 600, after: 640 })
    const auc = found.metrics.find(({ metric }) => metric === 'roc_auc')
    assert.ok((auc?.merge_base?.delta ?? 0) > 0)
    assert.equal(hub.comments.length, 1)
    assert.match(hub.comments[0]?.body ?? '', new RegExp(`commit=${head}[\\s\\S]*✅ passed`))
    assert.deepEqual([hub.statuses[0]?.['state'], hub.statuses[0]?.sha], ['success', head])
    assert.equal(hub.checks[0]?.['conclusion'], 'success')
    for (const name of ['out/report.md', 'summary.md'])
      assert.match(readFileSync(join(root, name), 'utf8'), /✅ passed/)
    assert.match(readFileSync(join(root, 'out/junit.xml'), 'utf8'), /<testcase classname="tides.gates"/)
  })

  it('is held against what stands for the merge base: no experiment with other params, and its merge before all', async () => {
    const head = git('rev-parse', 'HEAD')
    const { items } = await server.client.call(ciApi.runsOfCommit, { query: { project: 'tides', commit: head } })
    const file = items[0]?.run ?? ''
    const heldAgainst = async (): Promise<string | null> => {
      assert.equal((await report(file, head)).code, 0)
      return written().baselines.merge_base.run
    }
    const run = async (...words: string[]): Promise<string> => {
      const { out, said, code } = await slipway(['run', '.', '--json', ...words])
      assert.equal(code, 0, said)
      return (JSON.parse(out) as { id: string }).id
    }
    const plain = await heldAgainst()
    git('checkout', '-q', base)
    for (const words of [
      ['--param', 'judge.shift=0.01'],
      ['--set', 'mode=quick'],
    ]) {
      await run(...words)
      assert.equal(await heldAgainst(), plain, `the newest run of the merge base is an experiment, ${words.join(' ')}`)
    }
    assert.equal(written().baselines.merge_base.note, '')
    const merged = await run('--merge')
    assert.equal(await heldAgainst(), merged)
    await run()
    assert.equal(await heldAgainst(), merged, 'a run by hand after it')
    git('checkout', '-q', 'better')
  })

  it('that fails a gate ends with 1, and the same comment says so', async () => {
    const head = commit(train('0.0'))
    const { file, code } = await runJob()
    assert.equal(code, 1)
    const ended = await report(file, head)
    assert.equal(ended.code, 1, ended.said)
    assert.equal(hub.comments.length, 1)
    assert.match(hub.comments[0]?.body ?? '', new RegExp(`commit=${head}[\\s\\S]*❌ failed`))
    assert.equal(hub.statuses.at(-1)?.['state'], 'failure')
    assert.equal(written().steps.find(({ name }) => name === 'fetch')?.state, 'cached')
  })

  it('of a fork falls back to the summary and the code', async () => {
    writeFileSync(join(root, 'summary.md'), '')
    const head = git('rev-parse', 'HEAD')
    const ended = await report((await runJob()).file, head, { GITHUB_TOKEN: 'ghs_fork' })
    assert.equal(ended.code, 1)
    assert.match(ended.out, /! comment: .*403 Resource not accessible/)
    assert.match(readFileSync(join(root, 'summary.md'), 'utf8'), /❌ failed/)
    assert.doesNotMatch(`${ended.out}${ended.said}`, /ghs_fork/)
  })

  it('whose code breaks has the failure of the step and code 1', async () => {
    const head = commit({ 'tides/train.py': 'def main(table, model):\n    raise ValueError("<b>no</b> | tide")\n' })
    const { file } = await runJob()
    assert.equal((await report(file, head)).code, 1)
    const body = hub.comments[0]?.body ?? ''
    assert.match(body, /❌ failed/)
    assert.doesNotMatch(body, /<b>/)
    assert.equal(written().model, null)
  })

  it('whose step returns a metric that has no name for tracking ends, and says which', async () => {
    const evil = (TIDES['tides/judge.py'] ?? '')
      .replace('predictions):', 'predictions, shift, held):')
      .replace('return {', 'return {"a|b <b>@octo</b>": 1.0, ')
    const head = commit({ ...train('0.9'), 'tides/judge.py': evil })
    const { file } = await runJob()
    assert.equal((await report(file, head)).code, 1)
    const body = hub.comments[0]?.body ?? ''
    assert.match(body, /step &#34;judge&#34; failed&#58;​ a metric cannot be kept/)
    assert.doesNotMatch(body, /<b>|@octo/)
  })

  it('without a run, or without a server, has no verdict: code 2', async () => {
    const empty = join(root, 'empty.json')
    writeFileSync(empty, '')
    assert.equal((await report(empty, base)).code, 2)
    assert.equal((await report('pr_unknown', base)).code, 2)
    const lost = await runProgram(['ci', 'report', 'pr_x', '--url', 'http://127.0.0.1:9'], { cwd: project, env: {} })
    assert.equal(lost.code, 2)
    assert.match(lost.said, /there is no verdict/)
  })

  it('is another project’s alone: who may not see the run finds none', async () => {
    const made = await server.client.call(authApi.createToken, {
      body: { name: 'other', role: 'viewer', project: 'elsewhere' },
    })
    const stranger = createClient({ url: server.url, token: made.token })
    const { items } = await server.client.call(pipelinesApi.listPipelineRuns, { query: { project: 'tides' } })
    const run = items[0]?.id ?? ''
    await assert.rejects(stranger.call(ciApi.changeReport, { params: { run } }), { code: 'not_found' })
    const query = { project: 'tides', commit: base }
    assert.deepEqual((await stranger.call(ciApi.runsOfCommit, { query })).items, [])
    assert.ok((await server.client.call(ciApi.runsOfCommit, { query })).items.length > 0)
  })
})
