/** The Job of an attempt, and the Secret with the token by which it is taken up. */
import { createHash } from 'node:crypto'
import type { NodeJob } from '../launcher.ts'

/** Where and as what a Job runs. */
export interface Place {
  readonly namespace: string
  readonly serviceAccount?: string
  readonly queue?: string
}

/** The variable whose value stands in the Secret alone. */
const TOKEN = 'SLIPWAY_NODE_TOKEN'
export const SERVER_LABEL = 'slipway.dev/server'
export const ATTEMPT = 'slipway.dev/attempt'
/** The image of steps that name none. */
const IMAGE = 'python:{python}-slim'
/** The version for a step that is locked for none. */
const PYTHON = '3.12'
/** User and group of the pod: an image's own may be root. */
const USER = 1000
/** Bytes for the program of a node itself, beside what the step may take. */
const OWN_BYTES = 256 * 1024 * 1024
/** For fetching files and making the environment, beside the time of the step, s. */
const SETUP_S = 3600
/** For saying how the step ended, beside its grace time, s. */
const WORD_S = 10
/** A Job that is over is there to be looked at for so long, s. */
const KEPT_S = 3600

/** The name of an attempt's objects. */
export function nameOf(attempt: string): string {
  return `slipway-${attempt.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}`.slice(0, 63).replace(/-+$/, '')
}

/** By which the jobs of this server are told from those of another in the same namespace. */
export function serverId(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16)
}

export interface Wanted {
  readonly place: Place
  /** Of steps that name none, with `{python}`. */
  readonly image: string | undefined
  readonly server: string
}

export function jobOf(job: NodeJob, { place, image, server }: Wanted): Record<string, unknown> {
  const metadata = metadataOf(job, server)
  const queue = place.queue === undefined ? {} : { 'kueue.x-k8s.io/queue-name': place.queue }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { ...metadata, labels: { ...metadata.labels, ...queue } },
    spec: {
      // an attempt runs once: what is repeated is another attempt
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      podFailurePolicy: {
        rules: [{ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
      ttlSecondsAfterFinished: KEPT_S,
      ...(place.queue !== undefined && { suspend: true }),
      template: {
        metadata: { labels: metadata.labels, annotations: metadata.annotations },
        spec: podOf(job, place, imageOf(job, image)),
      },
    },
  }
}

function podOf(job: NodeJob, { serviceAccount }: Place, image: string): Record<string, unknown> {
  const { timeout_ms } = job
  const grace = Math.ceil(job.grace_ms / 1000)
  return {
    restartPolicy: 'Never',
    // the step's code has nothing to ask the API server
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    // of the pod, not of the Job: that would count the time in which it waits for a node
    ...(timeout_ms !== null && { activeDeadlineSeconds: Math.ceil(timeout_ms / 1000) + grace + SETUP_S }),
    terminationGracePeriodSeconds: grace + WORD_S,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [containerOf(job, image)],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  }
}

function containerOf(job: NodeJob, image: string): Record<string, unknown> {
  const given = Object.entries(job.variables).filter(([name]) => name !== TOKEN)
  const key = { name: nameOf(job.attempt), key: 'token' }
  return {
    name: 'step',
    image,
    command: job.command.map(literal),
    env: [
      ...given.map(([name, value]) => ({ name, value: literal(value) })),
      { name: TOKEN, valueFrom: { secretKeyRef: key } },
      { name: 'HOME', value: '/tmp' },
      { name: 'SLIPWAY_NODE_CACHE', value: '/tmp/slipway-node' },
    ],
    resources: resourcesOf(job),
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    // the only place that is written to
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

function resourcesOf({ cpus, memory_bytes, gpus }: NodeJob): Record<string, unknown> {
  const asked = {
    cpu: String(cpus),
    ...(memory_bytes !== null && { memory: String(memory_bytes + OWN_BYTES) }),
    ...(gpus > 0 && { 'nvidia.com/gpu': String(gpus) }),
  }
  return { requests: asked, limits: asked }
}

/** The Secret of a Job; without its `uid` that of one that is still to be made. */
export function secretOf(job: NodeJob, server: string, uid?: string): Record<string, unknown> {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: nameOf(job.attempt), uid }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadataOf(job, server), ...(uid !== undefined && { ownerReferences: [owner] }) },
    type: 'Opaque',
    stringData: { token: job.variables[TOKEN] ?? '' },
  }
}

function metadataOf({ attempt, of }: NodeJob, server: string) {
  const exact = { project: of.project, run: of.run, step: of.step, attempt }
  const named = Object.entries(exact).map(([key, value]) => [`slipway.dev/${key}`, value] as const)
  return {
    name: nameOf(attempt),
    labels: {
      'app.kubernetes.io/managed-by': 'slipway',
      [SERVER_LABEL]: server,
      ...Object.fromEntries(named.map(([key, value]) => [key, labelValue(value)])),
    },
    annotations: Object.fromEntries(named),
  }
}

/** As much of a text as a label can hold; the annotation of the same name holds all of it. */
function labelValue(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
}

function imageOf({ image, python_version }: NodeJob, given = IMAGE): string {
  return image ?? given.replaceAll('{python}', python_version ?? PYTHON)
}

/** Kubernetes fills `$(NAME)` in. */
function literal(text: string): string {
  return text.replaceAll('$(', '$$$$(')
}
