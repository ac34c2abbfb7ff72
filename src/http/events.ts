/** Server-sent events: an async iterable of events as a streamed reply, with comments that keep the connection alive. */
import { Readable } from 'node:stream'
import { Raw } from './mount.ts'

/** One event; `id` comes back as Last-Event-ID when a client reconnects. */
export interface ServerEvent {
  readonly id?: string
  readonly event?: string
  readonly data: unknown
}

const KEEP_ALIVE_MS = 15_000

/** Streams events until the source ends or the caller goes away. */
export function events(source: AsyncIterable<ServerEvent>, signal: AbortSignal): Raw {
  const stream = new Readable({ read: () => undefined })
  const beat = setInterval(() => stream.push(': beat\n\n'), KEEP_ALIVE_MS)
  const stop = (): void => {
    clearInterval(beat)
    if (!stream.destroyed) stream.push(null)
  }
  signal.addEventListener('abort', stop, { once: true })
  stream.push(': open\n\n')
  void pump(source, stream, signal).then(stop, (error: unknown) => {
    clearInterval(beat)
    stream.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  return new Raw(
    200,
    { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    stream,
  )
}

/** The same once the first event is there, so that a fault before it is an answer in words and no stream that breaks off. */
export async function eventsFromFirst(source: AsyncGenerator<ServerEvent>, signal: AbortSignal): Promise<Raw> {
  const first = await source.next()
  return events(first.done === true ? source : beginningWith(first.value, source), signal)
}

async function* beginningWith(first: ServerEvent, rest: AsyncGenerator<ServerEvent>): AsyncGenerator<ServerEvent> {
  try {
    yield first
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

async function pump(source: AsyncIterable<ServerEvent>, stream: Readable, signal: AbortSignal): Promise<void> {
  for await (const event of source) {
    if (signal.aborted) return
    stream.push(encode(event))
  }
}

function encode(event: ServerEvent): string {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`
  const name = event.event === undefined ? '' : `event: ${event.event}\n`
  return `${id}${name}data: ${JSON.stringify(event.data)}\n\n`
}
