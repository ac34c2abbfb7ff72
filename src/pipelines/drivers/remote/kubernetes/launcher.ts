/** Brings the program of a node to a Kubernetes cluster: an attempt is a Job of its name, with its token in a Secret that goes with it. */
import { Problem, problem } from '../../../../contract/errors.ts'
import type { KubernetesSettings } from '../../../../contract/values/drivers.ts'
import type { ClusterHealth, LaunchState, Launcher, NodeJob } from '../launcher.ts'
import { apiOf, failed, type Answer, type Api } from './api.ts'
import { ATTEMPT, jobOf, nameOf, secretOf, serverId, type Place } from './job.ts'
import { Looks } from './looks.ts'
import { missingRights } from './rights.ts'
import { isQuota, judge, type Job } from './states.ts'

export interface KubernetesOptions {
  readonly settings: KubernetesSettings
  /** Where machines reach this server; by it its Jobs are told from those of others. */
  readonly url: () => string
  /** For how long one list of the cluster counts, and how long a state that cannot be well may last, ms. */
  readonly turnMs?: number
  readonly stuckMs?: number
}

/** An image that cannot be pulled now may be pulled in a while: given up after this, ms. */
const STUCK_MS = 120_000

export function kubernetesLauncher(options: KubernetesOptions): Launcher {
  return new KubernetesLauncher(options)
}

class KubernetesLauncher implements Launcher {
  readonly name = 'kubernetes'
  readonly tellsWaits = true
  readonly #options: KubernetesOptions
  readonly #api: Api
  readonly #looks: Looks
  /** Since when attempts wait for what does not come by itself, ms of the monotonic clock. */
  readonly #stuck = new Map<string, number>()

  constructor(options: KubernetesOptions) {
    const { kubeconfig, context } = options.settings
    this.#options = options
    this.#api = apiOf(kubeconfig, context)
    this.#looks = new Looks(
      this.#api,
      () => this.#namespaces(),
      () => this.#server(),
      options.turnMs,
    )
  }

  async launch(job: NodeJob): Promise<void> {
    try {
      await this.#send(job)
    } catch (error) {
      // an API server that is away, is too busy or takes no token now may take the Job later
      if (!(error instanceof Problem) || error.code !== 'upstream_failed') throw error
      throw problem('unavailable', { what: 'Kubernetes', detail: error.message }, error)
    }
  }

  async #send(job: NodeJob): Promise<void> {
    const place = this.#place(job.of.project)
    const base = `/api/v1/namespaces/${place.namespace}/secrets`
    const made = await this.#api.ask('POST', base, secretOf(job, this.#server()))
    if (made.status !== 201 && made.status !== 409) throw refusal(made)
    const { settings } = this.#options
    const wanted = { place, image: settings.image, server: this.#server() }
    const sent = await this.#api.ask('POST', jobsOf(place.namespace), jobOf(job, wanted))
    if (sent.status !== 201 && sent.status !== 409) {
      await this.#api.ask('DELETE', `${base}/${nameOf(job.attempt)}`)
      throw refusal(sent)
    }
    const uid = sent.status === 201 ? (sent.body as unknown as Job).metadata.uid : await this.#uidOf(job, place)
    // from here on it goes with its Job
    const owned = await this.#api.ask('PUT', `${base}/${nameOf(job.attempt)}`, secretOf(job, this.#server(), uid))
    if (owned.status >= 300 && owned.status !== 404 && owned.status !== 409) throw refusal(owned)
  }

  async state(attempt: string): Promise<LaunchState> {
    try {
      return await this.#state(attempt)
    } catch (error) {
      if (error instanceof Problem) return { state: 'unknown', detail: error.message }
      throw error
    }
  }

  async stop(attempt: string): Promise<void> {
    this.#stuck.delete(attempt)
    for (const namespace of this.#namespaces()) {
      const body = { propagationPolicy: 'Background' }
      const job = await this.#api.ask('DELETE', `${jobsOf(namespace)}/${nameOf(attempt)}`, body)
      if (job.status >= 300 && job.status !== 404) throw failed('did not end the Job', job)
      const secret = await this.#api.ask('DELETE', `/api/v1/namespaces/${namespace}/secrets/${nameOf(attempt)}`)
      if (secret.status >= 300 && secret.status !== 404) throw failed('did not delete the Secret', secret)
    }
  }

  async held(): Promise<string[]> {
    const seen = await this.#looks.now()
    return [...seen].filter(([, one]) => judge(one).state !== 'over').map(([attempt]) => attempt)
  }

  async health(): Promise<ClusterHealth> {
    try {
      const missing = await missingRights(this.#api, this.#namespaces())
      const version = await versionOf(this.#api)
      if (missing.length === 0)
        return { ok: true, detail: `Kubernetes answers; Jobs go to ${this.#namespaces().join(', ')}`, version }
      return {
        ok: false,
        version,
        detail: `the server may not ${missing.join(', ')}; the Role of the guide of drivers gives all of it`,
      }
    } catch (error) {
      if (error instanceof Problem) return { ok: false, detail: error.message }
      throw error
    }
  }

  #server(): string {
    return serverId(this.#options.url())
  }

  #place(project: string): Place {
    const { namespace, serviceAccount, queue, projects = {} } = this.#options.settings
    const all = {
      namespace: namespace ?? this.#api.namespace(),
      ...(serviceAccount !== undefined && { serviceAccount }),
      ...(queue !== undefined && { queue }),
    }
    return { ...all, ...(Object.hasOwn(projects, project) ? projects[project] : {}) }
  }

  #namespaces(): string[] {
    const { projects = {} } = this.#options.settings
    return [...new Set(['', ...Object.keys(projects)].map((project) => this.#place(project).namespace))]
  }

  async #state(attempt: string): Promise<LaunchState> {
    const seen = await this.#looks.of(attempt, nameOf(attempt))
    const { stuck, ...judged } = judge(seen)
    if (stuck === undefined) {
      this.#stuck.delete(attempt)
      return judged
    }
    const since = this.#stuck.get(attempt) ?? performance.now()
    this.#stuck.set(attempt, since)
    const isOver = performance.now() - since > (this.#options.stuckMs ?? STUCK_MS)
    return isOver ? { ...judged, state: 'over', failure: stuck } : judged
  }

  async #uidOf({ attempt }: NodeJob, { namespace }: Place): Promise<string | undefined> {
    const found = await this.#api.ask('GET', `${jobsOf(namespace)}/${nameOf(attempt)}`)
    if (found.status !== 200) throw refusal(found)
    const { metadata } = found.body as unknown as Job
    if (metadata.annotations?.[ATTEMPT] === attempt) return metadata.uid
    throw problem('unprocessable', {
      detail: `the namespace ${namespace} has a Job ${metadata.name} that is not of attempt ${attempt}`,
    })
  }
}

/** As `v1.36.1`; undefined where whoever stands before the API server does not tell it. */
async function versionOf(api: Api): Promise<string | undefined> {
  const { status, body } = await api.ask('GET', '/version')
  const { gitVersion } = body
  return status === 200 && typeof gitVersion === 'string' ? gitVersion : undefined
}

function jobsOf(namespace: string): string {
  return `/apis/batch/v1/namespaces/${namespace}/jobs`
}

/** What the cluster will not take as it is, against what it could not take just now; of these, quota is waited for. */
function refusal(answer: Answer): Problem {
  const { status, message } = answer
  if (status === 403 && isQuota(message)) return problem('unavailable', { what: 'room in the quota', detail: message })
  if (status === 429 || status >= 500) return failed('did not take the Job', answer)
  return problem('unprocessable', { detail: `Kubernetes refuses the Job (${status}): ${message}` })
}
