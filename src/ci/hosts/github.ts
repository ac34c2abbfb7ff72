/** GitHub: comments of a pull request, the commit's status, and a check run where the token is an app's, as that of Actions is. */
import { everyPage, HostRefusal, unlessGone } from './api.ts'
import type { Api } from './api.ts'
import { contextOf } from './host.ts'
import type { Host, Verdict } from './host.ts'
import type { Notes } from './sticky.ts'

export interface GitHubChange {
  /** owner/name */
  readonly repository: string
  readonly commit: string
  /** Number of the pull request; undefined for a push. */
  readonly pull: number | undefined
}

const STATES = { passed: 'success', failed: 'failure', waiting: 'pending', error: 'error' } as const
const CONCLUSIONS = { passed: 'success', failed: 'failure', waiting: 'action_required', error: 'failure' } as const

/** Longest description of a status, and longest summary of a check. */
export const STATUS_CHARACTERS = 140

export function github(api: Api, { repository, commit, pull }: GitHubChange): Host {
  const repo = `/repos/${repository}`
  const self: Self = { login: ACTIONS }
  return {
    name: 'github',
    notes: pull === undefined ? undefined : notesOf(api, { repo, pull, self }),
    signs: [
      {
        what: 'commit status',
        post: (verdict) => postStatus(api, { path: `${repo}/statuses/${commit}`, verdict, self }),
      },
      { what: 'check run', post: (verdict) => postCheck(api, repo, commit, verdict) },
    ],
  }
}

/** Who the token is where it may not ask: the status that it made says so, and else it is taken for that of Actions. */
interface Self {
  login: string
}
const ACTIONS = 'github-actions[bot]'

interface PullNotes {
  readonly repo: string
  readonly pull: number
  readonly self: Self
}

function notesOf(api: Api, { repo, pull, self }: PullNotes): Notes {
  let author: Promise<(comment: Record<string, unknown>) => boolean> | undefined
  return {
    async head() {
      const { body } = await api('GET', `${repo}/pulls/${pull}`)
      return (body as { head?: { sha?: string } } | undefined)?.head?.sha ?? ''
    },
    async list() {
      const isOwn = await (author ??= ownComments(api, self))
      const all = await everyPage(api, `${repo}/issues/${pull}/comments`)
      return all.filter(isOwn).map(({ id, body }) => ({ id: String(id), body: String(body) }))
    },
    async create(body) {
      await api('POST', `${repo}/issues/${pull}/comments`, { body })
    },
    update: (id, body) => unlessGone(api('PATCH', `${repo}/issues/comments/${id}`, { body })),
    async remove(id) {
      await unlessGone(api('DELETE', `${repo}/issues/comments/${id}`))
    },
  }
}

/** The token of Actions may not ask who it is, and may change what others wrote: it takes comments of its own login alone. */
async function ownComments(api: Api, self: Self): Promise<(comment: Record<string, unknown>) => boolean> {
  try {
    const login = loginOf((await api('GET', '/user')).body)
    if (login === undefined) throw new HostRefusal('refused', 200, 'GET /user: the answer names nobody')
    return ({ user }) => loginOf(user) === login
  } catch (error) {
    if (!(error instanceof HostRefusal) || error.kind !== 'rights') throw error
    return ({ user }) => loginOf(user) === self.login
  }
}

function loginOf(user: unknown): string | undefined {
  const { login } = (user ?? {}) as { login?: unknown }
  return typeof login === 'string' ? login : undefined
}

interface Status {
  readonly path: string
  readonly verdict: Verdict
  readonly self: Self
}

async function postStatus(api: Api, { path, verdict: told, self }: Status): Promise<void> {
  const { verdict, project, headline, page } = told
  const { body } = await api('POST', path, {
    state: STATES[verdict],
    context: contextOf(project),
    description: headline.slice(0, STATUS_CHARACTERS),
    ...(page !== '' && { target_url: page }),
  })
  self.login = loginOf((body as { creator?: unknown } | undefined)?.creator) ?? self.login
}

/** A run that is reported again changes its check; another run of the commit makes a new one, which GitHub shows in its place. */
async function postCheck(api: Api, repo: string, commit: string, verdict: Verdict): Promise<void> {
  const name = contextOf(verdict.project)
  const { body } = await api(
    'GET',
    `${repo}/commits/${commit}/check-runs?check_name=${encodeURIComponent(name)}&filter=all&per_page=100`,
  )
  const { check_runs = [] } = (body ?? {}) as { check_runs?: { id: number; external_id?: unknown }[] }
  // an older one that was changed would stay behind what is shown
  const newest = check_runs.toSorted((a, b) => b.id - a.id)[0]
  const before = newest?.external_id === verdict.run ? newest : undefined
  const check = {
    name,
    status: 'completed',
    conclusion: CONCLUSIONS[verdict.verdict],
    external_id: verdict.run,
    ...(verdict.page !== '' && { details_url: verdict.page }),
    output: { title: verdict.headline.slice(0, 255), summary: verdict.markdown },
  }
  if (before === undefined) await api('POST', `${repo}/check-runs`, { ...check, head_sha: commit })
  else await api('PATCH', `${repo}/check-runs/${before.id}`, check)
}
