/** A driver without processes: attempts run until a test says how they ended, and what was asked of it is remembered. */
import { problem } from '../../contract/errors.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import type { AttemptSpec, AttemptStatus, Driver, Exit, Usage } from './driver.ts'

export interface MemoryDriver extends Driver {
  readonly submitted: AttemptSpec[]
  /** Calls that end something, as `kill ATTEMPT`, in their order. */
  readonly asked: string[]
  /** What it says of attempts; without an entry they are absent. */
  readonly states: Map<string, AttemptStatus>
  /** Outputs by `ATTEMPT.NAME`; a function throws in their place. */
  readonly outputs: Map<string, TreeInfo | (() => never)>
  readonly kept: Map<string, { digest: string; size: number }>
  /** What it says that attempts have used. */
  readonly used: Map<string, Usage>
  /** How often it was asked how an attempt is. */
  readonly looks: Map<string, number>
  /** Thrown by the next submissions. */
  refusal: Error | undefined
  /** Ends an attempt, well unless `exit` says otherwise, and tells it. */
  finish(attempt: string, exit?: Partial<Exit>): void
}

export const EXIT: Exit = {
  class: 'ok',
  message: '',
  traceback: null,
  code: 0,
  signal: null,
  metrics: {},
  cpu_seconds: 1.5,
  max_rss_bytes: 4096,
  memory_kib_s: 6,
  started_at: 1000,
  finished_at: 3000,
  log_bytes: 0,
  log_truncated: false,
  reads: [],
}

export function memoryDriver(): MemoryDriver {
  const states = new Map<string, AttemptStatus>()
  const fences = new Map<string, string>()
  const outputs: MemoryDriver['outputs'] = new Map()
  const kept: MemoryDriver['kept'] = new Map()
  const used: MemoryDriver['used'] = new Map()
  const looks = new Map<string, number>()
  const submitted: AttemptSpec[] = []
  const asked: string[] = []
  let listener: ((attempt: string) => void) | undefined
  const note = (what: string) => (attempt: string) => {
    asked.push(`${what} ${attempt}`)
    if (what === 'delete') states.delete(attempt)
    return Promise.resolve()
  }
  return {
    name: 'memory',
    slowStarts: () => null,
    submitted,
    asked,
    states,
    outputs,
    kept,
    used,
    looks,
    refusal: undefined,
    submit(spec) {
      if (this.refusal !== undefined) return Promise.reject(this.refusal)
      submitted.push(spec)
      fences.set(spec.attempt, spec.fence)
      states.set(spec.attempt, { state: 'running', silent_ms: 0, quiet_ms: 0 })
      return Promise.resolve()
    },
    get(attempt, fence) {
      looks.set(attempt, (looks.get(attempt) ?? 0) + 1)
      const believed = (fences.get(attempt) ?? fence) === fence
      return Promise.resolve((believed ? states.get(attempt) : undefined) ?? { state: 'absent' })
    },
    usage: (attempt) => Promise.resolve(used.get(attempt)),
    list: () => Promise.resolve([...states.keys()]),
    cancel: note('cancel'),
    kill: note('kill'),
    checkpoints: () => Promise.resolve(undefined),
    storeCheckpoints: () => Promise.resolve([]),
    delete: note('delete'),
    logs: () => Promise.resolve(Buffer.alloc(0)),
    logSize: () => Promise.resolve(0),
    storeLog: (attempt) => Promise.resolve(kept.get(attempt)),
    async collect(attempt, output) {
      const found = outputs.get(`${attempt}.${output}`)
      if (found === undefined) throw problem('not_found', { what: 'output', id: output })
      return typeof found === 'function' ? found() : found
    },
    onEnd(fn) {
      listener = fn
    },
    finish(attempt, exit = {}) {
      states.set(attempt, { state: 'finished', exit: { ...EXIT, ...exit } })
      listener?.(attempt)
    },
  }
}
