/** What a cluster holds of this server: one list of Jobs and one of pods a turn, whatever number of attempts is asked for. */
import { failed, type Api } from './api.ts'
import { ATTEMPT, SERVER_LABEL } from './job.ts'
import type { Job, Pod, Seen } from './states.ts'

/** For how long a list counts, ms. */
const TURN_MS = 1000

interface Event {
  readonly message?: string
  readonly involvedObject?: { readonly name?: string }
}

export class Looks {
  readonly #api: Api
  readonly #namespaces: () => readonly string[]
  readonly #server: () => string
  readonly #turnMs: number
  #turn: { readonly at: number; readonly seen: Promise<Map<string, Seen>> } | undefined

  constructor(api: Api, ...[namespaces, server, turnMs]: [() => readonly string[], () => string, number?]) {
    this.#api = api
    this.#namespaces = namespaces
    this.#server = server
    this.#turnMs = turnMs ?? TURN_MS
  }

  /** What is seen of an attempt. A list may be older than its Job, so that one that is missing there is asked for by name. */
  async of(attempt: string, name: string): Promise<Seen> {
    const seen = (await this.now()).get(attempt)
    if (seen !== undefined) return seen
    for (const namespace of this.#namespaces()) {
      const reply = await this.#api.ask('GET', `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`)
      if (reply.status === 200) return { job: reply.body as unknown as Job, pods: [] }
      if (reply.status !== 404) throw failed('does not say how the Job is', reply)
    }
    return { job: undefined, pods: [] }
  }

  /** Jobs by attempt, as they were a turn ago at most. */
  now(): Promise<Map<string, Seen>> {
    const known = this.#turn
    if (known !== undefined && performance.now() - known.at < this.#turnMs) return known.seen
    const seen = this.#look()
    this.#turn = { at: performance.now(), seen }
    return seen
  }

  async #look(): Promise<Map<string, Seen>> {
    const found = await Promise.all(this.#namespaces().map((namespace) => this.#lookAt(namespace)))
    return new Map(found.flat())
  }

  async #lookAt(namespace: string): Promise<[string, Seen][]> {
    const ours = `labelSelector=${encodeURIComponent(`${SERVER_LABEL}=${this.#server()}`)}&resourceVersion=0`
    const [jobs, pods] = await Promise.all([
      this.#list<Job>(`/apis/batch/v1/namespaces/${namespace}/jobs?${ours}`),
      this.#list<Pod>(`/api/v1/namespaces/${namespace}/pods?${ours}`),
    ])
    const byAttempt = Map.groupBy(pods, attemptOf)
    const isBare = jobs.some((job) => !byAttempt.has(attemptOf(job)) && job.spec?.suspend !== true)
    const refusals = isBare ? await this.#refusals(namespace) : new Map<string, string>()
    return jobs.map((job) => {
      const attempt = attemptOf(job)
      return [attempt, { job, pods: byAttempt.get(attempt) ?? [], refusal: refusals.get(job.metadata.name) }]
    })
  }

  /** Why pods of Jobs could not be made, by the name of the Job. */
  async #refusals(namespace: string): Promise<Map<string, string>> {
    const ask = encodeURIComponent('involvedObject.kind=Job,reason=FailedCreate')
    const events = await this.#list<Event>(`/api/v1/namespaces/${namespace}/events?fieldSelector=${ask}`)
    return new Map(events.map(({ involvedObject, message }) => [involvedObject?.name ?? '', message ?? '']))
  }

  async #list<T>(path: string): Promise<T[]> {
    const reply = await this.#api.ask('GET', path)
    if (reply.status !== 200) throw failed('does not list what it runs', reply)
    return (reply.body['items'] ?? []) as T[]
  }
}

function attemptOf({ metadata }: Job | Pod): string {
  return metadata.annotations?.[ATTEMPT] ?? ''
}
