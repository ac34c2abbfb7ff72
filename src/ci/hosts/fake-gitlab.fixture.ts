/** A fake GitLab: notes, statuses and the user of a token, with the shapes of docs.gitlab.com/api (version 4). */
import { pageOf, startFake } from './fake-host.fixture.ts'
import type { Asked, FakeHost, Sent } from './fake-host.fixture.ts'

export interface GitLabNote {
  readonly id: number
  body: string
  readonly author: { readonly id: number; readonly username: string }
  readonly system: boolean
}

export interface FakeGitLab extends FakeHost {
  /** Newest commit of merge request 3. */
  head: string
  readonly notes: GitLabNote[]
  readonly statuses: (Record<string, unknown> & { sha: string })[]
}

/** A project access token is a bot user of its own; a job token may not write notes. */
const USERS: Readonly<Record<string, { id: number; username: string }>> = {
  'glpat-project': { id: 90, username: 'project_5_bot_x' },
}
const base = '/api/v4/projects/5'

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
    if (path === '/api/v4/user') return { status: 200, body: user }
    if (path === `${base}/merge_requests/3`) return { status: 200, body: { iid: 3, sha: fake.head, state: 'opened' } }
    if (path === `${base}/merge_requests/3/notes`) {
      if (method === 'GET') return pageOf(fake.notes, asked, `${fake.url}${path}`)
      const made = { id: ids++, body: String(body['body']), author: user, system: false }
      fake.notes.push(made)
      return { status: 201, body: made }
    }
    const sha = /\/statuses\/([0-9a-f]{40})$/.exec(path)?.[1]
    if (sha !== undefined) return status(sha, body)
    return changeNote(asked)
  }

  function status(sha: string, body: Asked['body']): Sent {
    const before = fake.statuses.findLast((one) => one.sha === sha && one['name'] === body['name'])
    if (before?.['state'] === body['state']) {
      return {
        status: 400,
        body: {
          message: `Cannot transition status via :${String(body['state'])} from :${String(body['state'])} (Reason(s): Status cannot transition via "${String(body['state'])}")`,
        },
      }
    }
    fake.statuses.push({ ...body, sha })
    return { status: 201, body: { id: ids++, sha, status: body['state'], name: body['name'] } }
  }

  function changeNote({ method, path, body }: Asked): Sent | undefined {
    const id = new RegExp(`^${base}/merge_requests/3/notes/(\\d+)$`).exec(path)?.[1]
    const at = fake.notes.findIndex((one) => one.id === Number(id))
    const found = fake.notes[at]
    if (found === undefined) return { status: 404, body: { message: '404 Not found' } }
    if (method === 'DELETE') {
      fake.notes.splice(at, 1)
      return { status: 204, body: undefined }
    }
    found.body = String(body['body'])
    return { status: 200, body: found }
  }
  return fake
}
