/** `slipway ci report`: its arguments, where it posts to by the job's variables, and with which code it ends. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { startGitLab } from '../../ci/hosts/fake-gitlab.fixture.ts'
import type { FakeGitLab } from '../../ci/hosts/fake-gitlab.fixture.ts'
import { BASE, changeReport, COMMIT } from '../../ci/report.fixture.ts'
import type { ChangeReport } from '../../contract/changes/report.ts'
import { ciApi } from '../../contract/changes/report.ts'
import { problem } from '../../contract/errors.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

const JOB = [
  'GITHUB_ACTIONS',
  'GITHUB_EVENT_PATH',
  'GITHUB_STEP_SUMMARY',
  'GITHUB_TOKEN',
  'GITLAB_CI',
  'GITLAB_TOKEN',
  'CI_API_V4_URL',
  'CI_PROJECT_ID',
  'CI_COMMIT_SHA',
  'CI_MERGE_REQUEST_IID',
  'CI_MERGE_REQUEST_DIFF_BASE_SHA',
  'GIT_COMMIT',
  'GIT_PREVIOUS_SUCCESSFUL_COMMIT',
] as const
const outside = JOB.map((key) => [key, process.env[key]] as const)

let server: RecordedServer
let lab: FakeGitLab
let folder: string
before(async () => {
  server = await startRecorded()
  folder = mkdtempSync(join(tmpdir(), 'slipway-ci-'))
})
after(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  lab = await startGitLab()
  for (const key of JOB) delete process.env[key]
})
afterEach(() => {
  lab.close()
  for (const [key, value] of outside) {
    if (value === undefined) delete process.env[key]
    else process.env[key] = value
  }
})

function inGitLab(token = 'glpat-project'): void {
  Object.assign(process.env, {
    GITLAB_CI: 'true',
    CI_API_V4_URL: `${lab.url}/api/v4`,
    CI_PROJECT_ID: '5',
    CI_COMMIT_SHA: COMMIT,
    CI_MERGE_REQUEST_IID: '3',
    CI_MERGE_REQUEST_DIFF_BASE_SHA: BASE,
    GITLAB_TOKEN: token,
  })
}

const report = (...words: string[]) => server.slipway('ci', 'report', ...words)

describe('slipway ci report', () => {
  it('posts a note and a status to GitLab, against the merge base that it names', async () => {
    inGitLab()
    server.answer(ciApi.changeReport, changeReport())
    server.answer(ciApi.runsOfCommit, { items: [] })
    const said = await report('pr_1')
    assert.equal(said.code, 0)
    assert.deepEqual(said.lines, ['✓ commit status: posted', '✓ comment: posted', 'passed: its gate is passed'])
    assert.deepEqual(server.asked(ciApi.changeReport)[0]?.query, { base: BASE })
    assert.match(lab.notes[0]?.body ?? '', new RegExp(`${server.url}/pipelines/pr_1/report\\?base=${BASE}"`))
  })

  it('puts the report of a newer push in its place, where the server has it', async () => {
    inGitLab()
    lab.head = 'c'.repeat(40)
    const newer = changeReport({
      run: { ...changeReport().run, id: 'pr_2', commit: lab.head },
      reason: 'the newer one',
    })
    server.answer(ciApi.changeReport, changeReport(), newer)
    server.answer(ciApi.runsOfCommit, (asked) => ({
      items: [
        asked.query['commit'] === lab.head
          ? { run: 'pr_2', created_at: newer.run.created_at, outcome: 'succeeded', standing: 5 }
          : { run: 'pr_1', created_at: changeReport().run.created_at, outcome: 'succeeded', standing: 5 },
      ],
    }))
    const said = await report('pr_1')
    assert.ok(said.lines.includes('✓ comment: left to a newer push'))
    assert.match(lab.notes[0]?.body ?? '', /the newer one/)
    assert.equal(lab.statuses[0]?.sha, COMMIT)
  })

  it('tells the later of two runs of one commit, and no experiment that somebody made of it', async () => {
    inGitLab()
    const [own, later] = [changeReport(), changeReport({ reason: 'the later one', verdict: 'failed' })]
    later.run = { ...own.run, id: 'pr_2', created_at: '2026-05-03T11:00:00.000Z' }
    const by: Readonly<Record<string, ChangeReport>> = { pr_1: own, pr_2: later }
    server.answer(ciApi.changeReport, ({ params: [run = ''] }) => by[run] ?? own)
    const run = ({ run: { id, created_at } }: ChangeReport, standing: number) => ({
      run: id,
      created_at,
      outcome: 'succeeded',
      standing,
    })
    server.answer(ciApi.runsOfCommit, { items: [run(own, 5), run(later, 4)] })
    const first = await report('pr_1')
    assert.deepEqual(first.lines, ['✓ commit status: posted', '✓ comment: posted', 'passed: its gate is passed'])
    assert.doesNotMatch(lab.notes[0]?.body ?? '', /the later one/)
    server.answer(ciApi.runsOfCommit, { items: [run(later, 5), run(own, 5)] })
    const second = await report('pr_1')
    assert.equal(second.code, 0, 'the job ends by its own verdict')
    assert.ok(second.lines.includes('✓ commit status: left to a later run of the commit'), second.lines.join('; '))
    assert.equal(lab.statuses.at(-1)?.['state'], 'failed')
    assert.match(lab.notes[0]?.body ?? '', /the later one/)
    assert.equal(lab.notes.length, 1)
  })

  it('keeps its verdict where the server is lost after it was read, and says what it does not know', async () => {
    inGitLab()
    server.answer(ciApi.changeReport, changeReport({ verdict: 'failed' }))
    server.answer(ciApi.runsOfCommit, problem('unauthenticated', { detail: 'the token has ended' }))
    const said = await report('pr_1')
    assert.equal(said.code, 1)
    assert.deepEqual(said.lines.slice(0, 2), ['✓ commit status: posted', '✓ comment: posted'])
    assert.match(said.lines[2] ?? '', /^! later runs: the server does not say whether there are any \(.*has ended/)
  })

  it('writes the whole to the files, and to the summary as much as GitHub takes', async () => {
    const summary = join(folder, 'summary.md')
    const event = join(folder, 'event.json')
    writeFileSync(event, '{}')
    writeFileSync(summary, 'x'.repeat(300_000))
    Object.assign(process.env, { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary, GITHUB_EVENT_PATH: event })
    const steps = Array.from({ length: 3000 }, (_, i) => ({
      name: `step-${i}-end`,
      state: 'succeeded' as const,
      why: '@'.repeat(300),
      duration_ms: 1,
    }))
    server.answer(ciApi.changeReport, changeReport({ steps }))
    assert.equal((await report('pr_1', '--out', join(folder, 'whole'))).code, 0)
    const [whole, shown] = [join(folder, 'whole/report.md'), summary].map((file) => readFileSync(file, 'utf8'))
    assert.match(whole ?? '', /step&#45;2999&#45;end/)
    assert.doesNotMatch(whole ?? '', /The whole is on/)
    assert.match(shown ?? '', /The whole is on/)
    const size = Buffer.byteLength(shown ?? '')
    assert.ok(size > 340_000 && size <= 1024 * 1024, `${size} bytes`)
  })

  for (const [verdict, code] of [
    ['passed', 0],
    ['failed', 1],
    ['waiting', 1],
    ['error', 2],
  ] as const) {
    it(`ends with ${code} where the verdict is ${verdict}, whatever the host says`, async () => {
      inGitLab('wrong')
      server.answer(ciApi.changeReport, changeReport({ verdict }))
      assert.equal((await report('pr_1')).code, code)
    })
  }

  it('without a host writes files, and reads the run from the file of `slipway run --json`', async () => {
    const file = join(folder, 'run.json')
    writeFileSync(file, JSON.stringify({ id: 'pr_9', state: 'succeeded' }))
    server.answer(ciApi.changeReport, changeReport())
    const said = await report(file, '--out', join(folder, 'new/out'), '--base', BASE)
    assert.equal(said.code, 0)
    assert.deepEqual(server.asked(ciApi.changeReport)[0]?.params, ['pr_9'])
    assert.deepEqual(server.asked(ciApi.changeReport)[0]?.query, { base: BASE })
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'new/out/report.json'), 'utf8')), changeReport())
    assert.match(readFileSync(join(folder, 'new/out/report.md'), 'utf8'), /^### Slipway/)
  })

  it('no file holds the value of a variable that is called a secret, wherever in its name it says so', async () => {
    const given = {
      DEPLOY_KEY: 'km-opaque-1',
      NPM_TOKEN_RO: 'tk-opaque-2',
      DB_PASSWORDS: 'pw-opaque-3',
      MONKEY: 'no-secret-4',
    }
    Object.assign(process.env, given)
    try {
      server.answer(ciApi.changeReport, changeReport({ reason: Object.values(given).join(' ') }))
      assert.equal((await report('pr_1', '--out', join(folder, 'masked'))).code, 0)
    } finally {
      for (const key of Object.keys(given)) delete process.env[key]
    }
    const { reason } = JSON.parse(readFileSync(join(folder, 'masked/report.json'), 'utf8')) as { reason: string }
    assert.equal(reason, '*** *** *** no-secret-4')
    assert.doesNotMatch(readFileSync(join(folder, 'masked/report.md'), 'utf8'), /opaque/)
  })

  it('says that nothing is posted without a token', async () => {
    inGitLab('')
    server.answer(ciApi.changeReport, changeReport())
    const said = await report('pr_1')
    assert.equal(said.code, 0)
    assert.ok(said.lines.includes('note: nothing is posted, for GITLAB_TOKEN is not set'))
    assert.equal(lab.asked.length, 0)
  })

  it('takes the commit that Jenkins names, and leaves out what is none', async () => {
    process.env['GIT_COMMIT'] = COMMIT
    process.env['GIT_PREVIOUS_SUCCESSFUL_COMMIT'] = 'main'
    server.answer(ciApi.changeReport, changeReport())
    await report('pr_1')
    assert.deepEqual(server.asked(ciApi.changeReport)[0]?.query, {})
  })

  for (const [words, message] of [
    [['ci'], /^slipway ci needs .*init, trust, token or report/],
    [['ci', 'deploy'], /does not know "deploy"/],
    [['ci', 'report'], /needs a RUN/],
    [['ci', 'report', 'pr_1', '--provider', 'svn'], /--provider is "svn"; expected one of github, gitlab, none/],
  ] as const) {
    it(`refuses ${words.join(' ')}`, async () => {
      await assert.rejects(server.slipway(...words), usage(message))
    })
  }

  it('refuses a time to wait that is none', async () => {
    inGitLab()
    server.answer(ciApi.changeReport, changeReport())
    await assert.rejects(report('pr_1', '--wait', 'long'), usage(/--wait is "long"/))
  })

  it('a server that refuses, and a file without a run, are code 2 and no verdict', async () => {
    server.answer(ciApi.changeReport, problem('conflict', { detail: 'run pr_1 has not ended' }))
    const file = join(folder, 'cut.json')
    writeFileSync(file, '{"id": ')
    for (const given of ['pr_1', file]) {
      const { run } = await import('./ci.ts')
      const said: string[] = []
      const write = process.stderr.write.bind(process.stderr)
      process.stderr.write = (text: string | Uint8Array): boolean => said.push(String(text)) > 0
      try {
        const out = {
          json: false,
          line: () => undefined,
          data: () => undefined,
          progress: () => undefined,
          table: () => undefined,
        }
        assert.equal(await run({ args: ['report', given], flags: { data: server.data }, out }), 2)
      } finally {
        process.stderr.write = write
      }
      assert.match(said.join(''), /^slipway: there is no verdict: /)
    }
  })
})
