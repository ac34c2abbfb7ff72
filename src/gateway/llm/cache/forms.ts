/** Gives a kept answer in the form that is asked for: as it is, or whole for a stream and a stream for a whole, where nothing is lost by it. */
import { isDeepStrictEqual } from 'node:util'
import { Problem } from '../../../contract/errors.ts'
import { readChatAnswer, writeChatAnswer } from '../dialects/chat-answer.ts'
import { ChatStreamReader, ChatStreamWriter } from '../dialects/chat-stream.ts'
import type { Asked, Json } from '../dialects/dialects.ts'
import { writeEvent } from '../dialects/events.ts'
import { Reading } from '../dialects/fields.ts'
import type { ClientSide, UpstreamSide } from '../dialects/hub.ts'
import { parsedObject } from '../dialects/hub.ts'
import { readMessagesAnswer, writeMessagesAnswer } from '../dialects/messages-answer.ts'
import { MessagesStreamReader, MessagesStreamWriter } from '../dialects/messages-stream.ts'
import type { Dialect } from '../../table/llm.ts'
import type { KeptAnswer } from './answers.ts'
import { collected, stepsOf } from './collection.ts'
import type { Shapes } from './shapes.ts'
import { CHAT_SHAPES, MESSAGES_SHAPES } from './shapes.ts'
import { eventsOf, piecesOf, withoutUsage, withUsage } from './stream.ts'

/** The call that an answer is given to. */
export interface Wanted {
  readonly dialect: Dialect
  readonly stream: boolean
  /** True where a stream is to end with its usage. */
  readonly wantsUsage: boolean
  readonly body: Json
  /** Name that the client called. */
  readonly model: string
}

/** An answer to be sent. */
export interface Given {
  /** Content-type. */
  readonly type: string
  /** The body in one piece, or the events of a stream. */
  readonly pieces: readonly Buffer[]
}

/** A dialect that can be read and written in both forms. */
interface Side {
  readonly answer: UpstreamSide['answer']
  readonly write: ClientSide['answer']
  readonly reader: UpstreamSide['stream']
  readonly writer: ClientSide['stream']
  readonly shapes: Shapes
}

const SIDES: Readonly<Partial<Record<Dialect, Side>>> = {
  chat: {
    answer: readChatAnswer,
    write: writeChatAnswer,
    reader: (asked) => new ChatStreamReader(asked),
    writer: (asked) => new ChatStreamWriter(asked),
    shapes: CHAT_SHAPES,
  },
  messages: {
    answer: readMessagesAnswer,
    write: writeMessagesAnswer,
    reader: () => new MessagesStreamReader(),
    writer: (asked) => new MessagesStreamWriter(asked),
    shapes: MESSAGES_SHAPES,
  },
}

/**
 * The answer as the call wants it, byte by byte as it came where that is its form. A stream gets or loses the event that tells its usage, and
 * in another form usage is told in the fields that all providers have. Undefined where the dialect, or what the answer holds, cannot change its form
 * without a loss.
 */
export function given(answer: KeptAnswer, wanted: Wanted): Given | undefined {
  const type = answer.headers['content-type'] ?? ''
  if (wanted.stream !== (answer.form === 'stream')) return changed(answer, wanted)
  if (!wanted.stream) return { type, pieces: [answer.body] }
  const pieces = piecesOf(answer.body)
  if (answer.tellsUsage === wanted.wantsUsage || answer.usage === null) return { type, pieces }
  return { type, pieces: wanted.wantsUsage ? withUsage(pieces, answer.usage) : withoutUsage(pieces) }
}

function changed(answer: KeptAnswer, wanted: Wanted): Given | undefined {
  const side = SIDES[wanted.dialect]
  if (side === undefined) return undefined
  try {
    return wanted.stream ? streamed(answer, side, wanted) : whole(answer, side, wanted)
  } catch (error) {
    // what cannot be read is not given in another form
    if (error instanceof Problem) return undefined
    throw error
  }
}

/** What the answer is written for; it keeps its own model and time. */
function askedOf(head: Json, { at }: KeptAnswer, { body, model }: Wanted): Asked {
  const { id, model: own, created } = head
  return {
    model: typeof own === 'string' ? own : model,
    body,
    id: typeof id === 'string' ? id : '',
    created: typeof created === 'number' ? created : Math.floor(at / 1000),
  }
}

function streamed(answer: KeptAnswer, side: Side, wanted: Wanted): Given | undefined {
  const body = parsedObject(answer.body.toString('utf8'))
  if (body === undefined) return undefined
  const asked = askedOf(body, answer, wanted)
  const reading = new Reading('upstream')
  const read = side.answer(body, reading, asked)
  const steps = stepsOf(read)
  const ends = side.shapes.ends(body)
  const again = side.shapes.ends(side.write(read, asked, reading))
  if (steps === undefined || ends === undefined || !isDeepStrictEqual(ends, again)) return undefined
  if (reading.lost().length > 0) return undefined
  const writer = side.writer(asked)
  const events = [...steps.flatMap((step) => writer.push(step)), ...writer.end()]
  return {
    type: 'text/event-stream; charset=utf-8',
    pieces: events.map((event) => Buffer.from(writeEvent(event))),
  }
}

function whole(answer: KeptAnswer, side: Side, wanted: Wanted): Given | undefined {
  const events = eventsOf(answer.body)
  const ends = side.shapes.streamEnds(events)
  const first = events.map(({ data }) => parsedObject(data)).find((one) => one !== undefined)
  if (ends === undefined || first === undefined) return undefined
  const asked = askedOf(side.shapes.head(first), answer, wanted)
  const reader = side.reader(asked)
  const told = collected([...events.flatMap((event) => reader.push(event)), ...reader.end()])
  if (told === undefined) return undefined
  const reading = new Reading('upstream')
  const body = side.write({ ...told, usage: told.usage ?? answer.usage }, asked, reading)
  if (reading.lost().length > 0 || !isDeepStrictEqual(ends, side.shapes.ends(body))) return undefined
  return { type: 'application/json', pieces: [Buffer.from(JSON.stringify(body))] }
}
