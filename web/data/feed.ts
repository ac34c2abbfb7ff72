/** What Home says: what needs someone now, and what changed lately, joined from incidents, rollouts, pipelines and runs. */
import type { StandingFault } from './queries.ts'
import { DAY_MS } from '../../src/contract/ids.ts'
import { plural, sentence, stepWord, words } from './format.ts'

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
}

/** Something that happened. */
export interface Change {
  readonly key: string
  readonly status: string
  readonly text: string
  readonly at: string
  readonly path: string
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

export interface FeedRun {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly ended_at: string | null
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
  }
}

function isRecent(at: string | null, now: number): boolean {
  return at !== null && now - Date.parse(at) < DAY_MS
}

/** What happened within the last day, newest first, at most `most`. */
export function recentChanges(
  now: number,
  from: {
    incidents: readonly FeedIncident[]
    rollouts: readonly FeedRollout[]
    pipelineRuns: readonly FeedPipelineRun[]
    runs: readonly FeedRun[]
  },
  most: number,
): Change[] {
  const all = [
    ...from.incidents.flatMap(incidentChanges),
    ...from.rollouts.flatMap(rolloutChanges),
    ...from.pipelineRuns.flatMap(pipelineChanges),
    ...from.runs.flatMap(runChanges),
  ]
  return all
    .filter((one) => isRecent(one.at, now))
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, most)
}

function incidentChanges(one: FeedIncident): Change[] {
  const path = `/incidents/${one.id}`
  const opened = {
    key: `${one.id} opened`,
    status: one.severity,
    text: `Incident opened: ${one.title}`,
    at: one.opened_at,
    path,
  }
  if (one.resolved_at === null) return [opened]
  return [
    opened,
    {
      key: `${one.id} resolved`,
      status: 'resolved',
      text: `Incident resolved: ${one.title}`,
      at: one.resolved_at,
      path,
    },
  ]
}

function rolloutChanges(one: FeedRollout): Change[] {
  const ended = one.finished_at !== null
  return [
    {
      key: `rollout ${one.id}`,
      status: one.state,
      text: ended
        ? `${one.endpoint}: version ${one.version} ${words(one.state)}`
        : `${one.endpoint}: rollout of version ${one.version}, ${words(one.state)}`,
      at: one.finished_at ?? one.created_at,
      path: `/endpoints/${one.endpoint}`,
    },
  ]
}

function pipelineChanges(one: FeedPipelineRun): Change[] {
  if (one.finished_at === null) return []
  const status = one.outcome ?? one.state
  return [
    {
      key: `pipeline ${one.id}`,
      status,
      text: `${one.project}: run ${words(status)}${one.message === '' ? '' : `. ${sentence(one.message)}`}`,
      at: one.finished_at,
      path: `/pipelines/${one.id}`,
    },
  ]
}

function runChanges(one: FeedRun): Change[] {
  if (one.status !== 'FAILED' || one.ended_at === null) return []
  return [
    {
      key: `run ${one.id}`,
      status: 'FAILED',
      text: `Run ${one.name} failed`,
      at: one.ended_at,
      path: `/runs/${one.id}`,
    },
  ]
}
