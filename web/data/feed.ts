/** What Home says has changed lately, joined from incidents, rollouts, pipelines and runs. */
import { isRecent } from '../../src/contract/needs/needs.ts'
import type { FeedIncident, FeedPipelineRun, FeedRollout } from '../../src/contract/needs/needs.ts'
import { sentence, words } from '../../src/contract/text/format.ts'

/** Something that happened. */
export interface Change {
  readonly key: string
  readonly status: string
  readonly text: string
  readonly at: string
  readonly path: string
}

export interface FeedRun {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly ended_at: string | null
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
