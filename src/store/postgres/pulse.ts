/** Tells a PostgreSQL that takes long from one that says nothing: while a statement is silent, another connection asks whether the server answers. */
import type { Socket } from 'node:net'
import pg from 'pg'
import { engineCode, SILENT } from '../failures.ts'

export interface PulseOptions {
  /** A statement that was silent for so long is asked about, again and again, ms. */
  readonly quietMs?: number
  /** A server that does not answer a new connection within so long answers nobody, ms. */
  readonly answerMs?: number
}

const QUIET_MS = 8000
const ANSWER_MS = 5000

export class Pulse {
  readonly #url: string
  readonly #quietMs: number
  readonly #answerMs: number
  /** One question is enough for all who wait. */
  #asked: Promise<boolean> | undefined

  constructor(url: string, options: PulseOptions = {}) {
    this.#url = url
    this.#quietMs = options.quietMs ?? QUIET_MS
    this.#answerMs = options.answerMs ?? ANSWER_MS
  }

  /**
   * What the statement gives, however long it takes. Rejects with an error that `isSilent` knows once the server answers nobody; the
   * statement's connection is to be ended then, and whether it was carried out is not known.
   */
  async during<T>(statement: Promise<T>): Promise<T> {
    const { promise: silent, reject } = Promise.withResolvers<never>()
    let timer: NodeJS.Timeout | undefined
    let over = false
    const wait = (): void => {
      timer = setTimeout(
        () => void this.#beats().then((beats) => (beats ? over || wait() : reject(new Error(SILENT)))),
        this.#quietMs,
      )
    }
    wait()
    try {
      return await Promise.race([statement, silent])
    } finally {
      over = true
      clearTimeout(timer)
    }
  }

  #beats(): Promise<boolean> {
    this.#asked ??= this.#ask().finally(() => (this.#asked = undefined))
    return this.#asked
  }

  async #ask(): Promise<boolean> {
    const ms = this.#answerMs
    const client = new pg.Client({ connectionString: this.#url, connectionTimeoutMillis: ms, query_timeout: ms })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('SELECT 1')
      return true
    } catch (error) {
      // a refusal is an answer too, such as that of a server with too many connections
      return /^[0-9A-Z]{5}$/.test(engineCode(error))
    } finally {
      // what says nothing is not waited for
      ;(client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
    }
  }
}
