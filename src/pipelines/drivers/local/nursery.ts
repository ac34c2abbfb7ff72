/** The server's end of a nursery: a process with launcher and supervisor loaded, which forks one for each attempt instead of starting an interpreter. */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { inherited } from '../../../isolation/environment.ts'

/** Bytes before the environment in a request, as python/slipway/step/nursery.py reads them. */
const HEADER = 128
/** Room for the mark of an attempt: a longer one is not asked for. */
const ROOM = 64
/** How long an answer is waited for. A fork takes milliseconds, the first one those of an interpreter's start. */
const PATIENCE_MS = 20_000
/** A nursery that was lost so often without having started anything rests. */
const TRIES = 3
/** How long it rests before it is tried once more, ms: what kept it from starting may have gone. */
const REST_MS = 5 * 60_000

export interface NurseryOptions {
  /** The machine's own interpreter. */
  readonly python: string
  readonly program: string
  /** The folder of attempts. */
  readonly folder: string
  /** The variable that marks the processes of an attempt. */
  readonly mark: string
  /** Told when an attempt has ended. */
  readonly ended: (attempt: string) => void
  /** Told that it rests, and that it starts attempts again. */
  readonly note?: (text: string) => void
}

/** Is started when the first attempt is, and anew when it was lost. It ends with this process. */
export class Nursery {
  readonly #options: NurseryOptions
  readonly #waiting = new Map<string, (pid: number | undefined) => void>()
  #process: ChildProcess | undefined
  #lost = 0
  /** When it is tried again, ms of the monotonic clock; undefined while it does not rest. */
  #restsUntil: number | undefined
  /** Why it was lost last. */
  #why = ''

  constructor(options: NurseryOptions) {
    this.#options = options
  }

  /** Why attempts are started without it for now, which takes longer; null while they are not. */
  get fault(): string | null {
    if (this.#restsUntil === undefined) return null
    const minutes = Math.max(1, Math.ceil((this.#restsUntil - performance.now()) / 60_000))
    return `what forks steps was lost ${TRIES} times (${this.#why}): each starts an interpreter of its own, which takes longer; it is tried again in ${minutes} min`
  }

  /** Starts an attempt whose folder is ready; resolves to its pid, or to undefined where none was started or the nursery was lost before it said so. */
  async start(attempt: string, environment: Readonly<Record<string, string>>): Promise<number | undefined> {
    if (process.platform !== 'linux' || attempt.length > ROOM || this.#rests()) return undefined
    const nursery = (this.#process ??= this.#open())
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    this.#waiting.set(attempt, resolve)
    const late = setTimeout(() => nursery.kill('SIGKILL'), PATIENCE_MS)
    const body = Buffer.from(JSON.stringify(environment))
    nursery.stdin?.write(Buffer.concat([Buffer.from(`${attempt} ${body.length}`.padEnd(HEADER)), body]))
    const pid = await promise
    clearTimeout(late)
    this.#waiting.delete(attempt)
    return pid
  }

  #rests(): boolean {
    if (this.#restsUntil === undefined || performance.now() < this.#restsUntil) return this.#restsUntil !== undefined
    // one loss more, and it rests again
    this.#lost = TRIES - 1
    this.#restsUntil = undefined
    return false
  }

  #open(): ChildProcess {
    const { python, program, folder, mark } = this.#options
    const nursery = spawn(python, ['-I', '-S', program, `${folder}/`, '--nursery'], {
      cwd: '/',
      env: { ...inherited('TMPDIR LD_LIBRARY_PATH'), [mark]: '-'.repeat(ROOM) },
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lost = (why: unknown, signal?: unknown): void =>
      this.#lose(nursery, why instanceof Error ? why.message : `it ended with ${String(signal ?? why)}`)
    // `close` comes after all that it has said; that it takes no requests any more is told by its end
    nursery
      .once('close', lost)
      .once('error', lost)
      .stdin.on('error', () => undefined)
    createInterface({ input: nursery.stdout }).on('line', (line) => this.#hear(line))
    nursery.unref()
    for (const pipe of [nursery.stdin, nursery.stdout]) (pipe as Socket).unref()
    return nursery
  }

  #hear(line: string): void {
    const [what, attempt = '', pid] = line.split(' ')
    if (what === 'ended') return this.#options.ended(attempt)
    if (this.#lost >= TRIES - 1 && this.#why !== '') this.#options.note?.('steps are forked again')
    this.#lost = 0
    this.#why = ''
    this.#waiting.get(attempt)?.(Number(pid))
  }

  /** Tells those who wait for an answer that none will come. */
  #lose(nursery: ChildProcess, why: string): void {
    if (this.#process !== nursery) return
    this.#process = undefined
    this.#lost += 1
    this.#why = why
    if (this.#lost >= TRIES) {
      this.#restsUntil = performance.now() + REST_MS
      this.#options.note?.(this.fault ?? why)
    }
    for (const resolve of this.#waiting.values()) resolve(undefined)
  }
}
