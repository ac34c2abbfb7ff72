/** The generated workflow under act, which runs GitHub's workflows on this machine; the report is read back from a fake GitHub. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import type { FakeGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import { ACTIONS } from '../../src/ci/templates/github.ts'
import { runProgram } from '../../src/cli/program.fixture.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { TIDES, trainedTo } from '../fixtures/tides.ts'
import { ACT, findGoTool, missing } from '../programs/go-tools.ts'
import { repositoryIn } from '../programs/repository.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const act = await findGoTool(ACT)

describe('the workflow of GitHub under act', { timeout: 600_000, skip: act === undefined && missing(ACT) }, () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-act-'))
  const project = join(root, 'tides')
  const bin = join(root, 'bin')
  let server: TestServer
  let hub: FakeGitHub
  let base = ''

  const { git, commit } = repositoryIn(project)

  /** Stands for an action, which act would clone from GitHub. */
  function action(name: string, run: string): string {
    const folder = join(root, name)
    mkdirSync(folder)
    const steps = `runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: |\n        ${run}\n`
    writeFileSync(
      join(folder, 'action.yml'),
      `name: ${name}\ndescription: local\ninputs:\n  ref: {description: commit, default: HEAD}\n${steps}`,
    )
    return folder
  }

  before(async () => {
    hub = await startGitHub()
    server = await startTestServer()
    mkdirSync(bin)
    // act names GitHub's own API, so the address of the fake is given here
    writeFileSync(
      join(bin, 'slipway'),
      `#!/bin/sh\nGITHUB_API_URL='${hub.url}' exec '${process.execPath}' '${MAIN}' "$@"\n`,
    )
    chmodSync(join(bin, 'slipway'), 0o755)
    mkdirSync(project)
    git('init', '-q', '-b', 'main')
    // act takes the name of the repository from it
    git('remote', 'add', 'origin', 'https://github.com/octo/models.git')
    base = commit({ ...TIDES, ...trainedTo('0.2') })
    assert.equal((await runProgram(['ci', 'init', 'github'], { cwd: project, env: {} })).code, 0)
    base = commit({})
  })
  after(async () => {
    hub.close()
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })

  async function run(event: 'push' | 'pull_request', payload: object): Promise<{ code: number | null; said: string }> {
    const file = join(root, `${event}.json`)
    writeFileSync(file, JSON.stringify(payload))
    const checkout = join(root, 'checkout')
    const upload = join(root, 'upload')
    const at = ({ name, commit: sha }: { name: string; commit: string }, to: string): string[] => [
      '--local-repository',
      `https://github.com/${name}@${sha}=${to}`,
    ]
    const child = spawn(
      act ?? '',
      [
        event,
        '-P',
        'ubuntu-latest=-self-hosted',
        '--no-cache-server',
        '-e',
        file,
        ...at(ACTIONS.checkout, checkout),
        ...at(ACTIONS.upload, upload),
        '--var',
        `SLIPWAY_URL=${server.url}`,
        '-s',
        `SLIPWAY_TOKEN=${server.token}`,
        '-s',
        'GITHUB_TOKEN=ghs_job',
      ],
      {
        cwd: project,
        env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, HOME: root, XDG_CACHE_HOME: join(root, 'cache') },
      },
    )
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const code = await new Promise<number | null>((done) => child.on('close', done))
    return { code, said }
  }

  it('trains a push to main and tells its commit; then a pull request, with a comment against the merge base', async () => {
    action(
      'checkout',
      `git init -q . 2>/dev/null; git fetch -q '${project}' '+refs/heads/*:refs/remotes/origin/*'; git checkout -qf "\${{ inputs.ref == 'HEAD' && github.sha || inputs.ref }}"`,
    )
    action('upload', 'true')
    const pushed = await run('push', { ref: 'refs/heads/main', after: base })
    assert.equal(pushed.code, 0, pushed.said)
    assert.deepEqual([hub.statuses[0]?.sha, hub.statuses[0]?.['state']], [base, 'success'])

    git('checkout', '-qb', 'better')
    const head = commit(trainedTo('0.4'))
    hub.head = head
    const side = (sha: string) => ({ sha, ref: 'better', repo: { full_name: 'octo/models' } })
    const event = {
      number: 7,
      pull_request: { number: 7, head: side(head), base: side(base) },
      repository: { full_name: 'octo/models' },
    }
    const asked = await run('pull_request', event)
    assert.equal(asked.code, 0, asked.said)
    assert.match(
      hub.comments[0]?.body ?? '',
      new RegExp(
        `commit=${head}[\\s\\S]*✅ passed[\\s\\S]*the merge base \\(version <code>1</code> of <code>${base.slice(0, 12)}`,
      ),
    )
    const { items } = await server.client.call(pipelinesApi.listPipelineRuns, { query: { project: 'tides' } })
    assert.deepEqual(
      items.map(({ outcome }) => outcome),
      ['succeeded', 'succeeded'],
    )

    const worse = commit(trainedTo('0.0'))
    hub.head = worse
    const refused = await run('pull_request', { ...event, pull_request: { ...event.pull_request, head: side(worse) } })
    assert.equal(refused.code, 1, refused.said)
    assert.match(hub.comments[0]?.body ?? '', /❌ failed/)

    const forked = await run('pull_request', {
      ...event,
      pull_request: { ...event.pull_request, head: { ...side(worse), repo: { full_name: 'eve/models' } } },
    })
    assert.equal(forked.code, 0, forked.said)
    const after = await server.client.call(pipelinesApi.listPipelineRuns, { query: { project: 'tides' } })
    assert.equal(after.items.length, 3, 'a change of a fork trains nothing')
  })
})
