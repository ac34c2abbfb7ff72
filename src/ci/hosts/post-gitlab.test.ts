/** Posting to a fake of GitLab over real HTTP: pages, transitions of statuses, limits, tokens without rights, races. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { ChangeReport } from '../../contract/changes/report.ts'
import { changeReport, COMMIT, NEWER, newerReport } from '../report.fixture.ts'
import { startGitLab, tooMany } from './fake-gitlab.fixture.ts'
import type { FakeGitLab } from './fake-gitlab.fixture.ts'
import { gitlab } from './gitlab.ts'
import type { Host } from './host.ts'
import { callsOf, done, NOW, tell } from './post.fixture.ts'
import { post } from './post.ts'

let lab: FakeGitLab
beforeEach(async () => {
  lab = await startGitLab()
})
afterEach(() => lab.close())

/** Waits that were asked for, ms. */
let slept: readonly number[] = []

function onGitLab(token = 'glpat-project'): Host {
  const made = callsOf(`${lab.url}/api/v4`, { 'private-token': token })
  slept = made.slept
  return gitlab(made.calls, { project: '5', commit: COMMIT, request: 3 })
}

describe('GitLab', () => {
  it('gets a note and a status of the same report', async () => {
    assert.deepEqual(done(await tell(onGitLab())), { 'commit status': 'posted', comment: 'posted' })
    assert.match(lab.notes[0]?.body ?? '', /### Slipway: ✅ passed/)
    assert.deepEqual([lab.statuses[0]?.['state'], lab.statuses[0]?.['name']], ['success', 'slipway/flights'])
  })

  it('takes a status that it has already, which GitLab calls a wrong transition', async () => {
    const waits = changeReport({ verdict: 'waiting' })
    await tell(onGitLab(), waits)
    assert.deepEqual(done(await tell(onGitLab(), waits)), { 'commit status': 'posted', comment: 'there already' })
    await tell(onGitLab())
    await tell(onGitLab(), changeReport({ verdict: 'failed' }))
    assert.deepEqual(
      lab.statuses.map((one) => one['state']),
      ['pending', 'success', 'failed'],
    )
    assert.equal(lab.notes.length, 1)
  })

  it('finds its note behind pages that are short, for the token may not see all that stands in them', async () => {
    const ada = { id: 1, username: 'ada' }
    for (let i = 0; i < 230; i++)
      lab.notes.push({ id: i, body: `n${i}`, author: ada, system: true, unseen: i % 3 === 0 })
    await tell(onGitLab())
    await tell(onGitLab(), changeReport({ reason: 'otherwise' }))
    assert.equal(lab.notes.filter(({ author }) => author.id === 90).length, 1)
    assert.match(lab.notes.at(-1)?.body ?? '', /otherwise/)
  })

  it('is asked again while something else of it changes the same thing', async () => {
    const locked = { status: 409, body: { message: '409 Conflict: Resource lock' } }
    lab.fail(/POST .*statuses/, locked, locked)
    assert.equal(done(await tell(onGitLab()))['commit status'], 'posted')
    assert.deepEqual(slept, [1000, 2000])
    lab.fail(/POST .*statuses/, { status: 409, body: { message: 'something else' } })
    assert.match(done(await tell(onGitLab()))['commit status'] ?? '', /^no: the host does not take it/)
  })

  it('says which field is wrong where GitLab does', async () => {
    lab.fail(/POST .*statuses/, { status: 400, body: { message: { target_url: ['is blocked'] } } })
    assert.match(done(await tell(onGitLab()))['commit status'] ?? '', /400 \{"target_url":\["is blocked"\]\}/)
  })

  it('leaves system notes and those of others alone, over pages', async () => {
    for (let i = 0; i < 130; i++)
      lab.notes.push({ id: i, body: `n${i}`, author: { id: 1, username: 'ada' }, system: i % 2 === 0 })
    await tell(onGitLab())
    const [own] = lab.notes.filter(({ author }) => author.id === 90)
    lab.notes.unshift({ id: 900, body: own?.body ?? '', author: { id: 1, username: 'ada' }, system: false })
    await tell(onGitLab(), changeReport({ reason: 'otherwise' }))
    assert.doesNotMatch(lab.notes[0]?.body ?? '', /otherwise/)
    assert.match(own?.body ?? '', /otherwise/)
  })

  it('makes a note anew that was deleted by hand', async () => {
    await tell(onGitLab())
    lab.notes.length = 0
    await tell(onGitLab())
    assert.equal(lab.notes.length, 1)
  })

  it('waits for its limits as it says them', async () => {
    const reset = { 'ratelimit-remaining': '0', 'ratelimit-reset': String(NOW / 1000 + 33) }
    // of one of its features: words in JSON, and no time
    const feature = {
      status: 429,
      body: { message: { error: 'This endpoint has been requested too many times. Try again later.' } },
    }
    lab.fail(/POST .*notes/, tooMany({ ...reset, 'retry-after': '5' }), tooMany(reset), feature)
    assert.equal(done(await tell(onGitLab()))['comment'], 'posted')
    assert.deepEqual(slept, [5000, 33_000, 240_000])
    assert.equal(lab.notes.length, 1)
  })

  it('changes its note again where somebody edited it', async () => {
    await tell(onGitLab())
    const [own] = lab.notes
    assert.ok(own)
    const whole = own.body
    own.body = whole.replace('passed', 'failed')
    await tell(onGitLab())
    assert.deepEqual(
      lab.notes.map(({ body }) => body),
      [whole],
    )
  })

  it('has the report of the newest push when two come at once', async () => {
    const second = newerReport()
    for (let seed = 0; seed < 6; seed++) {
      lab.notes.length = 0
      lab.head = NEWER
      lab.delay = (call) => ((call * 7 + seed * 13) % 5) * 3
      const reportOf = (commit: string): Promise<ChangeReport | undefined> =>
        Promise.resolve(commit === NEWER ? second : undefined)
      await Promise.all([
        tell(onGitLab(), changeReport(), reportOf),
        post(onGitLab(), { report: second, commit: NEWER, page: () => '', secrets: [], reportOf }),
      ])
      assert.equal(lab.notes.length, 1)
      assert.match(lab.notes[0]?.body ?? '', new RegExp(`commit=${NEWER}`), `seed ${seed}`)
    }
  })

  it('a token with too small a scope is told so, part by part', async () => {
    const small = {
      status: 403,
      body: {
        error: 'insufficient_scope',
        error_description: 'The request requires higher privileges than provided by the access token.',
        scope: 'api',
      },
    }
    lab.fail(/POST .*statuses/, small)
    lab.fail(/POST .*notes/, small)
    const parts = done(await tell(onGitLab()))
    for (const part of ['commit status', 'comment']) assert.match(parts[part] ?? '', /no right.*403 insufficient_scope/)
    assert.deepEqual(slept, [])
  })

  it('a token without rights is told so', async () => {
    for (const { note } of await tell(onGitLab('wrong'))) assert.match(note, /no right to it .*401 Unauthorized/)
  })
})
