/** What needs someone now, joined from incidents, rollouts, runs, images and endpoints: as Home and `slipway status` say it. */
import { DAY_MS } from '../ids.ts'
import type { imagesApi } from '../images/images.ts'
import type { Reply } from '../route.ts'
import { plural, sentence, stepWord } from '../text/format.ts'

type StandingFault = Reply<typeof imagesApi.listEnvironments>['faults'][number]

/** Something that waits for a person, with the one page to act on it. */
export interface Need {
  readonly key: string
  /** Status word. */
  readonly status: string
  readonly title: string
  readonly detail: string
  readonly at: string
  readonly path: string
  readonly act: string
  /** The command that shows the same, or acts on it. */
  readonly command: string
}

export interface FeedIncident {
  readonly id: string
  readonly endpoint: string
  readonly title: string
  /** `search` = runs that a watched search found; no row of an endpoint is affected. */
  readonly kind: string
  readonly severity: string
  readonly state: string
  readonly opened_at: string
  readonly resolved_at: string | null
  readonly affected: { readonly rows: number }
  /** What has a severity is a cause with a course; null as its end = it goes on. */
  readonly causes: readonly { readonly severity: string | null; readonly ended_event_time: string | null }[]
}

export interface FeedRollout {
  readonly id: string
  readonly endpoint: string
  readonly version: string
  readonly state: string
  readonly reason: string
  /** The step that a person has to approve and that nothing else holds up; null = none. */
  readonly awaits: { readonly before: number | 'promote' } | null
  readonly created_at: string
  readonly finished_at: string | null
}

export interface FeedPipelineRun {
  readonly id: string
  readonly project: string
  readonly state: string
  readonly outcome: string | null
  readonly message: string
  readonly created_at: string
  readonly finished_at: string | null
}

/** Images that stand in an environment where they would be refused now. */
export function imageNeeds(faults: readonly StandingFault[]): Need[] {
  return faults.map(({ model, environment, version, at, refusal, revoked }) => ({
    key: `image ${model} ${environment}`,
    status: 'high',
    title: `The image of ${model} ${version} in ${environment} ${revoked ? 'is signed by a revoked key' : 'would be refused now'}`,
    detail: sentence(refusal),
    at,
    path: `/models/${model}`,
    act: 'Review',
    command: `slipway image environments ${model}`,
  }))
}

export interface FeedEndpoint {
  readonly name: string
  readonly deployment: {
    readonly version: string | null
    readonly at: string
    readonly not_judged: readonly { readonly gate: string; readonly reason: string }[]
  } | null
}

/** Endpoints whose version came without anybody having judged its quality. */
export function qualityNeeds(endpoints: readonly FeedEndpoint[]): Need[] {
  return endpoints.flatMap(({ name, deployment }) => {
    const quality = deployment?.not_judged.find(({ gate }) => gate === 'quality')
    if (deployment === null || quality === undefined) return []
    return [
      {
        key: `quality ${name}`,
        status: 'low',
        title: `The quality of version ${deployment.version ?? ''} on ${name} was never judged`,
        detail: sentence(`its rollout promoted it without: ${quality.reason}`),
        at: deployment.at,
        path: `/endpoints/${name}`,
        act: 'Review',
        command: `slipway endpoints ${name}`,
      },
    ]
  })
}

/** Open incidents, rollouts that wait for a person, and each project's newest run, of which `newest` has one a project, when it failed or was refused within a day. */
export function needs(
  now: number,
  from: {
    incidents: readonly FeedIncident[]
    rollouts: readonly FeedRollout[]
    newest: readonly FeedPipelineRun[]
  },
): Need[] {
  return [
    ...from.incidents.filter((one) => one.state !== 'resolved').map(incidentNeed),
    ...from.rollouts.filter((one) => one.state === 'paused' || one.awaits !== null).map(rolloutNeed),
    ...from.newest
      .filter((one) => (one.outcome === 'failed' || one.outcome === 'refused') && isRecent(one.finished_at, now))
      .map(runNeed),
  ]
}

function incidentNeed(one: FeedIncident): Need {
  return {
    key: `incident ${one.id}`,
    status: one.severity,
    title: one.title,
    detail: [
      one.endpoint,
      ...(one.kind === 'search' ? [] : [`${plural(one.affected.rows, 'row')} affected`]),
      ...(openCauses(one) > 1 ? [`${openCauses(one)} causes go on`] : []),
      ...(one.state === 'acknowledged' ? ['acknowledged'] : []),
    ].join(', '),
    at: one.opened_at,
    path: `/incidents/${one.id}`,
    act: 'Investigate',
    command: `slipway incidents ${one.id}`,
  }
}

function openCauses({ causes }: FeedIncident): number {
  return causes.filter((one) => one.severity !== null && one.ended_event_time === null).length
}

function rolloutNeed(one: FeedRollout): Need {
  return {
    key: `rollout ${one.id}`,
    status: one.awaits === null ? 'paused' : 'waiting',
    title: `The rollout of version ${one.version} on ${one.endpoint} waits for ${one.awaits === null ? 'a decision' : `an approval before ${stepWord(one.awaits.before)}`}`,
    detail: sentence(one.reason),
    at: one.created_at,
    path: `/endpoints/${one.endpoint}`,
    act: 'Review',
    command:
      one.awaits === null
        ? `slipway endpoints ${one.endpoint}`
        : `slipway rollout approve ${one.endpoint} --reason "…"`,
  }
}

function runNeed(one: FeedPipelineRun): Need {
  const refused = one.outcome === 'refused'
  return {
    key: `pipeline ${one.id}`,
    status: refused ? 'refused' : 'failed',
    title: refused ? `A gate refused the model of ${one.project}` : `The latest run of ${one.project} failed`,
    detail: sentence(one.message),
    at: one.finished_at ?? one.created_at,
    path: `/pipelines/${one.id}`,
    act: refused ? 'Show the gates' : 'Show the error',
    command: `slipway runs ${one.id}`,
  }
}

/** Whether a time is within the last day. */
export function isRecent(at: string | null, now: number): boolean {
  return at !== null && now - Date.parse(at) < DAY_MS
}
