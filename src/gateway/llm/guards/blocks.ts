/** Server-sent events as they stand in a stream, so that the data of one can be changed and the rest of it stays as it came. */
import { problem } from '../../../contract/errors.ts'
import { writeEvent } from '../dialects/events.ts'

/** What stands between two empty lines. */
export interface Block {
  /** All of it, the empty line behind it too. */
  readonly raw: string
  readonly event: string | null
  /** Null = it has none, as a comment has. */
  readonly data: string | null
  /** Where the data stand; -1 = on several lines. */
  readonly from: number
}

/** Longest block, characters. */
const LARGEST = 8 * 1024 * 1024
const EMPTY_LINE = /\r\n\r\n|\n\n|\r\r|\n\r\n/g
const DATA = /(?:^|[\r\n])data:[ ]?([^\r\n]*)/g
const EVENT = /(?:^|[\r\n])event:[ ]?([^\r\n]*)/

/** Cuts a stream into blocks. */
export class Blocks {
  readonly #decoder = new TextDecoder()
  #rest = ''

  /** The blocks that the bytes end. Throws `upstream_failed` for one of more than 8 MiB. */
  push(bytes: Uint8Array): Block[] {
    const before = this.#rest.length
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true })
    const blocks: Block[] = []
    let at = 0
    EMPTY_LINE.lastIndex = Math.max(0, before - 3)
    for (let end = EMPTY_LINE.exec(text); end !== null; end = EMPTY_LINE.exec(text)) {
      blocks.push(blockOf(text.slice(at, EMPTY_LINE.lastIndex)))
      at = EMPTY_LINE.lastIndex
    }
    this.#rest = text.slice(at)
    if (this.#rest.length > LARGEST) {
      const detail = `an event of its stream is larger than ${LARGEST}`
      throw problem('upstream_failed', { what: 'the provider', detail })
    }
    return blocks
  }

  /** What is left at the end: an event that lacks the empty line behind it. */
  end(): Block[] {
    const rest = this.#rest + this.#decoder.decode()
    this.#rest = ''
    return rest === '' ? [] : [blockOf(rest)]
  }
}

function blockOf(raw: string): Block {
  const event = EVENT.exec(raw)?.[1] || null
  const lines = [...raw.matchAll(DATA)]
  const [first, second] = lines
  if (first === undefined) return { raw, event, data: null, from: -1 }
  if (second !== undefined) return { raw, event, data: lines.map(([, line = '']) => line).join('\n'), from: -1 }
  const [whole, data = ''] = first
  return { raw, event, data, from: first.index + whole.length - data.length }
}

/** A block with other data. */
export function withData(block: Block, data: string): string {
  if (data === block.data) return block.raw
  if (block.from < 0 || /[\r\n]/.test(data)) return writeEvent({ event: block.event, data })
  return block.raw.slice(0, block.from) + data + block.raw.slice(block.from + (block.data?.length ?? 0))
}
