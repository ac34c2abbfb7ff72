/** What is asked of GitLab is what python-gitlab asks, the fake is one that it can use, and its answers have the fields of Gitbeaker's types. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, it } from 'node:test'
import { promisify } from 'node:util'
import { hostApi } from '../../src/ci/hosts/api.ts'
import { startGitLab, tooMany } from '../../src/ci/hosts/fake-gitlab.fixture.ts'
import type { FakeGitLab } from '../../src/ci/hosts/fake-gitlab.fixture.ts'
import type { Asked, Sent } from '../../src/ci/hosts/fake-host.fixture.ts'
import { gitlab } from '../../src/ci/hosts/gitlab.ts'
import { tell } from '../../src/ci/hosts/post.fixture.ts'
import { changeReport, COMMIT } from '../../src/ci/report.fixture.ts'
import { cachedFolder, testEnv } from '../python-env.ts'
import { findProgram } from '../tools.ts'

const CLIENT = ['python-gitlab==8.6.0']
const [TYPES, VERSION] = ['@gitbeaker/core', '43.8.0']
const npm = findProgram('npm')
const folder =
  npm === undefined
    ? undefined
    : await cachedFolder(`gitbeaker-core-${VERSION}`, async (into, run) => {
        await run('mkdir', ['-p', into])
        await run(npm, ['pack', '--silent', `${TYPES}@${VERSION}`], { cwd: into })
        await run('tar', ['xzf', `gitbeaker-core-${VERSION}.tgz`, '--strip-components=2', 'package/dist/index.d.ts'], {
          cwd: into,
        })
        await run('rm', [`gitbeaker-core-${VERSION}.tgz`], { cwd: into })
      })
const skip = folder === undefined && `no npm, or no ${TYPES}: it is brought once`
const TSC = resolve(import.meta.dirname, '../../node_modules/typescript/bin/tsc')

const root = mkdtempSync(join(tmpdir(), 'slipway-gitlab-'))
let lab: FakeGitLab
before(async () => {
  lab = await startGitLab()
})
after(() => {
  lab.close()
  rmSync(root, { recursive: true, force: true })
})

interface Seen {
  readonly user: number
  readonly head: string
  readonly notes: readonly number[]
  readonly changed: string
  readonly status: readonly string[]
  readonly gone: string
  readonly empty: string
  readonly twice: string
  readonly state: string
  readonly nobody: string
}

async function used(): Promise<Seen> {
  const python = await testEnv(CLIENT)
  const script = join(import.meta.dirname, 'gitlab_api.py')
  const { stdout } = await promisify(execFile)(python, [script, lab.url, 'glpat-project', COMMIT])
  return JSON.parse(stdout) as Seen
}

/** Everything that a report asks of GitLab: made, changed, one of two taken away, deleted by hand, and told to a commit alone. */
async function reported(): Promise<void> {
  const calls = hostApi({ url: `${lab.url}/api/v4`, headers: { 'private-token': 'glpat-project' }, patience: 0 })
  const host = gitlab(calls, { project: '5', commit: COMMIT, request: 3 })
  await tell(host)
  await tell(host, changeReport({ reason: 'changed' }))
  const own = lab.notes.findLast(({ author }) => author.id === 90)
  assert.ok(own)
  lab.notes.push({ ...own, id: 9000 })
  await tell(host, changeReport({ reason: 'one of two goes' }))
  assert.equal(lab.notes.filter(({ author }) => author.id === 90).length, 1)
  await tell(gitlab(calls, { project: '5', commit: COMMIT, request: undefined }), changeReport({ verdict: 'failed' }))
}

/** A call without the numbers of what it is about. */
const kindOf = ({ method, path }: Asked): string =>
  `${method} ${path.replaceAll(/\/(?:\d+|[0-9a-f]{40})(?=\/|$)/g, '/N')}`

let theirs: readonly Asked[] = []
it('python-gitlab reads every page of the fake, changes its note, and is refused as GitLab refuses', async () => {
  const ada = { id: 1, username: 'ada' }
  for (let i = 0; i < 230; i++)
    lab.notes.push({ id: i, body: `n${i}`, author: ada, system: false, unseen: i % 3 === 0 })
  const seen = await used()
  theirs = [...lab.asked]
  assert.deepEqual([seen.user, seen.head, seen.changed, seen.status], [90, lab.head, 'second', ['success', 'n']])
  assert.deepEqual(
    seen.notes,
    lab.notes.filter(({ unseen }) => unseen !== true).map(({ id }) => id),
  )
  assert.deepEqual(
    [seen.gone, seen.empty, seen.nobody],
    ['404 404 Not found', `400 {'note': ["can't be blank"]}`, '401 401 Unauthorized'],
  )
  assert.match(seen.twice, /^400 Cannot transition status via :enqueue from :pending/)
  assert.match(seen.state, /^400 state does not have a valid value/)
})

it('python-gitlab waits for the limit of the fake as it is told', async () => {
  lab.fail(/GET .*notes/, tooMany({ 'retry-after': '1' }))
  const began = performance.now()
  const seen = await used()
  const took = performance.now() - began
  assert.ok(seen.notes.length > 100)
  assert.ok(took >= 1000, `${took} ms`)
})

it('every call of a report is one that python-gitlab makes, with nothing else in it', async () => {
  const before = lab.asked.length
  await reported()
  const ours = lab.asked.slice(before)
  const known = Map.groupBy(theirs, kindOf)
  assert.ok(ours.length > 10)
  for (const one of ours) {
    const alike = known.get(kindOf(one))
    assert.ok(alike, `python-gitlab never asks ${kindOf(one)}`)
    const fields = new Set(alike.flatMap(({ body, query }) => [...Object.keys(body), ...query.keys(), 'page']))
    for (const field of [...Object.keys(one.body), ...one.query.keys()])
      assert.ok(fields.has(field), `${kindOf(one)}: ${field}`)
    assert.equal(one.headers['private-token'], 'glpat-project')
  }
})

/** What the types say of each answer; '' where nobody wants it. */
function typeOf({ asked, sent }: { readonly asked: Asked; readonly sent: Sent }): string {
  if (sent.status >= 300 || sent.status === 204) return ''
  const kind = kindOf(asked)
  if (kind.endsWith('/notes')) return asked.method === 'GET' ? 'Note[]' : 'Note'
  if (kind.endsWith('/notes/N')) return 'Note'
  if (kind.endsWith('/statuses/N')) return 'Status'
  if (kind.endsWith('/merge_requests/N')) return 'Request'
  return kind.endsWith('/user') ? 'User' : ''
}

/** Says what the compiler finds wrong in these answers. */
function faultsOf(answers: readonly (readonly [type: string, body: unknown])[]): string {
  cpSync(join(folder ?? '', 'index.d.ts'), join(root, 'gitbeaker.d.ts'))
  const lines = answers.map(([type, body], i) => `export const a${i}: ${type} = ${JSON.stringify(body)}`)
  const file = join(root, 'answers.ts')
  writeFileSync(
    file,
    `import type { CommitStatusSchema, ExpandedMergeRequestSchema, MergeRequestNoteSchema, SimpleUserSchema } from './gitbeaker'
// what people are in these types has no null for a picture, and what begins has no null for its end
type More = Record<string, unknown>
type Person = Pick<SimpleUserSchema, 'id' | 'name' | 'username' | 'state' | 'web_url'> & More
type Note = Pick<MergeRequestNoteSchema, 'id' | 'body' | 'attachment' | 'created_at' | 'updated_at' | 'system' | 'noteable_id' | 'noteable_type' | 'noteable_iid' | 'project_id' | 'resolvable'> & { author: Person } & More
type Status = Pick<CommitStatusSchema, 'id' | 'status' | 'created_at' | 'name' | 'allow_failure' | 'sha' | 'ref'> & { author: Person; target_url: string | null } & More
type User = Person
type Request = Pick<ExpandedMergeRequestSchema, 'id' | 'iid' | 'project_id' | 'title' | 'description' | 'state' | 'sha' | 'web_url' | 'source_branch' | 'target_branch' | 'source_project_id' | 'target_project_id' | 'diff_refs' | 'created_at' | 'updated_at'> & More
${lines.join('\n')}
`,
  )
  const { stdout } = spawnSync(
    process.execPath,
    [
      TSC,
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--ignoreConfig',
      '--moduleResolution',
      'bundler',
      '--module',
      'esnext',
      '--target',
      'es2022',
      '--types',
      '',
      file,
    ],
    { encoding: 'utf8', cwd: root },
  )
  return stdout
}

it('every answer of the fake has the fields of Gitbeaker’s types', { skip }, () => {
  const answers = lab.exchanges
    .map((one): readonly [string, unknown] => [typeOf(one), one.sent.body])
    .filter(([type]) => type !== '')
  for (const type of ['Note', 'Note[]', 'Status', 'Request', 'User'])
    assert.ok(
      answers.some(([one]) => one === type),
      type,
    )
  assert.equal(faultsOf(answers), '')
})

it('an answer that GitLab would not give is found', { skip }, () => {
  const [note] = lab.exchanges
    .filter((one) => typeOf(one) === 'Note')
    .map(({ sent }) => sent.body as Record<string, unknown>)
  assert.ok(note)
  const faults = faultsOf([
    ['Note', { ...note, id: 'one' }],
    ['Note', { ...note, created_at: undefined }],
    ['Status', { id: 1, status: 'success' }],
  ])
  for (const one of [
    /Type 'string' is not assignable to type 'number'/,
    /'created_at' is missing/,
    /missing the following properties.*created_at, name, allow_failure/s,
  ])
    assert.match(faults, one)
})
