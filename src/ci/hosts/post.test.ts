/** Posting to a fake of GitHub over real HTTP: pages, limits, tokens without rights, forks, faults, races. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { ChangeReport } from '../../contract/changes/report.ts'
import { changeReport, COMMIT, gate, NEWER, newerReport } from '../report.fixture.ts'
import { HostRefusal } from './api.ts'
import type { Api } from './api.ts'
import { BOT, PERSON, REPOSITORY, SECONDARY, startGitHub } from './fake-github.fixture.ts'
import type { FakeGitHub } from './fake-github.fixture.ts'
import { github } from './github.ts'
import type { Host } from './host.ts'
import { callsOf, done, NOW, tell } from './post.fixture.ts'
import { post } from './post.ts'

let hub: FakeGitHub
beforeEach(async () => {
  hub = await startGitHub()
})
afterEach(() => hub.close())

/** Waits that were asked for, ms. */
let slept: number[] = []

function api(url: string, headers: Record<string, string>, patience = 600_000): Api {
  const made = callsOf(url, headers, patience)
  slept = made.slept
  return made.calls
}

function onGitHub(token = 'ghs_job', { commit = COMMIT, pull = 7, patience = 600_000 } = {}): Host {
  return github(api(hub.url, { authorization: `Bearer ${token}` }, patience), {
    repository: REPOSITORY,
    commit,
    pull: pull === 0 ? undefined : pull,
  })
}

const SECRET = 'ghs_job.secret-1'

/** A text as a reader sees it: entities read, and without what only parts letters. */
function lettersOf(text: string): string {
  return text
    .replaceAll(/&#(\d+);/g, (_, digits: string) => String.fromCodePoint(Number(digits)))
    .replaceAll(/\u200b|\\u200b/g, '')
}

describe('GitHub', () => {
  it('gets a comment, a status and a check of the same report', async () => {
    assert.deepEqual(done(await tell(onGitHub())), {
      'commit status': 'posted',
      'check run': 'posted',
      comment: 'posted',
    })
    const [comment] = hub.comments
    assert.match(comment?.body ?? '', /^<!-- slipway-report [^>]*-->\n\n### Slipway: ✅ passed/)
    assert.deepEqual(hub.statuses, [
      {
        state: 'success',
        context: 'slipway/flights',
        description: 'passed: its gate is passed',
        target_url: 'http://slipway/pipelines/pr_1',
        sha: COMMIT,
      },
    ])
    const [check] = hub.checks
    assert.equal(check?.['conclusion'], 'success')
    assert.equal(check?.['head_sha'], COMMIT)
    assert.match(JSON.stringify(check?.['output']), /### Slipway: ✅ passed/)
  })

  for (const [verdict, state, conclusion] of [
    ['failed', 'failure', 'failure'],
    ['waiting', 'pending', 'action_required'],
    ['error', 'error', 'failure'],
  ] as const) {
    it(`shows ${verdict} as ${state} and ${conclusion}`, async () => {
      await tell(onGitHub(), changeReport({ verdict }))
      assert.equal(hub.statuses[0]?.['state'], state)
      assert.equal(hub.checks[0]?.['conclusion'], conclusion)
    })
  }

  it('has one comment and one check after the same report again', async () => {
    await tell(onGitHub())
    assert.equal(done(await tell(onGitHub()))['comment'], 'there already')
    assert.deepEqual([hub.comments.length, hub.checks.length], [1, 1])
    await tell(onGitHub(), changeReport({ reason: 'now otherwise' }))
    assert.deepEqual([hub.comments.length, hub.checks.length], [1, 1])
    assert.match(hub.comments[0]?.body ?? '', /now otherwise/)
  })

  it('finds its comment behind 250 others, on the third page', async () => {
    for (let i = 0; i < 250; i++) hub.say(`comment ${i}`)
    await tell(onGitHub())
    await tell(onGitHub(), changeReport({ reason: 'otherwise' }))
    assert.equal(hub.comments.filter(({ user }) => user.type === 'Bot').length, 1)
    assert.equal(hub.comments.length, 251)
  })

  it('leaves alone what people and other owners wrote with the marker of a report', async () => {
    await tell(onGitHub())
    const forged = hub.say(hub.comments[0]?.body ?? '', PERSON)
    hub.comments.reverse()
    await tell(onGitHub(), changeReport({ reason: 'otherwise' }))
    assert.doesNotMatch(forged.body, /otherwise/)
    assert.match(hub.comments.find(({ user }) => user.login === BOT.login)?.body ?? '', /otherwise/)
  })

  it('leaves alone what another app wrote with the marker, also as an app of one’s own', async () => {
    const other = { login: 'mirror[bot]', id: 7, type: 'Bot' } as const
    for (const creator of [undefined, { login: 'acme-ci[bot]', id: 8, type: 'Bot' } as const]) {
      hub.comments.length = 0
      if (creator !== undefined) hub.creator = creator
      await tell(onGitHub())
      const body = hub.comments[0]?.body ?? ''
      const forged = hub.say(body, other)
      hub.comments.reverse()
      await tell(onGitHub(), changeReport({ reason: 'otherwise' }))
      assert.equal(forged.body, body)
      assert.equal(hub.comments.length, 2)
      assert.match(hub.comments.find((one) => one !== forged)?.body ?? '', /otherwise/)
    }
  })

  it('tells an answer that is none of GitHub, part by part', async () => {
    for (const [path, body] of [
      ['/user', '<html>'],
      ['/user', {}],
      ['/comments', [null]],
    ] as const) {
      const calls = api(hub.url, { authorization: 'Bearer ghp_person' })
      const host = github(
        async (method, asked, sent) =>
          asked.includes(path) && method === 'GET'
            ? { status: 200, headers: {}, body: body === '<html>' ? undefined : body }
            : calls(method, asked, sent),
        { repository: REPOSITORY, commit: COMMIT, pull: 7 },
      )
      const parts = await tell(host)
      assert.equal(done(parts)['commit status'], 'posted')
      if (path === '/user') assert.match(done(parts)['comment'] ?? '', /^no: .*the answer names nobody/)
    }
  })

  it('a person’s token makes the comment and the status; the check says why there is none', async () => {
    const parts = await tell(onGitHub('ghp_person'))
    assert.deepEqual(done(parts)['comment'], 'posted')
    assert.match(
      done(parts)['check run'] ?? '',
      /^no: the token has no right to it \(POST .*: 403 You must authenticate via a GitHub App/,
    )
    assert.equal(hub.statuses.length, 1)
  })

  it('the token of a fork is told so, part by part, and nothing is waited for', async () => {
    const parts = await tell(onGitHub('ghs_fork'))
    assert.deepEqual(
      parts.map((part) => part.done),
      [false, false, false],
    )
    for (const { note } of parts) assert.match(note, /no right.*403 Resource not accessible by integration/)
    assert.deepEqual(slept, [])
  })

  it('a token that is none is told so', async () => {
    for (const { done: ok, note } of await tell(onGitHub('wrong'))) {
      assert.equal(ok, false)
      assert.match(note, /401 Bad credentials/)
    }
  })

  it('a check that is not taken (422) costs the comment nothing', async () => {
    hub.fail(/POST .*check-runs/, {
      status: 422,
      body: { message: 'No commit found for SHA: x', documentation_url: '', status: '422' },
    })
    const parts = await tell(onGitHub())
    assert.match(done(parts)['check run'] ?? '', /does not take it .*422 No commit found/)
    assert.equal(done(parts)['comment'], 'posted')
  })

  it('keeps below the limits of both, with hundreds of gates', async () => {
    const gates = Array.from({ length: 900 }, (_, i) =>
      gate({ name: `gate ${i}`, reason: 'ü'.repeat(290), outcome: 'failed' }),
    )
    assert.deepEqual(done(await tell(onGitHub(), changeReport({ gates }))), {
      'commit status': 'posted',
      'check run': 'posted',
      comment: 'posted',
    })
  })

  it('a push without a pull request gets status and check alone', async () => {
    assert.deepEqual(Object.keys(done(await tell(onGitHub('ghs_job', { pull: 0 })))), ['commit status', 'check run'])
  })

  for (const [what, secret] of [
    ['with signs that become entities', SECRET],
    ['of hexadecimal letters, which are broken', '0123456789abcdef0123456789abcdef01234567'],
    ['that would be cut in half', `xoxb-${'a1b2'.repeat(90)}`],
  ] as const) {
    it(`says no secret ${what}`, async () => {
      const said = `the token is ${secret} or ${Buffer.from(secret).toString('base64')}`
      const report = changeReport({
        reason: said,
        gates: [gate({ reason: said, name: secret })],
        steps: [{ name: secret, state: 'failed', why: `Bearer ${secret}`, duration_ms: 1 }],
        packages: [{ name: 'private', before: secret, after: `git+https://${secret}@host/x` }],
        metrics: [{ metric: secret, value: 1, gated: false, production: null, merge_base: null }],
      })
      await post(onGitHub(), {
        report,
        commit: COMMIT,
        page: () => '',
        secrets: [secret],
        reportOf: () => Promise.resolve(undefined),
      })
      const told = [hub.comments[0]?.body ?? '', JSON.stringify(hub.checks), JSON.stringify(hub.statuses)]
      for (const text of told) {
        const letters = lettersOf(text)
        assert.match(letters, /the token is \*\*\* or \*\*\*/)
        // the first letters alone are enough to know it by
        for (const part of [secret.slice(0, 12), Buffer.from(secret).toString('base64').slice(0, 12)])
          assert.ok(!letters.includes(part), text)
      }
    })
  }

  it('changes its comment again where somebody edited it, and leaves one alone whose mark they took away', async () => {
    await tell(onGitHub())
    const [own] = hub.comments
    assert.ok(own)
    const whole = own.body
    own.body += '\n\nI do not agree'
    await tell(onGitHub())
    assert.deepEqual(
      hub.comments.map(({ body }) => body),
      [whole],
    )
    own.body = 'nothing to see here'
    await tell(onGitHub())
    assert.deepEqual(
      hub.comments.map(({ body }) => body),
      ['nothing to see here', whole],
    )
  })

  it('makes its comment anew where it goes between the look and the write', async () => {
    await tell(onGitHub())
    hub.fail(/PATCH .*comments/, { status: 404, body: { message: 'Not Found', documentation_url: '', status: '404' } })
    hub.delay = (call) => {
      // it is deleted by hand when the change of it is asked for
      if (hub.asked[call - 1]?.method === 'PATCH') hub.comments.length = 0
      return 0
    }
    await tell(onGitHub(), changeReport({ reason: 'otherwise' }))
    assert.equal(hub.comments.length, 1)
    assert.match(hub.comments[0]?.body ?? '', /otherwise/)
  })

  it('says that a conversation is locked; status and check are there all the same', async () => {
    const locked = 'Unable to create comment because issue is locked.'
    hub.fail(/POST .*comments/, { status: 403, body: { message: locked, documentation_url: '', status: '403' } })
    const parts = done(await tell(onGitHub()))
    assert.match(parts['comment'] ?? '', /^no: the token has no right to it .*issue is locked/)
    assert.deepEqual([parts['commit status'], parts['check run']], ['posted', 'posted'])
  })

  it('has status and check of the later of two runs of one commit, whichever job ends last', async () => {
    const later = changeReport({
      verdict: 'failed',
      run: { ...changeReport().run, id: 'pr_2', created_at: '2026-05-03T10:05:00.000Z' },
    })
    for (let seed = 0; seed < 12; seed++) {
      hub.statuses.length = 0
      hub.checks.length = 0
      let ready = seed % 3 === 0
      const reportOf = (): Promise<ChangeReport | undefined> => Promise.resolve(ready ? later : changeReport())
      hub.delay = (call) => ((call * 7 + seed * 13) % 5) * 3
      const first = tell(onGitHub(), changeReport(), reportOf)
      // by the clock: it has come more or less far, and the outcome is the same
      await new Promise((resolve) => setTimeout(resolve, seed * 4))
      // a run has ended before its job reports it
      ready = true
      const [told] = await Promise.all([
        first,
        post(onGitHub(), { report: later, commit: COMMIT, page: () => '', secrets: [], reportOf }),
      ])
      assert.equal(hub.statuses.at(-1)?.['state'], 'failure', `seed ${seed}`)
      // GitHub shows the check that was made last
      const last = hub.checks.toSorted((a, b) => a.id - b.id).at(-1)
      assert.deepEqual([last?.['external_id'], last?.['conclusion']], ['pr_2', 'failure'], `seed ${seed}`)
      if (seed % 3 === 0) assert.equal(done(told)['commit status'], 'left to a later run of the commit')
    }
  })

  it('has the report of the newest push when two come at once, whatever the order of answers', async () => {
    const second = newerReport()
    for (let seed = 0; seed < 12; seed++) {
      hub.comments.length = 0
      hub.head = COMMIT
      let ready = false
      const reportOf = (commit: string): Promise<ChangeReport | undefined> =>
        Promise.resolve(commit === NEWER && ready ? second : undefined)
      hub.delay = (call) => ((call * 7 + seed * 13) % 5) * 3
      const first = tell(onGitHub(), changeReport(), reportOf)
      // by the clock: it has come more or less far, and the outcome is the same
      await new Promise((resolve) => setTimeout(resolve, seed * 4))
      hub.head = NEWER
      ready = true
      const host = onGitHub('ghs_job', { commit: NEWER })
      await Promise.all([first, post(host, { report: second, commit: NEWER, page: () => '', secrets: [], reportOf })])
      assert.equal(hub.comments.length, 1)
      assert.match(hub.comments[0]?.body ?? '', new RegExp(`commit=${NEWER}`), `seed ${seed}`)
    }
  })
})

describe('limits of a host', () => {
  it('are waited for as long as Retry-After says', async () => {
    hub.fail(/POST .*statuses/, { status: 429, body: { message: 'slow down' }, headers: { 'retry-after': '7' } })
    assert.equal(done(await tell(onGitHub()))['commit status'], 'posted')
    assert.deepEqual(slept, [7000])
    assert.equal(hub.statuses.length, 1)
  })

  it('are waited for as long as Retry-After says of a 403, and until its date', async () => {
    const date = new Date(NOW + 42_000).toUTCString()
    hub.fail(
      /POST .*statuses/,
      { ...SECONDARY, headers: { 'retry-after': '11' } },
      { ...SECONDARY, headers: { 'retry-after': date } },
    )
    assert.equal(done(await tell(onGitHub()))['commit status'], 'posted')
    assert.deepEqual(slept, [11_000, 42_000])
    assert.equal(hub.statuses.length, 1)
  })

  it('are waited for until the time of the reset', async () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 90) }
    hub.fail(/POST .*statuses/, {
      status: 403,
      body: { message: 'API rate limit exceeded for installation ID 1.' },
      headers,
    })
    assert.equal(done(await tell(onGitHub()))['commit status'], 'posted')
    assert.deepEqual(slept, [90_000])
  })

  it('of the second kind, without a time, are waited for a minute, then two', async () => {
    hub.fail(/POST .*comments/, SECONDARY, SECONDARY)
    assert.equal(done(await tell(onGitHub()))['comment'], 'posted')
    assert.deepEqual(slept, [60_000, 120_000])
    assert.equal(hub.comments.length, 1)
  })

  it('that ask for more than is left are told, and the rest is tried', async () => {
    hub.fail(/POST .*statuses/, { status: 429, body: {}, headers: { 'retry-after': '3600' } })
    const parts = await tell(onGitHub('ghs_job', { patience: 60_000 }))
    assert.match(
      done(parts)['commit status'] ?? '',
      /does not answer \(the rate limit is reached; 3600 s are more than is left to wait/,
    )
    assert.equal(done(parts)['comment'], 'posted')
  })

  it('a 403 that says nothing of a limit is a refusal, though a few calls are left', async () => {
    hub.fail(/POST .*statuses/, {
      status: 403,
      body: { message: 'Resource not accessible' },
      headers: { 'x-ratelimit-remaining': '41', 'x-ratelimit-reset': '9' },
    })
    assert.match(done(await tell(onGitHub()))['commit status'] ?? '', /no right/)
    assert.deepEqual(slept, [])
  })

  it('a fault is tried again a few times, then told', async () => {
    const broken = { status: 502, body: { message: 'Server Error' } }
    hub.fail(/POST .*statuses/, broken, broken)
    assert.equal(done(await tell(onGitHub()))['commit status'], 'posted')
    assert.deepEqual(slept, [1000, 2000])
    hub.fail(/POST .*statuses/, broken, broken, broken, broken)
    assert.match(done(await tell(onGitHub()))['commit status'] ?? '', /status 502/)
  })

  it('a host that is not there is told and not thrown', async () => {
    const host = onGitHub()
    hub.close()
    for (const { note } of await tell(host)) assert.match(note, /does not answer/)
  })

  it('an answer that is no list is a refusal', async () => {
    hub.fail(/GET .*comments/, { status: 200, body: '<html>' })
    assert.match(done(await tell(onGitHub()))['comment'] ?? '', /the answer is no list/)
    assert.ok(new HostRefusal('away', 0, 'x') instanceof Error)
  })
})
