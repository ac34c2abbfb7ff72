/** What is asked of GitHub, and what its fake answers, held against GitHub's own description of its API (`@octokit/openapi`). */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { hostApi } from '../../src/ci/hosts/api.ts'
import { placeOf } from '../../src/ci/hosts/environment.ts'
import { BOT, startGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import type { FakeGitHub } from '../../src/ci/hosts/fake-github.fixture.ts'
import type { Asked, Sent } from '../../src/ci/hosts/fake-host.fixture.ts'
import { github } from '../../src/ci/hosts/github.ts'
import { post } from '../../src/ci/hosts/post.ts'
import { changeReport, COMMIT, gate } from '../../src/ci/report.fixture.ts'
import { cachedFolder, testEnv } from '../python-env.ts'
import { findProgram } from '../tools.ts'

const PACKAGE = '@octokit/openapi@23.0.2'
/** JSON Schema for Python; the same environment as that of GitLab's schema. */
const JUDGE = ['check-jsonschema==0.39.0']
const npm = findProgram('npm')
const folder =
  npm === undefined
    ? undefined
    : await cachedFolder('octokit-openapi-23.0.2', async (into, run) => {
        await run('mkdir', ['-p', into])
        await run(npm, ['pack', '--silent', PACKAGE], { cwd: into })
        const file = 'package/generated/api.github.com.json'
        await run('tar', ['xzf', 'octokit-openapi-23.0.2.tgz', '--strip-components=2', file], { cwd: into })
        await run('rm', ['octokit-openapi-23.0.2.tgz'], { cwd: into })
      })
const EVENTS = '7.6.1'
const examples =
  npm === undefined
    ? undefined
    : await cachedFolder(`octokit-webhooks-examples-${EVENTS}`, async (into, run) => {
        const file = 'package/api.github.com/index.json'
        await run('mkdir', ['-p', into])
        await run(npm, ['pack', '--silent', `@octokit/webhooks-examples@${EVENTS}`], { cwd: into })
        const pack = `octokit-webhooks-examples-${EVENTS}.tgz`
        await run('tar', ['xzf', pack, '--strip-components=2', file], { cwd: into })
        await run('rm', [pack], { cwd: into })
      })
const skip = folder === undefined && `no npm, or no ${PACKAGE}: it is brought once`

let hub: FakeGitHub
before(async () => {
  hub = await startGitHub()
})
after(() => hub.close())

async function faultsOf(exchanges: readonly { readonly asked: Asked; readonly sent: Sent }[]): Promise<string[]> {
  const python = await testEnv(JUDGE)
  const input = exchanges.map(({ asked, sent }) => ({
    asked: { method: asked.method, path: asked.path, query: Object.fromEntries(asked.query), body: asked.body },
    sent: { status: sent.status, body: sent.body ?? null },
  }))
  const args = [join(import.meta.dirname, 'github_api.py'), join(folder ?? '', 'api.github.com.json')]
  const said = execFileSync(python, args, { input: JSON.stringify(input), encoding: 'utf8' })
  return said.split('\n').filter((line) => line !== '')
}

function tell(token: string, reason: string, pull: number | undefined = 7): ReturnType<typeof post> {
  const headers = { authorization: `Bearer ${token}` }
  const host = github(hostApi({ url: hub.url, headers, patience: 0 }), {
    repository: 'octo/models',
    commit: COMMIT,
    pull,
  })
  return post(host, {
    report: changeReport({ reason, verdict: 'failed', gates: [gate({ outcome: 'failed' })] }),
    commit: COMMIT,
    page: () => 'https://slipway.example/pipelines/pr_1/report',
    secrets: [],
    reportOf: () => Promise.resolve(undefined),
  })
}

it('every call is one that GitHub has, with what it takes, and the fake answers as it does', { skip }, async () => {
  for (const token of ['ghs_job', 'ghp_person', 'ghs_fork', 'wrong']) await tell(token, 'first')
  await tell('ghs_job', 'changed')
  const [own] = hub.comments
  hub.say(own?.body ?? '', BOT)
  await tell('ghs_job', 'one of two goes')
  hub.comments.length = 0
  await tell('ghs_job', 'deleted by hand', undefined)
  await tell('ghs_job', 'deleted by hand')
  const made = new Set(hub.exchanges.map(({ asked, sent }) => `${asked.method} ${sent.status}`))
  for (const one of ['POST 201', 'PATCH 200', 'DELETE 204', 'GET 200', 'POST 403', 'GET 403', 'POST 401'])
    assert.ok(made.has(one), `${one} is among what is held: ${[...made].join()}`)
  assert.deepEqual(await faultsOf(hub.exchanges), [])
})

it('what GitHub does not know is found', { skip }, async () => {
  const [status] = hub.exchanges.filter(({ asked }) => asked.path.includes('/statuses/'))
  const [check] = hub.exchanges.filter(({ asked }) => asked.method === 'POST' && asked.path.endsWith('/check-runs'))
  assert.ok(status !== undefined && check !== undefined)
  const faults = await faultsOf([
    { ...status, asked: { ...status.asked, path: '/repos/octo/models/state/x' } },
    { ...status, asked: { ...status.asked, body: { ...status.asked.body, state: 'good' } } },
    { ...check, asked: { ...check.asked, body: { ...check.asked.body, name: undefined } } },
    { ...check, sent: { ...check.sent, status: 299 } },
    { ...check, sent: { status: 201, body: { id: 'one' } } },
  ])
  const found = [
    /no such call/,
    /state: 'good' is not one of/,
    /'name' is a required/,
    /never answers 299/,
    /id: 'one' is not/,
  ]
  for (const [i, one] of found.entries()) assert.match(faults[i] ?? '', one)
})

interface Recorded {
  readonly name: string
  readonly examples: readonly Readonly<Record<string, unknown>>[]
}
interface RecordedPull {
  readonly number: number
  readonly head: { readonly sha: string }
  readonly base: { readonly sha: string; readonly repo: { readonly full_name: string } }
}

it(
  'recorded events say of which change a job is, and whether it is of a fork',
  { skip: examples === undefined && skip },
  () => {
    const all = JSON.parse(readFileSync(join(examples ?? '', 'index.json'), 'utf8')) as Recorded[]
    const of = (name: string) => all.find((one) => one.name === name)?.examples ?? []
    const placed = (event: unknown) => placeOf('github', { GITHUB_SHA: COMMIT }, event)
    const pulls = of('pull_request')
    assert.ok(pulls.length > 20 && of('push').length > 5 && of('workflow_run').length > 3)
    for (const event of pulls) {
      const pull = event['pull_request'] as RecordedPull
      const { commit, change, target, isBase, fork } = placed(event)
      assert.deepEqual(
        [commit, change, target, isBase, fork],
        [pull.head.sha, pull.number, pull.base.sha, false, false],
      )
      const { full_name } = pull.base.repo
      for (const repo of [null, { full_name: `eve/${full_name.split('/')[1]}` }])
        assert.equal(placed({ ...event, pull_request: { ...pull, head: { ...pull.head, repo } } }).fork, true)
    }
    for (const event of of('push')) {
      const before = String(event['before'])
      const { change, commit, target, fork } = placed(event)
      assert.deepEqual([change, commit, fork], [undefined, COMMIT, false])
      assert.equal(target, /^0+$/.test(before) ? undefined : before)
    }
    for (const event of of('workflow_run')) {
      assert.equal(placed(event).fork, false)
      const run = { ...(event['workflow_run'] as object), head_repository: { full_name: 'eve/octo-repo' } }
      assert.equal(placed({ ...event, workflow_run: run }).fork, true)
    }
  },
)
