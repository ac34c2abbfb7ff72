/** A fake GitHub: the calls of a report with the shapes of docs.github.com/rest (2022-11-28), and its refusals word for word. */
import { itemOf, pageOf, startFake } from './fake-host.fixture.ts'
import type { Asked, FakeHost, Sent } from './fake-host.fixture.ts'

export interface Comment {
  readonly id: number
  body: string
  readonly user: { readonly login: string; readonly id: number; readonly type: 'Bot' | 'User' }
  readonly created_at: string
  updated_at: string
}

/** `actions`: the token of a job; `app-less`: a person's token, which makes no checks; `fork`: a job of a fork, which may only read. */
export type TokenKind = 'actions' | 'person' | 'fork'

export interface FakeGitHub extends FakeHost {
  /** Newest commit of pull request 7. */
  head: string
  readonly comments: Comment[]
  readonly statuses: (Record<string, unknown> & { sha: string })[]
  readonly checks: (Record<string, unknown> & { id: number })[]
  /** Who the token of a job is; the app of Actions where nothing is said. */
  creator: Comment['user'] | undefined
  /** Puts a comment of somebody there. */
  say(body: string, user?: Comment['user']): Comment
}

export const REPOSITORY = 'octo/models'
export const BOT = { login: 'github-actions[bot]', id: 41898282, type: 'Bot' } as const
export const PERSON = { login: 'ada', id: 1, type: 'User' } as const

const TOKENS: Readonly<Record<string, TokenKind>> = { ghs_job: 'actions', ghp_person: 'person', ghs_fork: 'fork' }
const DOCS = 'https://docs.github.com/rest'
const repo = `/repos/${REPOSITORY}`

const UNAUTHORISED: Sent = { status: 401, body: { message: 'Bad credentials', documentation_url: DOCS, status: '401' } }
const NOT_BY_INTEGRATION: Sent = {
  status: 403,
  body: { message: 'Resource not accessible by integration', documentation_url: DOCS, status: '403' },
}
const NOT_FOUND: Sent = { status: 404, body: { message: 'Not Found', documentation_url: DOCS, status: '404' } }
export const SECONDARY: Sent = {
  status: 403,
  body: {
    documentation_url:
      'https://docs.github.com/free-pro-team@latest/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits',
    message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.',
  },
}

/** Longest body of a comment, and longest summary of a check, characters. */
const MOST = 65_536

export async function startGitHub(): Promise<FakeGitHub> {
  let ids = 1000
  const fake = Object.assign(await startFake((asked) => answer(asked)), {
    head: 'a'.repeat(40),
    comments: [] as Comment[],
    creator: undefined as Comment['user'] | undefined,
    statuses: [] as FakeGitHub['statuses'],
    checks: [] as FakeGitHub['checks'],
    say(body: string, user: Comment['user'] = PERSON): Comment {
      const at = new Date(1_700_000_000_000 + ids * 1000).toISOString()
      const made: Comment = { id: ids++, body, user, created_at: at, updated_at: at }
      fake.comments.push(made)
      return made
    },
  }) satisfies FakeGitHub

  function answer(asked: Asked): Sent | undefined {
    const kind = TOKENS[(asked.headers.authorization ?? '').replace('Bearer ', '')]
    if (kind === undefined) return UNAUTHORISED
    if (asked.path === '/user') return kind === 'person' ? { status: 200, body: PERSON } : NOT_BY_INTEGRATION
    if (asked.method !== 'GET' && kind === 'fork') return NOT_BY_INTEGRATION
    return commentCalls(asked, kind) ?? signCalls(fake, asked, kind, () => ids++)
  }

  function commentCalls(asked: Asked, kind: TokenKind): Sent | undefined {
    const { method, path, body } = asked
    if (path === `${repo}/pulls/7` && method === 'GET') {
      return {
        status: 200,
        body: { number: 7, state: 'open', head: { sha: fake.head }, base: { sha: 'b'.repeat(40) } },
      }
    }
    if (path === `${repo}/issues/7/comments`) {
      if (method === 'GET') {
        const { items, link } = pageOf(fake.comments, asked, `${fake.url}${path}`, 30)
        return { status: 200, body: items, ...(link !== '' && { headers: { link } }) }
      }
      const refused = tooLong(body['body'], 'IssueComment')
      if (refused !== undefined) return refused
      return {
        status: 201,
        body: fake.say(String(body['body']).trimEnd(), ownerOf(fake, kind)),
      }
    }
    const id = new RegExp(`^${repo}/issues/comments/(\\d+)$`).exec(path)?.[1]
    if (id === undefined) return undefined
    const found = itemOf(fake.comments, id, method)
    if (found === undefined) return NOT_FOUND
    if (method === 'DELETE') return { status: 204, body: undefined }
    const refused = tooLong(body['body'], 'IssueComment')
    if (refused !== undefined) return refused
    found.body = String(body['body']).trimEnd()
    return { status: 200, body: found }
  }

  return fake
}

/** Whose comments and statuses those of a token are. */
function ownerOf({ creator = BOT }: Pick<FakeGitHub, 'creator'>, kind: TokenKind): Comment['user'] {
  return kind === 'person' ? PERSON : creator
}

/** Statuses and checks. */
function signCalls(fake: FakeGitHub, asked: Asked, kind: TokenKind, newId: () => number): Sent | undefined {
  const { method, path, body } = asked
  const sha = new RegExp(`^${repo}/statuses/([0-9a-f]{40})$`).exec(path)?.[1]
  if (sha !== undefined && method === 'POST') {
    if (String(body['description']).length > 140)
      return invalid('Status', 'description', 'description is too long (maximum is 140 characters)')
    if (!['error', 'failure', 'pending', 'success'].includes(String(body['state'])))
      return invalid('Status', 'state', 'state is not included in the list')
    fake.statuses.push({ ...body, sha })
    return {
      status: 201,
      body: { id: newId(), ...body, creator: ownerOf(fake, kind) },
    }
  }
  if (new RegExp(`^${repo}/commits/[0-9a-f]{40}/check-runs$`).test(path)) {
    const found = fake.checks.filter((one) => one['name'] === asked.query.get('check_name'))
    return { status: 200, body: { total_count: found.length, check_runs: found } }
  }
  if (!path.startsWith(`${repo}/check-runs`)) return undefined
  if (kind !== 'actions') {
    return {
      status: 403,
      body: { message: 'You must authenticate via a GitHub App.', documentation_url: DOCS, status: '403' },
    }
  }
  const { summary } = (body['output'] ?? {}) as { summary?: unknown }
  if (String(summary).length > MOST - 1)
    return invalid('CheckRun', 'summary', `Only 65535 characters are allowed; ${String(summary).length} were supplied.`)
  const before = fake.checks.find((one) => path === `${repo}/check-runs/${one.id}`)
  if (method === 'PATCH' && before !== undefined) return { status: 200, body: Object.assign(before, body) }
  if (method !== 'POST') return NOT_FOUND
  const made = { ...body, id: newId() }
  fake.checks.push(made)
  return { status: 201, body: made }
}

function tooLong(body: unknown, resource: string): Sent | undefined {
  if (typeof body !== 'string' || body.length <= MOST) return undefined
  return invalid(resource, 'data', 'Body is too long (maximum is 65536 characters)')
}

function invalid(resource: string, field: string, message: string): Sent {
  return {
    status: 422,
    body: {
      message: 'Validation Failed',
      errors: [{ resource, code: 'custom', field, message }],
      documentation_url: DOCS,
      status: '422',
    },
  }
}
