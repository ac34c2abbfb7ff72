/** Long reads of an SQLite database: a few processes, shared between callers, each read with an end. */
import { availableParallelism } from 'node:os'
import { problem } from '../../contract/errors.ts'
import { unavailable } from '../failures.ts'
import type { Caller } from '../reads/caller.ts'
import { callerNow } from '../reads/caller.ts'
import type { Gathering } from '../reads/columns.ts'
import { GatheredRows } from '../reads/columns.ts'
import { LONGEST_MS, tooLong } from '../reads/limits.ts'
import { callerLeft, Turns } from '../reads/turns.ts'
import type { Question } from './frames.ts'
import { Reader } from './reader.ts'

export interface ReadersOptions {
  /** Processes at once, at most. */
  readonly places?: number
  /** Reads of one caller at once, at most. */
  readonly perCaller?: number
  /** Longest read for a caller, ms; the server's own reads have no end. */
  readonly longestMs?: number
  /** Memory that a process may take during a read for a caller, bytes. */
  readonly mostMemory?: number
}

/** Reads that every machine can have at once, and of one caller: the system shares its cores between processes fairly. */
const PLACES = 6
const PER_CALLER = Math.min(2, Math.max(1, availableParallelism() - 1))

/** A read whose caller left goes on until it took so long, ms: to end it costs a process, and most end sooner. */
const GRACE_MS = 250

/** Memory that a process may take, bytes, and how often it is looked at, ms. */
const MOST_MEMORY = 1024 ** 3
const LOOK_MS = 250

/** A process beyond the first that nobody asked for so long ends, ms. */
const IDLE_MS = 30_000

export class Readers {
  readonly #path: string
  readonly #longestMs: number
  readonly #mostMemory: number
  readonly #turns: Turns
  readonly #all = new Set<Reader>()
  #idle: Reader[] = []
  #sweep: NodeJS.Timeout | undefined
  #closed = false

  /** `path` is the database's file. The first process starts with the first read. */
  constructor(path: string, options: ReadersOptions = {}) {
    this.#path = path
    this.#longestMs = options.longestMs ?? LONGEST_MS
    this.#mostMemory = options.mostMemory ?? MOST_MEMORY
    this.#turns = new Turns({ places: options.places ?? PLACES, perCaller: options.perCaller ?? PER_CALLER })
  }

  /**
   * Runs a read. Rejects with the engine's code in `code`; with `too_costly` when it takes too long for a caller, as `Turns.during`,
   * and with `unavailable` if its process dies meanwhile.
   */
  search(sql: string, parameters: readonly unknown[]): Promise<unknown[]> {
    return this.gather({ sql, parameters }, new GatheredRows())
  }

  /** As `search`, with what takes the rows. */
  async gather<T>(question: Question, gathered: Gathering<T>): Promise<T> {
    if (this.#closed) throw unavailable('it is closed')
    const caller = callerNow()
    return this.#turns.during(caller, () => this.#read(caller, question, gathered))
  }

  /** Ends the processes; open reads are refused. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#sweep)
    const closed = unavailable('it is closed')
    this.#turns.refuse(closed)
    for (const reader of this.#all) reader.stop(closed)
    await Promise.all([...this.#all].map((reader) => reader.ended))
  }

  async #read<T>(caller: Caller | undefined, question: Question, gathered: Gathering<T>): Promise<T> {
    const reader = this.#free()
    const end = caller && this.#bound(caller, reader)
    try {
      return await reader.ask(question, gathered)
    } finally {
      end?.()
      if (reader.alive) this.#put(reader)
    }
  }

  /** Ends the read in time; returns what takes that back. */
  #bound(caller: Caller, reader: Reader): () => void {
    const began = performance.now()
    let leaving: NodeJS.Timeout | undefined
    let late: NodeJS.Timeout | undefined
    let over = false
    const begin = async (): Promise<void> => {
      // the start of its process, long on a busy machine, is not the fault of the read
      await reader.begun
      if (!over) late = setTimeout(() => reader.stop(tooLong(this.#longestMs)), this.#longestMs)
    }
    void begin()
    const most = this.#mostMemory
    const look = setInterval(() => {
      const limit = `${Math.round(most / 1024 ** 2)} MiB of memory`
      if (reader.memory > most) reader.stop(problem('too_costly', { what: 'a read', limit }))
    }, LOOK_MS)
    const stay = caller.onLeave(() => {
      leaving = setTimeout(() => reader.stop(callerLeft()), Math.max(0, began + GRACE_MS - performance.now()))
    })
    return () => {
      over = true
      clearTimeout(late)
      clearTimeout(leaving)
      clearInterval(look)
      stay()
    }
  }

  #free(): Reader {
    if (this.#closed) throw unavailable('it is closed')
    for (let reader = this.#idle.pop(); reader !== undefined; reader = this.#idle.pop()) if (reader.alive) return reader
    const reader = new Reader(this.#path)
    this.#all.add(reader)
    void reader.ended.then(() => this.#all.delete(reader))
    return reader
  }

  #put(reader: Reader): void {
    this.#idle.push(reader)
    if (this.#idle.length > 1) this.#sweep ??= setTimeout(() => this.#endIdle(), IDLE_MS).unref()
  }

  #endIdle(): void {
    this.#sweep = undefined
    const [first, ...others] = this.#idle
    this.#idle = first === undefined ? [] : [first]
    for (const reader of others) reader.stop(unavailable('its reader was not needed'))
  }
}
