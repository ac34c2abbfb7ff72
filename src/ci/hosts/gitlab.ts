/** GitLab: notes of a merge request and the commit's status. */
import { everyPage, HostRefusal, unlessGone } from './api.ts'
import type { Api } from './api.ts'
import { contextOf } from './host.ts'
import type { Host, Verdict } from './host.ts'
import type { Notes } from './sticky.ts'

export interface GitLabChange {
  /** Number or path of the project. */
  readonly project: string
  readonly commit: string
  /** Number of the merge request in its project; undefined for a push. */
  readonly request: number | undefined
}

const MOST_URL = 255
const STATES = { passed: 'success', failed: 'failed', waiting: 'pending', error: 'failed' } as const

export function gitlab(api: Api, { project, commit, request }: GitLabChange): Host {
  const base = `/projects/${encodeURIComponent(project)}`
  return {
    name: 'gitlab',
    notes: request === undefined ? undefined : notesOf(api, `${base}/merge_requests/${request}`),
    signs: [{ what: 'commit status', post: (verdict) => postStatus(api, `${base}/statuses/${commit}`, verdict) }],
  }
}

/** Without it nothing could be told from what others wrote. */
async function whoAmI(api: Api): Promise<unknown> {
  const { id } = ((await api('GET', '/user')).body ?? {}) as { id?: unknown }
  if (id === undefined) throw new HostRefusal('refused', 200, 'GET /user: the answer names nobody')
  return id
}

function notesOf(api: Api, request: string): Notes {
  let self: Promise<unknown> | undefined
  return {
    async head() {
      const { body } = await api('GET', request)
      return (body as { sha?: string } | undefined)?.sha ?? ''
    },
    async list() {
      const id = await (self ??= whoAmI(api))
      const all = await everyPage(api, `${request}/notes?sort=asc&order_by=created_at`)
      return all
        .filter((note) => note['system'] !== true && (note['author'] as { id?: unknown } | undefined)?.id === id)
        .map(({ id: note, body }) => ({ id: String(note), body: String(body) }))
    },
    async create(body) {
      await api('POST', `${request}/notes`, { body })
    },
    update: (id, body) => unlessGone(api('PUT', `${request}/notes/${id}`, { body })),
    async remove(id) {
      await unlessGone(api('DELETE', `${request}/notes/${id}`))
    },
  }
}

async function postStatus(api: Api, path: string, { verdict, project, headline, page }: Verdict): Promise<void> {
  try {
    await api('POST', path, {
      state: STATES[verdict],
      name: contextOf(project),
      description: headline.slice(0, 255),
      // a longer one is refused, and the status with it
      ...(page !== '' && page.length <= MOST_URL && { target_url: page }),
    })
  } catch (error) {
    // the state is what it was: GitLab calls that a transition it does not know
    if (!(error instanceof HostRefusal) || !/cannot transition status/i.test(error.message)) throw error
  }
}
