/** Where a job of continuous integration runs, by the variables that its system sets. */

export const PROVIDERS = ['github', 'gitlab', 'none'] as const
export type Provider = (typeof PROVIDERS)[number]

/** A job, as far as a report needs it. */
export interface Place {
  readonly provider: Provider
  /** Base address of the API; '' without a host. */
  readonly api: string
  /** owner/name, or number of the project. */
  readonly repository: string
  /** The newest commit of the change, or the one that was pushed; '' where it is not known. */
  readonly commit: string
  /** Number of the pull or merge request. */
  readonly change: number | undefined
  /** Commit of the target branch that git is asked for the merge base with, and whether it is one already. */
  readonly target: string | undefined
  readonly isBase: boolean
  /** The change comes from another repository, whose jobs get tokens without rights. */
  readonly fork: boolean
  readonly token: string
  /** File whose Markdown the job's page shows; undefined where there is none. */
  readonly summary: string | undefined
}

type Variables = Readonly<Record<string, string | undefined>>

/** The system that runs this job. Jenkins has no API that a report is posted to: it reads the files. */
export function providerOf(env: Variables): Provider {
  if (env['GITHUB_ACTIONS'] === 'true') return 'github'
  return env['GITLAB_CI'] === 'true' ? 'gitlab' : 'none'
}

/** `event` is the JSON of GitHub's `GITHUB_EVENT_PATH`; undefined where there is none. */
export function placeOf(provider: Provider, env: Variables, event: unknown): Place {
  if (provider === 'github') return githubPlace(env, event)
  if (provider === 'gitlab') return gitlabPlace(env)
  return {
    provider,
    api: '',
    repository: '',
    commit: env['GIT_COMMIT'] ?? '',
    change: undefined,
    target: env['GIT_PREVIOUS_SUCCESSFUL_COMMIT'],
    isBase: false,
    // the multibranch pipelines of Jenkins name the owner of a fork
    fork: (env['CHANGE_FORK'] ?? '') !== '',
    token: '',
    summary: undefined,
  }
}

const ZEROS = /^0+$/

interface Side {
  readonly sha?: string
  readonly repo?: { readonly full_name?: string } | null
}

interface Pull {
  readonly number?: number
  readonly head?: Side
  readonly base?: Side
}

interface GitHubEvent {
  readonly before?: string
  readonly pull_request?: Pull
  /** Of a workflow that another one started, with the secrets of this repository. */
  readonly workflow_run?: { readonly head_repository?: Named | null; readonly repository?: Named }
}

interface Named {
  readonly full_name?: string
}

function githubPlace(env: Variables, event: unknown): Place {
  const { pull_request: pull, before, workflow_run: after } = (event ?? {}) as GitHubEvent
  return {
    provider: 'github',
    api: env['GITHUB_API_URL'] ?? 'https://api.github.com',
    repository: env['GITHUB_REPOSITORY'] ?? '',
    token: env['GITHUB_TOKEN'] ?? '',
    summary: env['GITHUB_STEP_SUMMARY'],
    ...(pull === undefined ? pushed(env, before) : pulled(pull)),
    ...(after !== undefined && { fork: after.head_repository?.full_name !== after.repository?.full_name }),
  }
}

type Pushed = Pick<Place, 'commit' | 'change' | 'target' | 'isBase' | 'fork'>

/** A push is held against what the branch was before it. */
function pushed(env: Variables, before: string | undefined): Pushed {
  const target = before === undefined || ZEROS.test(before) ? undefined : before
  return { commit: env['GITHUB_SHA'] ?? '', change: undefined, target, isBase: true, fork: false }
}

function pulled({ number, head, base }: Pull): Pushed {
  return {
    // GITHUB_SHA is that of a merge that is on no branch
    commit: head?.sha ?? '',
    change: number,
    target: base?.sha,
    isBase: false,
    // a fork that was deleted since has no repository
    fork: head?.repo?.full_name !== base?.repo?.full_name,
  }
}

function gitlabPlace(env: Variables): Place {
  const request = env['CI_MERGE_REQUEST_IID']
  const before = env['CI_COMMIT_BEFORE_SHA'] ?? ''
  const source = env['CI_MERGE_REQUEST_SOURCE_BRANCH_SHA'] ?? ''
  return {
    provider: 'gitlab',
    api: env['CI_API_V4_URL'] ?? 'https://gitlab.com/api/v4',
    repository: env['CI_PROJECT_ID'] ?? '',
    // of a merged-results pipeline the commit is of no branch
    commit: source === '' ? (env['CI_COMMIT_SHA'] ?? '') : source,
    change: request === undefined ? undefined : Number(request),
    target: env['CI_MERGE_REQUEST_DIFF_BASE_SHA'] ?? (ZEROS.test(before) || before === '' ? undefined : before),
    isBase: true,
    fork: request !== undefined && env['CI_MERGE_REQUEST_SOURCE_PROJECT_ID'] !== env['CI_MERGE_REQUEST_PROJECT_ID'],
    token: env['GITLAB_TOKEN'] ?? '',
    summary: undefined,
  }
}
