/** The local driver: each attempt is a process in a session of its own, with a folder that tells everything about it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { constants, createReadStream } from 'node:fs'
import { access, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { ifJson, ifMissing, whileAlive } from '../../../contract/absence/absent.ts'
import { problem } from '../../../contract/errors.ts'
import { inherited } from '../../../isolation/environment.ts'
import { PACKAGE_DIR, policyOf, type Plan } from '../../../isolation/plan.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import { materialise, putTree } from '../../../store/blobs/trees.ts'
import type { AttemptSpec, AttemptStatus, Driver, Exit, Usage } from '../driver.ts'
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
}

export function localDriver(options: LocalDriverOptions): Driver {
  return new LocalDriver(options)
}

class LocalDriver implements Driver {
  readonly name = 'local'
  readonly #blobs: Blobs
  readonly #folder: string
  readonly #clock: () => number
  readonly #plan: Plan | null
  /** Forks attempts; only of the machine's own interpreter, which is the same for all. */
  readonly #nursery: Nursery | undefined
  readonly #listeners: ((attempt: string) => void)[] = []
  /** The newest heartbeat of each attempt, and since when there is no newer one, ms of the monotonic clock. */
  readonly #beats = new Map<string, { readonly at: number; readonly since: number }>()

  constructor(options: LocalDriverOptions) {
    this.#blobs = options.blobs
    this.#folder = options.folder
    this.#clock = options.clock
    this.#plan = options.plan ?? null
    const { python } = this.#plan ?? {}
    const ended = (attempt: string): void => this.#ended(attempt)
    if (python !== undefined)
      this.#nursery = new Nursery({ python, program: SUPERVISOR, folder: this.#folder, mark: MARK, ended })
  }

  async submit(spec: AttemptSpec): Promise<void> {
    const dir = this.#dir(spec.attempt)
    if ((await this.#process(spec.attempt)) !== undefined || (await readExit(dir, spec.fence)) !== undefined) return
    await rm(dir, { recursive: true, force: true })
    await mkdir(join(dir, 'out'), { recursive: true, mode: 0o700 })
    for (const name of ['tmp', 'in', 'said']) await mkdir(join(dir, name))
    await materialise(this.#blobs, spec.code, join(dir, 'work'), { writable: true })
    for (const [name, digest] of Object.entries(spec.inputs)) {
      await materialise(this.#blobs, digest, join(dir, 'in', name), { link: true })
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
    return { state: 'running', silent_ms: this.#silence(attempt, last), quiet_ms: beat?.quiet_ms ?? 0 }
  }

  /** As the wrapper wrote it last. Where that is gone, what goes on without it is counted from the system. */
  async usage(attempt: string): Promise<Usage | undefined> {
    const beat = await readBeat(this.#dir(attempt))
    if (beat === undefined || (await this.#process(attempt)) !== undefined) return beat
    const cpu = await cpuOfMarked(MARK, attempt)
    return { ...beat, cpu_seconds: Math.max(beat.cpu_seconds, cpu) }
  }

  /** Time since the heartbeat `at`: by the wall clock where it is seen first, from then on by the monotonic clock. ms. */
  #silence(attempt: string, at: number): number {
    const now = performance.now()
    const known = this.#beats.get(attempt)
    if (known?.at === at) return now - known.since
    const silent = known === undefined ? Math.max(0, this.#clock() - at) : 0
    this.#beats.set(attempt, { at, since: now - silent })
    return silent
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

  async delete(attempt: string): Promise<void> {
    this.#beats.delete(attempt)
    await rm(this.#dir(attempt), { recursive: true, force: true, maxRetries: 3 })
  }

  onEnd(listener: (attempt: string) => void): void {
    this.#listeners.push(listener)
  }

  #ended(attempt: string): void {
    this.#listeners.forEach((listen) => listen(attempt))
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
        write: ['work', 'out', 'tmp', 'said'].map((name) => join(dir, name)),
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

/** The step's environment. A venv's folder of programs comes first, so that `python` is the environment's. */
function environment(spec: AttemptSpec, dir: string, home: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...inherited(INHERITED),
    ...home,
    LANG: process.env['LANG'] ?? 'C.UTF-8',
    TZ: 'UTC',
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
  const raw = await readJson<Omit<Exit, 'metrics'> & { fence: string; metrics: Record<string, string> }>(
    join(dir, 'exit.json'),
  )
  if (raw === undefined || raw.fence !== fence) return undefined
  const metrics = Object.fromEntries(Object.entries(raw.metrics).map(([name, text]) => [name, parseFloatText(text)]))
  return {
    ...raw,
    metrics,
    reads: raw.reads ?? null,
    started_at: raw.started_at * 1000,
    finished_at: raw.finished_at * 1000,
  }
}

/** The last heartbeat of an attempt, with the times in ms; undefined before the first. */
async function readBeat(dir: string): Promise<(Usage & { readonly quiet_ms: number }) | undefined> {
  const beat = await readJson<Usage & { readonly quiet_s: number }>(join(dir, 'heartbeat.json'))
  if (beat === undefined) return undefined
  const { cpu_seconds, max_rss_bytes, memory_kib_s } = beat
  const times = { started_at: beat.started_at * 1000, at: beat.at * 1000, quiet_ms: beat.quiet_s * 1000 }
  return { cpu_seconds, max_rss_bytes, memory_kib_s, ...times }
}

/** Reads Python's `repr` of a float. */
function parseFloatText(text: string): number {
  if (text === 'inf') return Infinity
  return text === '-inf' ? -Infinity : Number(text)
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
