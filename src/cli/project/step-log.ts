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

/** The texts of all attempts of a step in their order, until the step has ended. Throws CallError when the server stays away. */
export async function* followStep(client: Client, run: string, step: string): AsyncGenerator<string> {
  let at: Piece | undefined
  for (let lost = 0; ;) {
    try {
      for await (const { event, data } of events(client, run, step)) {
        if (event === 'end') return
        lost = 0
        if (event !== 'log') continue
        const piece = data as Piece
        // a stream that was opened anew begins with what was told before
        if (at !== undefined && isBefore(piece, at)) continue
        at = piece
        yield piece.text
      }
    } catch (error) {
      if (isFinal(error) || ++lost > TRIES) throw error
    }
    await wait(PAUSE_MS)
  }
}

function isBefore(piece: Piece, last: Piece): boolean {
  return piece.attempt < last.attempt || (piece.attempt === last.attempt && piece.offset <= last.offset)
}

/** A refusal is; a server that is away, and a connection that broke, are not. */
function isFinal(error: unknown): boolean {
  return error instanceof CallError && error.status >= 400 && error.status < 500
}

async function* events(client: Client, id: string, step: string): AsyncGenerator<{ event: string; data: unknown }> {
  const response = await client.open(pipelinesApi.followLogs, { params: { id, step } })
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of response.body ?? []) {
    rest += decoder.decode(part as Uint8Array, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const event = rest.slice(0, end)
      rest = rest.slice(end + 2)
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data !== undefined) yield { event: /^event: (.*)$/m.exec(event)?.[1] ?? '', data: JSON.parse(data) }
    }
  }
}
