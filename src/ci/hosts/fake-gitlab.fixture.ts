/**
 * A fake GitLab: notes, statuses and the user of a token (version 4 of its API). Its answers are held against the types of Gitbeaker, and
 * it is used by python-gitlab, in `test/runners/gitlab-api.story.test.ts`.
 */
import { itemOf, pageOf, startFake } from './fake-host.fixture.ts'
import type { Asked, FakeHost, Sent } from './fake-host.fixture.ts'

export interface GitLabUser {
  readonly id: number
  readonly username: string
}

export interface GitLabNote {
  readonly id: number
  body: string
  readonly author: GitLabUser
  readonly system: boolean
  /** A mention by what the token may not see: it takes its place in a page and is not in it. */
  readonly unseen?: boolean
}

export interface FakeGitLab extends FakeHost {
  /** Newest commit of merge request 3. */
  head: string
  readonly notes: GitLabNote[]
  readonly statuses: (Record<string, unknown> & { sha: string })[]
}

/** A project access token is a bot user of its own; a job token may not write notes. */
const USERS: Readonly<Record<string, GitLabUser>> = {
  'glpat-project': { id: 90, username: 'project_5_bot_3cca1d029554e372cf8f39df76bf507d' },
}
const base = '/api/v4/projects/5'
const AT = '2026-05-03T10:00:00.000Z'
const NOT_FOUND: Sent = { status: 404, body: { message: '404 Not found' } }

/** What the limit of a whole GitLab answers: words, and the headers of docs.gitlab.com/administration/settings/user_and_ip_rate_limits. */
export function tooMany(headers: Readonly<Record<string, string>>): Sent {
  const limit = { 'ratelimit-limit': '60', 'ratelimit-name': 'throttle_authenticated_api', 'ratelimit-observed': '61' }
  const type = { 'content-type': 'text/plain' }
  return { status: 429, body: 'Retry later\n', text: true, headers: { ...type, ...limit, ...headers } }
}

export async function startGitLab(): Promise<FakeGitLab> {
  let ids = 500
  const fake = Object.assign(await startFake((asked) => answer(asked)), {
    head: 'a'.repeat(40),
    notes: [] as GitLabNote[],
    statuses: [] as FakeGitLab['statuses'],
  }) satisfies FakeGitLab

  function answer(asked: Asked): Sent | undefined {
    const user = USERS[String(asked.headers['private-token'])]
    if (user === undefined) return { status: 401, body: { message: '401 Unauthorized' } }
    const { method, path, body } = asked
    if (path === '/api/v4/user') return { status: 200, body: { ...shownUser(user), bot: true, is_admin: false } }
    if (path === base) return { status: 200, body: { id: 5, path_with_namespace: 'octo/models' } }
    if (path === `${base}/merge_requests/3`) return { status: 200, body: requestOf(fake.head) }
    if (path === `${base}/merge_requests/3/notes`) {
      if (method === 'GET') return listed(asked)
      const text = body['body']
      if (typeof text !== 'string') return { status: 400, body: { error: 'body is missing' } }
      if (text.trim() === '') return { status: 400, body: { message: { note: ["can't be blank"] } } }
      const made = { id: ids++, body: text, author: user, system: false }
      fake.notes.push(made)
      return { status: 201, body: shownNote(made) }
    }
    const sha = /^\/api\/v4\/projects\/5\/statuses\/([0-9a-f]{40})$/.exec(path)?.[1]
    if (sha !== undefined) return status(sha, user, body)
    return changeNote(asked)
  }

  /** A page is cut first; what the token may not see is taken out of it afterwards. */
  function listed(asked: Asked): Sent {
    const inOrder = asked.query.get('sort') === 'asc' ? fake.notes : fake.notes.toReversed()
    const { items, page, pages, size, link } = pageOf(inOrder, asked, `${fake.url}${asked.path}`, 20)
    const seen = (items as readonly GitLabNote[]).filter(({ unseen }) => unseen !== true)
    const headers = {
      'x-next-page': page < pages ? String(page + 1) : '',
      'x-page': String(page),
      'x-per-page': String(size),
      'x-prev-page': page > 1 ? String(page - 1) : '',
      'x-total': String(fake.notes.length),
      'x-total-pages': String(pages),
      ...(link !== '' && { link }),
    }
    return { status: 200, body: seen.map(shownNote), headers }
  }

  /** One that has ended makes way for a new one; one that waits already cannot begin to wait. */
  function status(sha: string, user: GitLabUser, body: Asked['body']): Sent {
    const { state } = body
    if (!['pending', 'running', 'success', 'failed', 'canceled', 'skipped'].includes(String(state)))
      return { status: 400, body: { error: 'state does not have a valid value' } }
    const before = fake.statuses.findLast((one) => one.sha === sha && one['name'] === body['name'])
    const event = ({ pending: 'enqueue', running: 'run' } as Record<string, string>)[String(state)]
    if (event !== undefined && before?.['state'] === state) {
      const message = `Cannot transition status via :${event} from :${String(state)} (Reason(s): Status cannot transition via "${event}")`
      return { status: 400, body: { message } }
    }
    fake.statuses.push({ ...body, sha })
    const { name, target_url = null, description = null } = body
    const ended = state === 'pending' || state === 'running' ? null : AT
    const shown = { id: ids++, sha, ref: 'change', status: state, name, target_url, description, created_at: AT }
    const rest = { started_at: null, finished_at: ended, allow_failure: false, coverage: null, pipeline_id: 7 }
    return { status: 201, body: { ...shown, ...rest, author: shownUser(user) } }
  }

  function changeNote({ method, path, body }: Asked): Sent | undefined {
    const id = new RegExp(`^${base}/merge_requests/3/notes/(\\d+)$`).exec(path)?.[1]
    const found = itemOf(fake.notes, id, method)
    if (found === undefined) return NOT_FOUND
    if (method === 'DELETE') return { status: 204, body: undefined }
    if (method === 'PUT') found.body = String(body['body'])
    return { status: 200, body: shownNote(found) }
  }
  return fake
}

function shownUser({ id, username }: GitLabUser): Record<string, unknown> {
  const web_url = `https://gitlab.example/${username}`
  return { id, username, name: username, state: 'active', locked: false, avatar_url: null, web_url }
}

function shownNote({ id, body, author, system }: GitLabNote): Record<string, unknown> {
  const of = { noteable_id: 33_092_005, noteable_type: 'MergeRequest', project_id: 5, noteable_iid: 3 }
  const more = { resolvable: false, confidential: false, internal: false, imported: false, commands_changes: {} }
  const times = { created_at: AT, updated_at: AT }
  return { id, type: null, body, attachment: null, author: shownUser(author), system, ...times, ...of, ...more }
}

/** A merge request as it is read alone, without what the fields of others say. */
function requestOf(sha: string): Record<string, unknown> {
  const of = { id: 33_092_005, iid: 3, project_id: 5, source_project_id: 5, target_project_id: 5 }
  const branches = { title: 'More trees', description: null, source_branch: 'change', target_branch: 'main' }
  const diff_refs = { base_sha: 'b'.repeat(40), head_sha: sha, start_sha: 'b'.repeat(40) }
  const times = { created_at: AT, updated_at: AT }
  return {
    ...of,
    ...branches,
    state: 'opened',
    ...times,
    web_url: 'https://gitlab.example/octo/models/-/merge_requests/3',
    sha,
    diff_refs,
  }
}
