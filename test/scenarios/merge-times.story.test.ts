/** A merge ends in production with no hand: the job's command ships the commit, and the time from merge to promoted is known. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import { runProgram } from '../../src/cli/program.fixture.ts'
import type { Ended } from '../../src/cli/program.fixture.ts'
import { createClient } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { mergesApi } from '../../src/contract/changes/merges.ts'
import type { MergeTime } from '../../src/contract/changes/merges.ts'
import { DAY_MS } from '../../src/contract/ids.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { rolloutApi } from '../../src/contract/rollout.ts'
import type { Reply } from '../../src/contract/route.ts'
import { PACKAGES, servingModels } from '../serving-models.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { never, until } from '../until.ts'

/** A plan without steps: what is asked for is promoted when it can answer. */
const PROJECT = `project: tides
python: {requires: ">=3.10", packages: [${PACKAGES.join(', ')}]}
pipeline:
  steps:
    train: {run: tides:main, outputs: [model]}
model: {name: tide, from: train.model}
endpoint:
  name: sea
  rollout: {shadow: 0 requests, canary: []}
`
const train = (name: string): string => `import pathlib, shutil
def main(model):
    shutil.copytree(pathlib.Path("trained") / "${name}", model)
`
const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>
}

describe('merge to promoted', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-merges-'))
  const project = join(root, 'tides')
  let server: TestServer
  before(async () => {
    const models = await servingModels()
    mkdirSync(project)
    for (const name of ['hgb', 'hgb2']) cpSync(models.dir(name), join(project, 'trained', name), { recursive: true })
    writeFileSync(join(project, 'slipway.yaml'), PROJECT)
    writeFileSync(join(project, '.slipwayignore'), 'README.md\n')
    execFileSync('git', ['init', '-q', '-b', 'main'], { cwd: project })
    assert.equal((await runProgram(['ci', 'init', 'github'], { cwd: project, env: {} })).code, 0)
    mkdirSync(join(root, 'bin'))
    writeFileSync(join(root, 'bin/slipway'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 })
    server = await startTestServer({ data: join(root, 'data'), gateways: 1 })
  })
  after(async () => {
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })

  /** A commit of that time, ms; git keeps whole seconds. */
  function merge(files: Readonly<Record<string, string>>, at: number): string {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text)
    const who = ['-c', 'user.name=ada', '-c', 'user.email=ada@example.org']
    const env = { ...process.env, GIT_COMMITTER_DATE: `${Math.floor(at / 1000)} +0000` }
    execFileSync('git', ['add', '-A'], { cwd: project })
    execFileSync('git', [...who, 'commit', '-qm', 'change'], { cwd: project, env })
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: project, encoding: 'utf8' }).trim()
  }

  const ship = (): Promise<Ended> =>
    runProgram(['ship', '.', '--merge', '--json'], {
      cwd: project,
      env: { SLIPWAY_URL: server.url, SLIPWAY_TOKEN: server.token },
    })
  /** The step of the generated workflow that runs after a merge. */
  function job(): { status: number | null; stdout: string; stderr: string } {
    const { jobs } = parse(readFileSync(join(project, '.github/workflows/slipway.yml'), 'utf8')) as Workflow
    const texts = Object.entries(jobs).map(([name, { steps }]) => [
      name,
      steps.flatMap(({ run }) => run ?? []).find((text) => /slipway (run|ship) /.test(text)) ?? '',
    ])
    const { change = '', merge: text = '' } = Object.fromEntries(texts) as Record<string, string>
    assert.match(text, /slipway ship \. --merge --json/)
    assert.doesNotMatch(change, /--merge/, 'a change that is not merged is no merge')
    return spawnSync('bash', ['-e', '-c', text], {
      cwd: project,
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${join(root, 'bin')}:${process.env['PATH']}`,
        SLIPWAY_URL: server.url,
        SLIPWAY_TOKEN: server.token,
        RUNNER_TEMP: root,
      },
    })
  }

  const times = (query: object = {}): Promise<Reply<typeof mergesApi.times>> =>
    server.client.call(mergesApi.times, { query })
  const versionOf = async (version: string) => {
    const { items } = await server.client.call(rolloutApi.list, { query: { endpoint: 'sea', limit: 50 } })
    return { rollouts: items.filter((one) => one.version === version) }
  }
  const newestRun = async () => {
    const { items } = await server.client.call(pipelinesApi.listPipelineRuns, { query: { project: 'tides' } })
    return server.client.call(pipelinesApi.getPipelineRun, { params: { id: items[0]?.id ?? '' } })
  }

  /** The times once so many merges are promoted. */
  function promoted(n: number): Promise<readonly MergeTime[]> {
    let seen: readonly MergeTime[] = []
    return until(
      () => `${n} promoted merges: ${JSON.stringify(seen)}`,
      async () => {
        seen = (await times()).items
        return seen.length >= n && seen
      },
    )
  }

  it('is measured from the commit that is checked out, and its parts add up', async () => {
    assert.deepEqual(await times(), { items: [], median_ms: null, slowest: null })
    const merged = Date.now() - 40_000
    const commit = merge({ 'tides.py': train('hgb') }, merged)
    const { status, stdout, stderr } = job()
    assert.equal(status, 0, stdout + stderr)
    const [one] = await promoted(1)
    assert.ok(one)
    const run = await newestRun()
    assert.equal(run.trigger, 'merge')
    const merged_at = new Date(Math.floor(merged / 1000) * 1000).toISOString()
    assert.deepEqual(run.merge, { commit, merged_at })
    assert.deepEqual(
      [one.commit, one.merged_at, one.run, one.model, one.version, one.endpoint],
      [commit, merged_at, run.id, 'tide', '1', 'sea'],
    )
    assert.equal(one.ms, Date.parse(one.promoted_at) - Date.parse(merged_at))
    const now = Date.now()
    assert.ok(one.ms >= 40_000 && Date.parse(one.promoted_at) <= now, JSON.stringify(one))
    assert.equal(
      Object.values(one.parts).reduce((sum, part) => sum + part, 0),
      one.ms,
    )
    assert.ok(one.parts.queue >= 40_000, 'the merge lay for 40 s before the run')
    const metrics = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })
    const line = `slipway_merge_to_promoted_seconds{stat="median"} ${one.ms / 1000}`
    assert.ok((await metrics.text()).includes(line), line)
  })

  it('is not that of a merge which changed no model, and is of the next that does', async () => {
    const [earlier] = await promoted(1)
    merge({ 'README.md': 'A tide.\n' }, Date.now())
    const readme = await ship()
    assert.equal(readme.code, 0, readme.said)
    assert.deepEqual((await times()).items, [earlier])
    const commit = merge({ 'tides.py': train('hgb2') }, Date.now())
    const { code, said } = await ship()
    assert.equal(code, 0, said)
    const [newest] = await promoted(2)
    assert.deepEqual([newest?.commit, newest?.version], [commit, '2'])
    const { items } = await times({ model: 'tide', version: '1' })
    assert.deepEqual(items, [earlier])
  })

  it('is that of a version which was shipped apart, when what comes between was done', async () => {
    const text = readFileSync(join(project, 'tides.py'), 'utf8')
    const commit = merge({ 'tides.py': `${text}# once more\n` }, Date.now())
    const slipway = (...words: string[]): Promise<Ended> =>
      runProgram(words, { cwd: project, env: { SLIPWAY_URL: server.url, SLIPWAY_TOKEN: server.token } })
    const none = await slipway('ship', '.', '--registered')
    assert.equal(none.code, 2)
    assert.match(none.said, new RegExp(`no run of tides was made of commit ${commit}; slipway run makes one`))
    const made = await slipway('run', '.', '--merge', '--json')
    assert.equal(made.code, 0, made.said)
    const { registered } = await newestRun()
    const begun = async () => (await versionOf(registered?.version ?? '')).rollouts
    await never('a rollout by the run', async () => (await begun())[0], 10)
    assert.equal((await times()).items.length, 2, 'nothing is shipped by the run')

    const asked = new Date().toISOString()
    const shipped = await slipway('ship', '.', '--registered')
    assert.equal(shipped.code, 0, shipped.said)
    const [newest] = await promoted(3)
    assert.deepEqual([newest?.commit, newest?.version], [commit, registered?.version])
    const again = await slipway('ship', '.', '--registered')
    assert.equal(again.code, 0, again.said)
    const [only, ...others] = await begun()
    assert.deepEqual(others, [], 'it is shipped once')
    assert.ok((only?.created_at ?? '') >= asked, `and not by the run: ${only?.created_at}, ${asked}`)
    const mixed = await slipway('ship', '.', '--registered', '--force')
    assert.deepEqual([mixed.code, /--force is for a run/.test(mixed.said)], [2, true], mixed.said)
  })

  it('is told not to be measured for a commit that is no merge of these days; the ship goes on', async () => {
    merge({ 'note.txt': 'old\n' }, Date.now() - 31 * DAY_MS)
    const { code, said } = await ship()
    assert.equal(code, 0, said)
    assert.match(
      said,
      /the time from the merge is not measured: commit [0-9a-f]{40} is of .*; expected a time of the last 30 days/,
    )
    const run = await newestRun()
    assert.deepEqual([run.trigger, run.merge], ['merge', null])
  })

  for (const [what, trigger, merged_at, field] of [
    ['the future', 'merge', new Date(Date.now() + DAY_MS).toISOString(), 'merge.merged_at'],
    ['long ago', 'merge', new Date(Date.now() - 31 * DAY_MS).toISOString(), 'merge.merged_at'],
    ['no time', 'merge', 'yesterday', 'merge.merged_at'],
    ['another trigger', 'manual', new Date().toISOString(), 'merge'],
  ] as const) {
    it(`is refused by the server for ${what}`, async () => {
      const earlier = (await newestRun()).id
      const body = { project: 'tides', trigger, merge: { commit: 'ab'.repeat(20), merged_at } }
      await assert.rejects(server.client.call(pipelinesApi.createPipelineRun, { body }), (error: Error) => {
        assert.equal((error as unknown as { code: string }).code, 'invalid_field')
        assert.ok(error.message.includes(field), error.message)
        return true
      })
      assert.equal((await newestRun()).id, earlier, 'no run was made')
    })
  }

  it('is not for a caller of another project', async () => {
    const { token } = await server.client.call(authApi.createToken, {
      body: { name: 'stranger', role: 'viewer', project: 'moon' },
    })
    const stranger = createClient({ url: server.url, token })
    assert.deepEqual((await stranger.call(mergesApi.times, { query: { project: 'tides' } })).items, [])
    assert.equal((await times({ project: 'tides' })).items.length, 3)
  })
})
