/** Short texts from one control process to the others on the same PostgreSQL, by LISTEN and NOTIFY. Nothing is stored. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

export interface Notices {
  /** Tells the others; a text that is too long (7,900 bytes), or told while the database is out of reach, is lost. */
  send(text: string): void
  /** Calls `hear` with what the others send from now on. */
  listen(hear: (text: string) => void): void
  close(): Promise<void>
}

const CHANNEL = 'slipway_notices'
const MOST_BYTES = 7900
const AGAIN_MS = 1000
/** Texts that wait for the connection. */
const MOST_WAITING = 1000

/** Connects at once and again whenever the connection breaks. */
export function openNotices(url: string): Notices {
  return new PostgresNotices(url)
}

class PostgresNotices implements Notices {
  readonly #url: string
  readonly #self = randomUUID()
  readonly #hear: ((text: string) => void)[] = []
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  readonly #waiting: string[] = []
  #client: pg.Client | undefined
  #sending = false

  constructor(url: string) {
    this.#url = url
    this.#running = this.#run()
  }

  send(text: string): void {
    const payload = `${this.#self} ${text}`
    if (Buffer.byteLength(payload) > MOST_BYTES || this.#waiting.length >= MOST_WAITING) return
    this.#waiting.push(payload)
    void this.#drain()
  }

  listen(hear: (text: string) => void): void {
    this.#hear.push(hear)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.#connected(signal).catch(() => undefined)
      this.#client = undefined
      await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Holds one connection until it breaks or all ends. */
  async #connected(signal: AbortSignal): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, application_name: 'slipway notices', keepAlive: true })
    const { promise, resolve } = Promise.withResolvers<void>()
    client.on('error', () => resolve())
    client.on('end', () => resolve())
    client.on('notification', ({ payload = '' }) => this.#heard(payload))
    signal.addEventListener('abort', () => resolve(), { once: true })
    try {
      await client.connect()
      await client.query(`LISTEN ${CHANNEL}`)
      this.#client = client
      void this.#drain()
      await promise
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  #heard(payload: string): void {
    const [from, text] = [payload.slice(0, this.#self.length), payload.slice(this.#self.length + 1)]
    if (from !== this.#self) for (const hear of this.#hear) hear(text)
  }

  async #drain(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      while (this.#client !== undefined && this.#waiting.length > 0) {
        const texts = this.#waiting.splice(0)
        await this.#client.query(`SELECT pg_notify('${CHANNEL}', text) FROM unnest($1::text[]) AS text`, [texts])
      }
    } catch {
      // The connection broke with them; whoever shows something reads it anew.
    } finally {
      this.#sending = false
    }
  }
}
