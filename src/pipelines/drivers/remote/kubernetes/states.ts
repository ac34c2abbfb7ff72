/** What a cluster says of an attempt, from its Job and its pods: what it waits for, or why and by whose fault it is over. */
import type { LaunchState } from '../launcher.ts'

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

interface Meta {
  readonly name: string
  readonly uid?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly deletionTimestamp?: string
}

/** As much of them as is read. */
export interface Job {
  readonly metadata: Meta
  readonly spec?: { readonly suspend?: boolean }
  readonly status?: { readonly conditions?: readonly Condition[] }
}

interface ContainerStatus {
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string }
  }
}

export interface Pod {
  readonly metadata: Meta
  readonly spec?: { readonly nodeName?: string }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly conditions?: readonly Condition[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}

export interface Seen {
  readonly job: Job | undefined
  readonly pods: readonly Pod[]
  /** Why its pod could not be made, as an event says. */
  readonly refusal?: string | undefined
}

/** A state that goes on for too long is over. */
export interface Judged extends LaunchState {
  /** Of one that waits for what will not come by itself: what it ends as, if it stays so. */
  readonly stuck?: LaunchState['failure']
}

export function judge({ job, pods, refusal }: Seen): Judged {
  if (job === undefined)
    return { state: 'over', detail: 'the cluster has no such Job: somebody has deleted it', failure: 'infrastructure' }
  const pod = pods.find((one) => one.status?.phase === 'Running') ?? pods.at(-1)
  const ended = endOfJob(job, pod)
  if (ended !== undefined) return ended
  if (pod !== undefined) return podState(pod)
  if (job.metadata.deletionTimestamp !== undefined)
    return { state: 'over', detail: 'its Job was deleted', failure: 'infrastructure' }
  if (job.spec?.suspend === true) return { state: 'pending', detail: 'its Job is suspended: it waits for its queue' }
  return unmade(refusal)
}

/** Of a Job that has no pod yet. */
function unmade(refusal: string | undefined): Judged {
  if (refusal === undefined) return { state: 'pending', detail: 'its pod is not made yet' }
  if (isQuota(refusal)) return { state: 'pending', detail: `waits for quota: ${refusal}` }
  return { state: 'pending', detail: `its pod is refused: ${refusal}`, stuck: 'environment' }
}

/** Whether a refusal means that there is no room now. */
export function isQuota(message: string): boolean {
  return /exceeded quota/i.test(message)
}

function holding(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((one) => one.type === type && one.status === 'True')
}

/** By what a pod is disrupted, in words. */
const DISRUPTIONS: Readonly<Record<string, string>> = {
  PreemptionByScheduler: 'it gave way to a pod of higher priority',
  DeletionByTaintManager: 'its node was lost or is not to be used',
  EvictionByEvictionAPI: 'it was evicted, as when a node is drained',
  DeletionByPodGC: 'its node is gone',
  TerminationByKubelet: 'its node was short of something or shut down',
}

/** Undefined while the Job goes on. */
function endOfJob(job: Job, pod: Pod | undefined): Judged | undefined {
  const failed = holding(job.status?.conditions, 'Failed')
  const disrupted = holding(pod?.status?.conditions, 'DisruptionTarget')
  if (disrupted !== undefined || failed?.reason === 'PodFailurePolicy') return disruption(pod, disrupted, failed)
  if (failed !== undefined) return failureOf(pod, failed)
  if (holding(job.status?.conditions, 'Complete') === undefined) return undefined
  return { state: 'over', detail: 'its Job is complete, and the program has said nothing' }
}

function disruption(pod: Pod | undefined, ...[disrupted, failed]: (Condition | undefined)[]): Judged {
  const why = DISRUPTIONS[disrupted?.reason ?? ''] ?? 'the cluster took its place'
  const node = pod?.spec?.nodeName === undefined ? '' : ` (node ${pod.spec.nodeName})`
  const said = (disrupted ?? failed)?.message ?? ''
  return { state: 'over', detail: `${why}${node}: ${said}`, failure: 'preempted' }
}

function failureOf(pod: Pod | undefined, failed: Condition): Judged {
  const ended = pod === undefined ? undefined : endOf(pod)
  if (ended?.failure !== undefined) return ended
  if (failed.reason === 'DeadlineExceeded') return deadline(failed.message)
  return { state: 'over', detail: ended?.detail ?? `${failed.reason}: ${failed.message}`, failure: 'infrastructure' }
}

function deadline(message = ''): Judged {
  return { state: 'over', detail: `ran longer than its deadline: ${message}`, failure: 'timeout' }
}

function podState(pod: Pod): Judged {
  const { phase } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') return endOf(pod)
  if (phase === 'Running') return { state: 'running' }
  const scheduled = pod.status?.conditions?.find((one) => one.type === 'PodScheduled')
  if (scheduled?.status === 'False')
    return { state: 'pending', detail: `waits for a node: ${scheduled.message ?? scheduled.reason}` }
  const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting
  return waiting === undefined ? { state: 'pending', detail: 'its container is being made' } : waitingFor(waiting)
}

/** Reasons for which a container is not begun, and whose fault each is if it stays. */
const STUCK: Readonly<Record<string, readonly [string, Judged['stuck']]>> = {
  ErrImagePull: ['its image cannot be pulled', 'environment'],
  ImagePullBackOff: ['its image cannot be pulled', 'environment'],
  InvalidImageName: ['its image has no valid name', 'environment'],
  ErrImageNeverPull: ['its image is not on the node', 'environment'],
  CreateContainerConfigError: ['its container cannot be set up', 'environment'],
  CreateContainerError: ['its container cannot be made', 'infrastructure'],
  RunContainerError: ['its container cannot be started', 'environment'],
}

function waitingFor({ reason = '', message = '' }: { reason?: string; message?: string }): Judged {
  const [words, stuck] = STUCK[reason] ?? ['its container is being made', undefined]
  return {
    state: 'pending',
    detail: `${words} (${reason})${message === '' ? '' : `: ${message}`}`,
    ...(stuck !== undefined && { stuck }),
  }
}

/** By which a node says that it has ended a pod by itself. */
const BY_NODE = ['Evicted', 'Preempting', 'NodeLost', 'Shutdown', 'Terminated']

/** Of a pod that is over. */
function endOf({ status = {} }: Pod): Judged {
  const { reason = '', message = '' } = status
  if (reason === 'DeadlineExceeded') return deadline(message)
  if (BY_NODE.includes(reason))
    return { state: 'over', detail: `the node ended its pod (${reason}): ${message}`, failure: 'preempted' }
  return endOfContainer(status.containerStatuses?.[0]?.state?.terminated ?? { reason })
}

function endOfContainer({
  reason,
  exitCode,
  message,
}: {
  reason?: string
  exitCode?: number
  message?: string
}): Judged {
  if (reason === 'OOMKilled')
    return {
      state: 'over',
      detail: 'its container took more memory than its limit (OOMKilled)',
      failure: 'out_of_memory',
    }
  const said = message === undefined ? '' : `: ${message.trim()}`
  return { state: 'over', detail: `its container ended with code ${exitCode ?? '?'} (${reason ?? ''})${said}` }
}
