/** Each call of a report to each host meets each refusal: it is told of the part that it was for, and costs the others nothing. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changeReport, COMMIT } from '../report.fixture.ts'
import type { FakeHost, Sent } from './fake-host.fixture.ts'
import { BOT, REPOSITORY, startGitHub } from './fake-github.fixture.ts'
import { startGitLab } from './fake-gitlab.fixture.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import type { Host } from './host.ts'
import { callsOf, done, tell } from './post.fixture.ts'

const answers = (sent: Partial<Sent>): readonly Sent[] =>
  Array.from({ length: 40 }, () => ({ status: 200, body: '', ...sent }))

/** What a host, or a proxy before it, may answer in place of what was asked for; with what is told of it. */
const REFUSALS: Readonly<Record<string, readonly [sent: Partial<Sent>, told: RegExp]>> = {
  'a token that has ended': [{ status: 401, body: { message: 'Bad credentials' } }, /no right to it \(.*401 Bad/],
  'no rights': [{ status: 403, body: { message: 'Forbidden' } }, /no right to it \(.*403 Forbidden/],
  'nothing there': [{ status: 404, body: { message: 'Not Found' } }, /no such place, or .*(?:404 Not Found|gone when)/],
  'a field that is not taken': [
    { status: 422, body: { message: 'Validation Failed', errors: [{ field: 'data', message: 'too long' }] } },
    /does not take it \(.*422 Validation Failed \{"field":"data","message":"too long"\}/,
  ],
  'a limit that does not end': [{ status: 429, body: { message: 'slow' } }, /does not answer \(the rate limit/],
  'a limit until a time that is none': [
    { status: 403, body: { message: 'x' }, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'soon' } },
    /no right to it \(.*403 x/,
  ],
  'a limit of a length that is none': [
    { status: 429, body: { message: 'x' }, headers: { 'retry-after': 'a while' } },
    /does not answer \(the rate limit is reached/,
  ],
  'a fault': [{ status: 503, body: { message: 'x' } }, /does not answer \(.*status 503/],
  'a page to log in': [
    { status: 302, headers: { location: 'https://sso.example/?t=secret' } },
    /302 it sends on to https:\/\/sso\.example\/\*\*\*\)/,
  ],
  'a page of a proxy': [{ body: '<html>Welcome</html>', text: true }, /does not take it \(.*200 the answer is no JSON/],
  'an answer without words': [{ body: '', text: true }, /does not take it \(.*200 the answer is no JSON/],
}

interface Call {
  readonly part: string
  readonly call: RegExp
}

const GITHUB: readonly Call[] = [
  { part: 'commit status', call: /POST .*statuses/ },
  { part: 'check run', call: /GET .*check-runs/ },
  { part: 'check run', call: /(?:POST|PATCH) .*check-runs/ },
  { part: 'comment', call: /GET .*pulls/ },
  { part: 'comment', call: /GET .*comments/ },
  { part: 'comment', call: /(?:POST|PATCH) .*comments/ },
]
const GITLAB: readonly Call[] = [
  { part: 'commit status', call: /POST .*statuses/ },
  { part: 'comment', call: /GET .*user/ },
  { part: 'comment', call: /GET .*merge_requests.3$/ },
  { part: 'comment', call: /GET .*notes/ },
  { part: 'comment', call: /(?:POST|PUT) .*notes/ },
]

interface Hosted {
  readonly fake: FakeHost
  /** Makes the caller anew, with all of its patience. */
  readonly host: () => Host
  readonly slept: () => readonly number[]
}

async function onGitHub(): Promise<Hosted> {
  const fake = await startGitHub()
  let slept: readonly number[] = []
  const host = (): Host => {
    const made = callsOf(fake.url, { authorization: 'Bearer ghs_job' })
    slept = made.slept
    return github(made.calls, { repository: REPOSITORY, commit: COMMIT, pull: 7 })
  }
  fake.creator = BOT
  return { fake, host, slept: () => slept }
}

async function onGitLab(): Promise<Hosted> {
  const fake = await startGitLab()
  let slept: readonly number[] = []
  const host = (): Host => {
    const made = callsOf(`${fake.url}/api/v4`, { 'private-token': 'glpat-project' })
    slept = made.slept
    return gitlab(made.calls, { project: '5', commit: COMMIT, request: 3 })
  }
  return { fake, host, slept: () => slept }
}

for (const [name, start, calls] of [
  ['GitHub', onGitHub, GITHUB],
  ['GitLab', onGitLab, GITLAB],
] as const)
  describe(name, () => {
    for (const [what, [sent, told]] of Object.entries(REFUSALS))
      for (const { part, call } of calls)
        for (const again of [false, true])
          it(`tells ${what} of ${call.source}${again ? ', where all was posted before' : ''}`, async () => {
            const { fake, host, slept } = await start()
            try {
              if (again) await tell(host())
              fake.fail(call, ...answers(sent))
              const parts = done(await tell(host(), changeReport({ reason: 'otherwise' })))
              assert.match(parts[part] ?? '', new RegExp(`^no: .*${told.source}`))
              for (const [other, note] of Object.entries(parts)) if (other !== part) assert.equal(note, 'posted')
              assert.ok(slept().every((ms) => ms >= 1000) && slept().reduce((sum, ms) => sum + ms, 0) <= 600_000)
              assert.ok(fake.asked.length < 60, `${fake.asked.length} calls`)
            } finally {
              fake.close()
            }
          })
  })
