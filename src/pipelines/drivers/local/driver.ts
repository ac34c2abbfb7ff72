/** The local driver: each attempt is a process in a session of its own, with a folder that tells everything about it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { constants, createReadStream } from 'node:fs'
import { access, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { ifJson, ifMissing, whileAlive } from '../../../contract/absence/absent.ts'
import { problem, Problem } from '../../../contract/errors.ts'
import { ALIKE, inherited } from '../../../isolation/environment.ts'
import { PACKAGE_DIR, policyOf, type Plan } from '../../../isolation/plan.ts'
import { readState, storeCheckpoints } from '../kept.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import { eachThoughHurt, materialise, putTree } from '../../../store/blobs/trees.ts'
import type { AttemptSpec, AttemptStatus, Driver, Exit, Usage } from '../driver.ts'
import { beatOf, exitOf, type WrittenBeat, type WrittenExit } from '../exit.ts'
import { checkpointPolicy } from '../checkpoint-policy.ts'
import { Silences } from '../silence.ts'
import { Nursery } from './nursery.ts'
import { cpuOfMarked, end, isAlive, killMarked, marked, signal, startOf, type ProcessRef } from './processes.ts'

/** The environment variable that marks every process of an attempt. */
const MARK = 'SLIPWAY_ATTEMPT'
/** The supervisor: started by its path, so that nothing of an environment runs in it; by that of the file, which takes fewer imports than a folder. */
const SUPERVISOR = join(PACKAGE_DIR, 'slipway/step/__main__.py')
/** Name of the home folder of a confined attempt. */
const HOME = 'home'
/** What steps inherit of the server's environment besides what every program needs. */
const INHERITED =
  'REQUESTS_CA_BUNDLE CUDA_VISIBLE_DEVICES HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy'

export interface LocalDriverOptions {
  readonly blobs: Blobs
  /** Where the folders of attempts are made. */
  readonly folder: string
  /** Ms since 1970; compared with the times that wrappers write. */
  readonly clock: () => number
  /** How steps are confined; absent or null = not at all. */
  readonly plan?: Plan | null
  /** The file that says whether its attempts are still this machine's; absent = they go on whatever becomes of us. */
  readonly leaseFile?: string | undefined
  /** Told what an operator should know. */
  readonly note?: (text: string) => void
}

export function localDriver(options: LocalDriverOptions): Driver {
  return new LocalDriver(options)
}

class LocalDriver implements Driver {
  readonly name = 'local'
  readonly #blobs: Blobs
  readonly #folder: string
  readonly #plan: Plan | null
  readonly #leaseFile: string | undefined
  /** Forks attempts; only of the machine's own interpreter, which is the same for all. */
  readonly #nursery: Nursery | undefined
  readonly #listeners: ((attempt: string) => void)[] = []
  readonly #silences: Silences
  readonly #note: (text: string) => void

  constructor(options: LocalDriverOptions) {
    this.#blobs = options.blobs
    this.#folder = options.folder
    this.#note = options.note ?? (() => undefined)
    this.#silences = new Silences(options.clock)
    this.#plan = options.plan ?? null
    this.#leaseFile = options.leaseFile
    const { python } = this.#plan ?? {}
    const ended = (attempt: string): void => this.#ended(attempt)
    if (python !== undefined)
      this.#nursery = new Nursery({
        python,
        program: SUPERVISOR,
        folder: this.#folder,
        mark: MARK,
        ended,
        ...(options.note !== undefined && { note: options.note }),
      })
  }

  slowStarts(): string | null {
    return this.#nursery?.fault ?? null
  }

  async submit(spec: AttemptSpec): Promise<void> {
    const dir = this.#dir(spec.attempt)
    if ((await this.#process(spec.attempt)) !== undefined || (await readExit(dir, spec.fence)) !== undefined) return
    await rm(dir, { recursive: true, force: true })
    await mkdir(join(dir, 'out'), { recursive: true, mode: 0o700 })
    for (const name of ['tmp', 'in', 'said', 'checkpoints', 'resume']) await mkdir(join(dir, name))
    await materialise(this.#blobs, spec.code, join(dir, 'work'), { writable: true })
    await eachThoughHurt(Object.entries(spec.inputs), ([name, digest]) =>
      materialise(this.#blobs, digest, join(dir, 'in', name), { link: true }),
    )
    for (const [number, { tree }] of (spec.checkpoints?.resume ?? []).entries()) {
      await this.#layOut(tree, join(dir, 'resume', String(number)))
    }
    await writeFile(join(dir, 'spec.json'), JSON.stringify(this.#wrapperSpec(spec, dir)), { mode: 0o600 })
    await checkRunnable(spec.python)
    await this.#start(spec, dir)
  }

  async get(attempt: string, fence: string): Promise<AttemptStatus> {
    const dir = this.#dir(attempt)
    const process = await this.#process(attempt)
    const exit = await readExit(dir, fence)
    if (exit !== undefined) return { state: 'finished', exit }
    if (process === undefined) return { state: 'absent' }
    const beat = await readBeat(dir)
    const last = beat?.at ?? (await modified(join(dir, 'spec.json')))
    return { state: 'running', silent_ms: this.#silences.since(attempt, last), quiet_ms: beat?.quiet_ms ?? 0 }
  }

  /** As the wrapper wrote it last. Where that is gone, what goes on without it is counted from the system. */
  async usage(attempt: string): Promise<Usage | undefined> {
    const beat = await readBeat(this.#dir(attempt))
    if (beat === undefined || (await this.#process(attempt)) !== undefined) return beat
    const cpu = await cpuOfMarked(MARK, attempt)
    return { ...beat, cpu_seconds: Math.max(beat.cpu_seconds, cpu) }
  }

  async list(): Promise<string[]> {
    return (await ifMissing(readdir(this.#folder))) ?? []
  }

  async cancel(attempt: string): Promise<void> {
    const process = await this.#process(attempt)
    if (process !== undefined) await signal(process, 'SIGTERM')
  }

  async kill(attempt: string): Promise<void> {
    const process = await this.#process(attempt)
    await killMarked(MARK, attempt)
    if (process !== undefined) await end(process)
  }

  async logs(attempt: string, from: number, most: number): Promise<Buffer> {
    const file = await ifMissing(open(join(this.#dir(attempt), 'log')))
    if (file === undefined) return Buffer.alloc(0)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, from)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }

  async logSize(attempt: string): Promise<number> {
    return (await ifMissing(stat(join(this.#dir(attempt), 'log'))))?.size ?? 0
  }

  async storeLog(attempt: string): Promise<{ digest: string; size: number } | undefined> {
    const path = join(this.#dir(attempt), 'log')
    const exists = await ifMissing(stat(path))
    return exists === undefined ? undefined : this.#blobs.put(createReadStream(path))
  }

  async collect(attempt: string, output: string): ReturnType<Driver['collect']> {
    return putTree(this.#blobs, join(this.#dir(attempt), 'out', output)).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== 'not_found') throw error
      throw problem('not_found', { what: 'output', id: output })
    })
  }

  checkpoints(attempt: string): ReturnType<Driver['checkpoints']> {
    return readState(this.#dir(attempt))
  }

  storeCheckpoints(attempt: string): ReturnType<Driver['storeCheckpoints']> {
    return storeCheckpoints(this.#blobs, this.#dir(attempt))
  }

  async delete(attempt: string): Promise<void> {
    this.#silences.forget(attempt)
    await rm(this.#dir(attempt), { recursive: true, force: true, maxRetries: 3 })
  }

  onEnd(listener: (attempt: string) => void): void {
    this.#listeners.push(listener)
  }

  #ended(attempt: string): void {
    this.#listeners.forEach((listen) => listen(attempt))
  }

  /** A copy, which the step may change. One that is damaged or gone is left out: the step falls back to the one before. */
  async #layOut(tree: string, place: string): Promise<void> {
    try {
      await materialise(this.#blobs, tree, place, { writable: true })
    } catch (error) {
      if (!(error instanceof Problem) || !DAMAGED.includes(error.code)) throw error
      this.#note(`a checkpoint cannot be laid out: ${error.message}`)
    }
  }

  #dir(attempt: string): string {
    if (!/^[\w-]+$/.test(attempt)) throw new Error(`not an attempt's id: ${attempt}`)
    return join(this.#folder, attempt)
  }

  #wrapperSpec(spec: AttemptSpec, dir: string): Record<string, unknown> {
    const work = join(dir, 'work')
    return {
      attempt: spec.attempt,
      fence: spec.fence,
      dir,
      python: spec.python,
      policy: policyOf(this.#plan, {
        show: [dir],
        fixed: [join(dir, 'in')],
        write: ['work', 'out', 'tmp', 'said', 'checkpoints', 'resume'].map((name) => join(dir, name)),
      }),
      home: join(dir, HOME),
      user_home: process.env['HOME'] ?? '',
      linked: this.#plan?.write ?? [],
      cwd: work,
      entry: spec.entry,
      inputs: mapValues(Object.keys(spec.inputs), (name) => join(dir, 'in', name)),
      outputs: mapValues(spec.outputs, (name) => join(dir, 'out', name)),
      params: spec.params,
      secret_env: Object.keys(spec.secrets),
      timeout_s: spec.timeout_ms === null ? null : spec.timeout_ms / 1000,
      grace_s: spec.grace_ms / 1000,
      memory_bytes: spec.memory_bytes,
      log_bytes: spec.log_bytes,
      unheld: spec.unheld,
      checkpoints: checkpointPolicy(spec, (_, rank) => ({ folder: join('resume', String(rank)) })),
      notice: spec.notice ?? null,
      lease: this.#leaseFile ?? null,
      pythonpath: [work, join(work, 'src')],
    }
  }

  /** Starts the wrapper: forked where it can be, else by an interpreter of its own. */
  async #start(spec: AttemptSpec, dir: string): Promise<void> {
    const variables = environment(spec, dir, this.#plan === null ? {} : { HOME: join(dir, HOME) })
    const pid = await this.#nursery?.start(spec.attempt, variables)
    if (pid !== undefined) return await this.#remember(dir, pid)
    if (this.#nursery !== undefined) {
      // one that was lost may have started it without saying so
      const found = await this.#process(spec.attempt)
      if (found !== undefined) return await this.#remember(dir, found.pid)
      if ((await readExit(dir, spec.fence)) !== undefined) return
    }
    await this.#spawn(spec, dir, variables)
  }

  async #spawn(spec: AttemptSpec, dir: string, variables: Readonly<Record<string, string>>): Promise<void> {
    const errors = await open(join(dir, 'wrapper.log'), 'a', 0o600)
    try {
      const child = spawn(this.#plan?.python ?? spec.python, ['-I', '-S', SUPERVISOR, join(dir, 'spec.json')], {
        cwd: dir,
        // the supervisor is no part of the step: what a project sets must not reach it
        env: { ...inherited('TMPDIR LD_LIBRARY_PATH'), [MARK]: spec.attempt },
        detached: true,
        stdio: ['pipe', errors.fd, errors.fd],
      })
      child.once('exit', () => this.#ended(spec.attempt))
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      child.unref()
      await tell(child, JSON.stringify(variables))
      await this.#remember(dir, child.pid ?? 0)
    } catch (error) {
      throw problem('upstream_failed', { what: spec.python, detail: (error as Error).message }, error)
    } finally {
      await errors.close()
    }
  }

  async #remember(dir: string, pid: number): Promise<void> {
    const start = await startOf(pid)
    if (start === undefined) return
    await writeFile(join(dir, 'process.json.tmp'), JSON.stringify({ pid, start } satisfies ProcessRef))
    await rename(join(dir, 'process.json.tmp'), join(dir, 'process.json'))
  }

  /** The wrapper's process while it lives. If we died before its pid was written, its mark tells it. */
  async #process(attempt: string): Promise<ProcessRef | undefined> {
    const dir = this.#dir(attempt)
    const ref = await readJson<ProcessRef>(join(dir, 'process.json'))
    if (ref !== undefined) return (await isAlive(ref)) ? ref : undefined
    if ((await modified(join(dir, 'spec.json'))) === 0) return undefined
    for (const pid of await marked(MARK, attempt)) {
      const command = (await whileAlive(readFile(`/proc/${pid}/cmdline`, 'utf8'))) ?? ''
      const start = await startOf(pid)
      if (/slipway[./]step/.test(command) && !command.includes('--run') && start !== undefined) return { pid, start }
    }
    return undefined
  }
}

/** What is said of files by content that are not as they were. */
const DAMAGED: readonly string[] = ['corrupt_blob', 'not_found', 'unprocessable']

/** Throws `upstream_failed` for an interpreter that cannot be run. */
async function checkRunnable(python: string): Promise<void> {
  try {
    await access(python, constants.X_OK)
  } catch (error) {
    throw problem('upstream_failed', { what: python, detail: (error as Error).message }, error)
  }
}

/** Writes a process's standard input to its end. One that is gone already says why in its log. */
function tell(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    child.stdin?.once('error', () => resolve()).end(text, () => resolve())
  })
}

/**
 * The step's environment. A venv's folder of programs comes first, so that `python` is the environment's. Language and zone are the same on
 * each machine, for results depend on them and no cache key holds them.
 */
function environment(spec: AttemptSpec, dir: string, home: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...inherited(INHERITED),
    ...home,
    ...ALIKE,
    PATH: [dirname(spec.python), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
    PYTHONPATH: PACKAGE_DIR,
    PYTHONUNBUFFERED: '1',
    TMPDIR: join(dir, 'tmp'),
    ...spec.env,
    ...spec.secrets,
    [MARK]: spec.attempt,
  }
}

async function readExit(dir: string, fence: string): Promise<Exit | undefined> {
  const raw = await readJson<WrittenExit & { fence: string }>(join(dir, 'exit.json'))
  return raw === undefined || raw.fence !== fence ? undefined : exitOf(raw)
}

/** The last heartbeat of an attempt; undefined before the first. */
async function readBeat(dir: string): Promise<ReturnType<typeof beatOf> | undefined> {
  const beat = await readJson<WrittenBeat>(join(dir, 'heartbeat.json'))
  return beat === undefined ? undefined : beatOf(beat)
}

/** A file of an attempt; undefined when there is none, or a machine that lost its power left it cut short. */
async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await ifMissing(readFile(path, 'utf8'))
  return text === undefined ? undefined : (ifJson(text) as T | undefined)
}

async function modified(path: string): Promise<number> {
  return (await ifMissing(stat(path)))?.mtimeMs ?? 0
}

function mapValues(names: readonly string[], value: (name: string) => string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, value(name)]))
}
