/** One reader process, as the server sees it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { ifGone } from '../../contract/absence/absent.ts'
import { unavailable } from '../failures.ts'
import type { Gathering } from '../reads/columns.ts'
import { MOST_ROWS, tooManyRows } from '../reads/limits.ts'
import { engineError, Frames, frame, type Begun, type Question, type Reply } from './frames.ts'

/** Bytes of a page of memory, as Linux counts them on most machines. */
const PAGE = 4096

interface Asked {
  readonly gathered: Gathering<unknown>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

type Piped = ChildProcess & { readonly stdin: Writable; readonly stdout: Readable }

export class Reader {
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  /** Resolves when the process has begun to read what it is asked; never where it ends before. */
  readonly begun: Promise<void>
  readonly #child: Piped
  readonly #frames = new Frames()
  #asked: Asked | undefined
  #why: Error | undefined
  #alive = true

  /** Starts a process that reads the database in the file `path`. */
  constructor(path: string) {
    const program = join(import.meta.dirname, 'reader-process.ts')
    const child = spawn(process.execPath, [program, path], { stdio: ['pipe', 'pipe', 'inherit'] }) as Piped
    this.#child = child
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => this.#end(error, resolve))
      child.once('exit', (code, signal) =>
        this.#end(new Error(`it ended by ${signal ?? `exit code ${code}`}`), resolve),
      )
    })
    // a process that ended is told by its exit
    child.stdin.on('error', () => undefined)
    this.begun = new Promise((resolve) => {
      child.stdout.on('data', (piece: Buffer) => {
        for (const said of this.#frames.take(piece) as (Begun | Reply)[]) {
          if ('begun' in said) resolve()
          else this.#take(said)
        }
      })
    })
    this.#keep(false)
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Memory that the process takes, bytes; 0 where the system does not tell. */
  get memory(): number {
    const { pid } = this.#child
    const pages = ifGone(() => readFileSync(`/proc/${pid}/statm`, 'utf8'))?.split(' ')[1]
    return Number(pages ?? 0) * PAGE
  }

  /** Runs one read; none may be under way. Rejects with the engine's code in `code`, with what `stop` says, or `unavailable`. */
  async ask<T>(question: Question, gathered: Gathering<T>): Promise<T> {
    await new Promise<void>((resolve, reject) => {
      this.#asked = { gathered, resolve, reject }
      this.#keep(true)
      this.#child.stdin.write(frame(question))
    })
    return gathered.done()
  }

  /** Ends the process at once, within a statement too; the read under way is refused with `why`. */
  stop(why: Error): void {
    this.#why ??= why
    // its end comes at once, and somebody may wait for it who has nothing else to do
    this.#keep(true)
    this.#alive = false
    this.#child.kill('SIGKILL')
  }

  #take(reply: Reply): void {
    const asked = this.#asked
    if (asked === undefined) return
    if ('columns' in reply) asked.gathered.add(reply.columns, reply.packed, reply.count)
    if (asked.gathered.count > MOST_ROWS) this.stop(tooManyRows())
    if ('columns' in reply && !reply.end) return
    this.#asked = undefined
    if (this.#alive) this.#keep(false)
    if (this.#why !== undefined) asked.reject(this.#why)
    else if ('columns' in reply) asked.resolve()
    else asked.reject(engineError(reply.error))
  }

  #end(cause: Error, ended: () => void): void {
    this.#alive = false
    this.#asked?.reject(this.#why ?? unavailable('its reader ended', cause))
    this.#asked = undefined
    ended()
  }

  /** A reader that nobody asks does not keep the server from ending, one that is asked does. */
  #keep(asked: boolean): void {
    if (!this.#alive) return
    const { stdin, stdout } = this.#child as unknown as Record<'stdin' | 'stdout', { ref(): void; unref(): void }>
    for (const one of [this.#child, stdin, stdout]) {
      if (asked) one.ref()
      else one.unref()
    }
  }
}
