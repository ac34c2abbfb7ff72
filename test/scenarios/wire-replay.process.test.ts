/**
 * What the unmodified mlflow client asked, asked again: every reply must be what was recorded, but for ids, times and addresses, which
 * must stand where they stood. `node test/fixtures/wire-recorder.ts` made the records.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, test } from 'node:test'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const FOLDER = resolve(import.meta.dirname, '../fixtures/wire')

interface Exchange {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly status: number
  readonly reply: string
}

/** Texts that a server makes anew each time: ids, tokens of pages, names of runs. */
const MADE = /^(?:[a-z]{1,3}[-_])?[0-9a-f]{32}$|^whk_[0-9a-z]{20}$|^eyJ[\w-]+$|^[a-z]+-[a-z]+-\d{1,3}$/
/** Ms since 1970 of this century. */
const isTime = (value: unknown): value is number => typeof value === 'number' && value > 1e12

/** Recorded text -> the text that stands for it now. */
class Names {
  readonly #now = new Map<string, string>()

  /** Compares a reply with the recorded one and learns what stands for what. */
  compare(recorded: unknown, now: unknown, at: string): void {
    if (typeof recorded === 'string' && typeof now === 'string') return this.#text(recorded, now, at)
    if (Array.isArray(recorded) && Array.isArray(now)) {
      assert.equal(now.length, recorded.length, `${at}: entries`)
      recorded.forEach((one, index) => this.compare(one, now[index], `${at}[${index}]`))
    } else if (isObject(recorded) && isObject(now)) {
      assert.deepEqual(Object.keys(now).sort(), Object.keys(recorded).sort(), `${at}: keys`)
      for (const [key, one] of Object.entries(recorded)) this.compare(one, now[key], `${at}.${key}`)
    } else if (isTime(recorded)) assert.ok(isTime(now), `${at}: ${String(now)} is no time`)
    else assert.deepEqual(now, recorded, at)
  }

  /** A recorded text with what stands now for the made parts of it. */
  translate(text: string): string {
    let translated = text
    for (const [recorded, now] of this.#now) translated = translated.replaceAll(recorded, now)
    return translated
  }

  #text(recorded: string, now: string, at: string): void {
    const known = this.translate(recorded)
    if (known === now) return
    // the records were made without tokens, where everyone has one name
    if (recorded === 'anyone' && now === 'admin') return
    const parsed = jsonOf(recorded)
    if (parsed !== undefined) return this.compare(parsed, jsonOf(now), at)
    const pieces = [recorded.split('/'), now.split('/')] as const
    if (pieces[0].length > 1 && pieces[0].length === pieces[1].length) {
      pieces[0].forEach((piece, index) => this.#text(piece, pieces[1][index] ?? '', at))
      return
    }
    assert.ok(MADE.test(recorded) && MADE.test(now), `${at}: ${now.slice(0, 200)} instead of ${known.slice(0, 200)}`)
    this.#now.set(recorded, now)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object or list that a text holds. */
function jsonOf(text: string): unknown {
  if (!/^[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

async function replay(server: TestServer, exchanges: readonly Exchange[]): Promise<void> {
  const names = new Names()
  for (const [index, one] of exchanges.entries()) {
    const bare = one.method === 'GET' || one.body === ''
    const reply = await fetch(`${server.url}${names.translate(one.path)}`, {
      method: one.method,
      headers: { authorization: `Bearer ${server.token}`, ...(!bare && { 'content-type': 'application/json' }) },
      ...(!bare && { body: names.translate(one.body) }),
    })
    const text = await reply.text()
    const what = `${index}: ${one.method} ${one.path}`
    assert.equal(reply.status, one.status, `${what}: ${text.slice(0, 300)}`)
    const recorded = jsonOf(one.reply)
    if (recorded === undefined) names.compare(one.reply, text, what)
    else names.compare(recorded, jsonOf(text), what)
  }
}

describe('recorded calls of the mlflow client', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.jsonl'))
  assert.ok(files.length > 0, `no records in ${FOLDER}`)
  for (const file of files) {
    test(file, async () => {
      const lines = readFileSync(join(FOLDER, file), 'utf8').trim().split('\n')
      const server = await startTestServer({ env: { SLIPWAY_LOG_LEVEL: 'fatal' } })
      try {
        await replay(
          server,
          lines.map((line) => JSON.parse(line) as Exchange),
        )
      } finally {
        await server.stop()
      }
    })
  }
})
