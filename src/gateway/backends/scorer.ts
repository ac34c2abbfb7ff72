/** One scorer process: started, loaded, asked one frame at a time, watched, killed. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { ifGone } from '../../contract/absence/absent.ts'
import { ALIKE, inherited } from '../../isolation/environment.ts'
import { confined, PACKAGE_DIR, type Plan } from '../../isolation/plan.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Frame } from './frames.ts'
import { encodeFrame, FrameReader, jsonFrame, OP } from './frames.ts'

export interface ScorerOptions {
  readonly python: string
  readonly dir: string
  readonly inputs: readonly InputField[]
  /** numpy type of a tensor signature; null = a DataFrame. */
  readonly tensor: string | null
  /** Shape of one row of the tensor; absent = [inputs]. */
  readonly dims?: readonly number[]
  /** True = a list of the values of the only input. */
  readonly list?: true
  /** Megabytes beyond which allocations of the process fail; absent = no cap. */
  readonly capMb?: number
  /** How the process is confined; null = not at all. */
  readonly plan: Plan | null
  /** What the process prints is appended here. */
  readonly logFile: string
}

/** The rows or params of a call do not fit the model, which has not seen them: the caller's mistake. */
export class RowsRefused extends Error {}

/** The scorer raised while it scored: the message is the model's own. */
export class ModelError extends Error {}

/** The scorer ended before it answered. */
export class ScorerDied extends Error {}

/** A running scorer. One call at a time; `died` is called once when it ends, for whatever reason. */
export class Scorer {
  readonly #child: ChildProcess
  readonly #stream: Duplex
  readonly #reader = new FrameReader()
  #waiting: { resolve: (frame: Frame) => void; reject: (error: Error) => void } | undefined
  #nextId = 1
  #dead = false
  /** Facts of the load: flavor, seconds, peak_mb. */
  facts: Record<string, unknown> = {}

  constructor(options: ScorerOptions, died: (scorer: Scorer) => void) {
    const log = openSync(options.logFile, 'a', 0o600)
    const argv = ['-m', 'slipway.scorer', '--fd', '3', '--model', options.dir]
    if (options.capMb !== undefined) argv.push('--cap-mb', String(options.capMb))
    const { program, args } = confined(options.plan, { program: options.python, args: argv }, { fixed: [options.dir] })
    try {
      this.#child = spawn(program, [...args], {
        stdio: ['ignore', log, log, 'pipe'],
        env: environment(),
        // a group of its own, so that what the model forks ends with it
        detached: true,
      })
    } finally {
      closeSync(log)
    }
    this.#stream = this.#child.stdio[3] as Duplex
    this.#stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    // The process's own end tells more than the stream's.
    this.#stream.on('error', () => undefined)
    const gone = (): void => {
      if (this.#dead) return
      this.#dead = true
      this.#killGroup()
      this.#waiting?.reject(new ScorerDied(this.#obituary()))
      this.#waiting = undefined
      died(this)
    }
    this.#child.once('error', gone)
    this.#child.once('exit', gone)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Loads the model; resolves when it has answered a first row. */
  async load(options: ScorerOptions): Promise<void> {
    const inputs = options.inputs.map(({ name, kind, dtype }) => ({ name, kind, dtype }))
    const tensor = options.tensor ?? undefined
    const payload = Buffer.from(JSON.stringify({ inputs, tensor, dims: options.dims, list: options.list }))
    const frame = await this.#ask({ id: this.#nextId++, op: OP.LOAD, codec: 2, payload })
    this.facts = JSON.parse(frame.payload.toString('utf8')) as Record<string, unknown>
  }

  /** Scores one PREDICT payload. Rejects with RowsRefused, ModelError or ScorerDied. */
  async predict(payload: Buffer): Promise<Buffer> {
    return (await this.#ask({ id: this.#nextId++, op: OP.PREDICT, codec: 0, payload })).payload
  }

  /** Lets the process end by itself, and kills it after a second. */
  end(): void {
    if (this.#dead) return
    this.#stream.write(jsonFrame(this.#nextId++, OP.DRAIN, {}))
    setTimeout(() => this.kill(), 1000).unref()
  }

  kill(): void {
    if (!this.#dead) this.#killGroup()
  }

  #killGroup(): void {
    const { pid } = this.#child
    if (pid !== undefined) ifGone(() => process.kill(-pid, 'SIGKILL'))
  }

  /** Resident megabytes now; null where the system does not tell. */
  residentMb(): number | null {
    const text = ifGone(() => readFileSync(`/proc/${this.pid}/statm`, 'utf8'))
    return text === undefined ? null : (Number(text.split(' ')[1]) * 4096) / (1024 * 1024)
  }

  /** CPU seconds used so far; null where the system does not tell. */
  cpuSeconds(): number | null {
    const stat = ifGone(() => readFileSync(`/proc/${this.pid}/stat`, 'utf8'))
    if (stat === undefined) return null
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  #ask(frame: Frame): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.#dead) return reject(new ScorerDied(this.#obituary()))
      this.#waiting = { resolve, reject }
      this.#stream.write(encodeFrame(frame))
    })
  }

  #receive(chunk: Buffer): void {
    let frames: Frame[]
    try {
      frames = this.#reader.push(chunk)
    } catch {
      this.kill()
      return
    }
    for (const frame of frames) this.#answer(frame)
  }

  #answer(frame: Frame): void {
    if (frame.op === OP.HELLO) return
    const waiting = this.#waiting
    this.#waiting = undefined
    if (frame.op !== OP.ERROR) waiting?.resolve(frame)
    else waiting?.reject(errorOf(JSON.parse(frame.payload.toString('utf8')) as Failure))
  }

  #obituary(): string {
    const { exitCode, signalCode, pid } = this.#child
    if (pid === undefined) return 'the scorer could not be started'
    return `the scorer ended with ${signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`}`
  }
}

/** What an ERROR frame says. `refused`: see RowsRefused. */
interface Failure {
  readonly message: string
  readonly refused?: boolean
}

function errorOf({ message, refused = false }: Failure): Error {
  return refused ? new RowsRefused(message) : new ModelError(message)
}

/** Little of the gateway's own environment reaches a model: no tokens, one thread for each numeric library. */
function environment(): NodeJS.ProcessEnv {
  const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
  const kept = inherited('TMPDIR LD_LIBRARY_PATH')
  return { ...kept, ...ALIKE, ...threads, PYTHONPATH: PACKAGE_DIR, PYTHONUNBUFFERED: '1' }
}
