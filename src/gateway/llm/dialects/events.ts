/** Server-sent events, read as they come and written, after WHATWG HTML section 9.2. */
import { problem } from '../../../contract/errors.ts'
import type { StreamEvent } from './dialects.ts'

/** Longest event in characters; no provider comes near it. */
const LARGEST = 8 * 1024 * 1024

/** Reads a stream of events from chunks that are cut anywhere. Throws `upstream_failed` for an event of more than 8 MiB. */
export class SseParser {
  private readonly decoder = new TextDecoder()
  /** Beginning of a line whose end has not come. */
  private line = ''
  private data: string[] = []
  private size = 0
  private event: string | null = null
  /** True = the text before ended with CR, so that a LF now belongs to it. */
  private afterReturn = false

  /** Events that the bytes end. */
  push(bytes: Uint8Array): StreamEvent[] {
    return this.feed(this.decoder.decode(bytes, { stream: true }))
  }

  /** Events at the end of the stream; one without the empty line behind it never came whole, and is dropped. */
  end(): StreamEvent[] {
    return this.feed(this.decoder.decode())
  }

  private feed(text: string): StreamEvent[] {
    const found: StreamEvent[] = []
    let at = 0
    if (this.afterReturn && text !== '') {
      this.afterReturn = false
      if (text.startsWith('\n')) at = 1
    }
    const ends = /\r\n|\r|\n/g
    ends.lastIndex = at
    for (let match = ends.exec(text); match !== null; match = ends.exec(text)) {
      const line = this.line + text.slice(at, match.index)
      this.line = ''
      at = ends.lastIndex
      this.afterReturn = match[0] === '\r' && at === text.length
      const event = this.take(line)
      if (event !== undefined) found.push(event)
    }
    this.line += text.slice(at)
    if (this.size + this.line.length > LARGEST) throw tooLarge()
    return found
  }

  /** Takes one line; gives the event that an empty one ends. */
  private take(line: string): StreamEvent | undefined {
    if (line === '') return this.dispatch()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const start = line[colon + 1] === ' ' ? colon + 2 : colon + 1
    const value = colon < 0 ? '' : line.slice(start)
    if (field === 'event') this.event = value
    if (field !== 'data') return undefined
    this.size += value.length + 1
    if (this.size > LARGEST) throw tooLarge()
    this.data.push(value)
    return undefined
  }

  private dispatch(): StreamEvent | undefined {
    const { data, event } = this
    this.data = []
    this.size = 0
    this.event = null
    return data.length === 0 ? undefined : { event: event || null, data: data.join('\n') }
  }
}

function tooLarge(): Error {
  return problem('upstream_failed', {
    what: 'the provider',
    detail: `an event of its stream is larger than ${LARGEST}`,
  })
}

/** Text of an event as it goes over the wire, the empty line behind it too. */
export function writeEvent({ event, data }: StreamEvent): string {
  const name = event === null ? '' : `event: ${event.replaceAll(/[\r\n]/g, ' ')}\n`
  return `${name}data: ${data.replaceAll(/\r\n|\r|\n/g, '\ndata: ')}\n\n`
}
