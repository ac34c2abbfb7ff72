/** The log of a step as it is written, over restarts of the server. */
import { setTimeout as wait } from 'node:timers/promises'
import { CallError, type Client } from '../../client/client.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'

interface Piece {
  readonly attempt: number
  readonly offset: number
  readonly text: string
}

/** A server that restarts answers again within this many tries, of so many ms. */
const TRIES = 60
const PAUSE_MS = 500

/** The texts of all attempts of a step, or of an item of it, in their order, until that has ended. Throws CallError when the server stays away. */
export async function* followStep(client: Client, run: string, step: string, item?: number): AsyncGenerator<string> {
  let told = { attempt: 0, end: 0 }
  for (let lost = 0; ;) {
    try {
      for await (const { id, event, data } of events(client, { run, step, item })) {
        if (event === 'end') return
        lost = 0
        if (event !== 'log') continue
        const piece = data as Piece
        const text = notTold(piece, told)
        told = later(told, { attempt: piece.attempt, end: Number(id.split(':')[1]) })
        if (text !== '') yield text
      }
    } catch (error) {
      if (isFinal(error) || ++lost > TRIES) throw error
    }
    await wait(PAUSE_MS)
  }
}

/** How far an attempt's log was told, in bytes. */
interface Told {
  readonly attempt: number
  readonly end: number
}

/** What of a piece is new. A stream that was opened anew begins at the beginning, and is cut into pieces elsewhere. */
function notTold({ attempt, offset, text }: Piece, told: Told): string {
  if (attempt !== told.attempt) return attempt < told.attempt ? '' : text
  return offset >= told.end
    ? text
    : Buffer.from(text)
        .subarray(told.end - offset)
        .toString()
}

function later(one: Told, other: Told): Told {
  return other.attempt > one.attempt || (other.attempt === one.attempt && other.end > one.end) ? other : one
}

/** A refusal is; a server that is away, and a connection that broke, are not. */
function isFinal(error: unknown): boolean {
  return error instanceof CallError && error.status >= 400 && error.status < 500
}

interface Event {
  readonly id: string
  readonly event: string
  readonly data: unknown
}

function field(event: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(event)?.[1] ?? ''
}

interface Followed {
  readonly run: string
  readonly step: string
  readonly item: number | undefined
}

async function* events(client: Client, { run: id, step, item }: Followed): AsyncGenerator<Event> {
  const response = await client.open(pipelinesApi.followLogs, { params: { id, step }, query: { item } })
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of response.body ?? []) {
    rest += decoder.decode(part as Uint8Array, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const event = rest.slice(0, end)
      rest = rest.slice(end + 2)
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data !== undefined) yield { id: field(event, 'id'), event: field(event, 'event'), data: JSON.parse(data) }
    }
  }
}
