/** Translations between dialects: a request to the upstream's, an answer or its stream back to the client's. */
import type { Dialect } from '../../table/llm.ts'
import { readChatAnswer, writeChatAnswer } from './chat-answer.ts'
import { readChatRequest, writeChatRequest } from './chat-request.ts'
import { ChatStreamReader, ChatStreamWriter } from './chat-stream.ts'
import { CompletionsStreamWriter, readCompletionsRequest, writeCompletionsAnswer } from './completions.ts'
import { ConverseStreamReader, readConverseAnswer } from './converse-answer.ts'
import { writeConverseRequest } from './converse-request.ts'
import type { Asked, Json, Pair, StreamTranslator, Translated } from './dialects.ts'
import { Reading } from './fields.ts'
import { readGenerateAnswer, writeGenerateAnswer } from './generate-answer.ts'
import { readGenerateRequest, writeGenerateRequest } from './generate-request.ts'
import { GenerateStreamReader, GenerateStreamWriter } from './generate-stream.ts'
import type { ClientSide, UpstreamSide } from './hub.ts'
import { readMessagesAnswer, writeMessagesAnswer } from './messages-answer.ts'
import { readMessagesRequest, writeMessagesRequest } from './messages-request.ts'
import { MessagesStreamReader, MessagesStreamWriter } from './messages-stream.ts'
import { writeResponsesAnswer } from './responses-answer.ts'
import { readResponsesRequest } from './responses-request.ts'
import { ResponsesStreamWriter } from './responses-stream.ts'

/** Translates one pair of dialects; keeps nothing between calls. */
export interface Translation {
  /**
   * The client's body in the upstream's dialect, with the model where that dialect has it in the body. Throws `invalid_field` for
   * a body that is wrong in its own dialect. A client's stream is told by `stream: true`, for `generate` too.
   */
  request(body: Json, model: string): Translated
  /** The upstream's whole answer in the client's dialect; `lost` names fields of the answer. Throws `upstream_failed` for a body that is no answer. */
  reply(body: Json, asked: Asked): Translated
  /** A translator of one streamed answer. */
  stream(asked: Asked): StreamTranslator
}

const CLIENTS: Readonly<Partial<Record<Dialect, ClientSide>>> = {
  chat: { read: readChatRequest, answer: writeChatAnswer, stream: (asked) => new ChatStreamWriter(asked) },
  completions: {
    read: readCompletionsRequest,
    answer: writeCompletionsAnswer,
    stream: (asked) => new CompletionsStreamWriter(asked),
  },
  responses: {
    read: readResponsesRequest,
    answer: writeResponsesAnswer,
    stream: (asked) => new ResponsesStreamWriter(asked),
  },
  messages: {
    read: readMessagesRequest,
    answer: writeMessagesAnswer,
    stream: (asked) => new MessagesStreamWriter(asked),
  },
  generate: {
    read: readGenerateRequest,
    answer: writeGenerateAnswer,
    stream: (asked) => new GenerateStreamWriter(asked),
  },
}

const UPSTREAMS: Readonly<Partial<Record<Dialect, UpstreamSide>>> = {
  chat: { write: writeChatRequest, answer: readChatAnswer, stream: (asked) => new ChatStreamReader(asked) },
  messages: { write: writeMessagesRequest, answer: readMessagesAnswer, stream: () => new MessagesStreamReader() },
  generate: {
    write: writeGenerateRequest,
    answer: readGenerateAnswer,
    stream: (asked) => new GenerateStreamReader(asked),
  },
  converse: { write: writeConverseRequest, answer: readConverseAnswer, stream: () => new ConverseStreamReader() },
}

/** The translation of a pair; undefined for one that is not translated, as that of a dialect to itself. */
export function pairOf({ client, upstream }: Pair): Translation | undefined {
  const from = CLIENTS[client]
  const to = UPSTREAMS[upstream]
  if (from === undefined || to === undefined || client === upstream) return undefined
  return {
    request: (body, model) => {
      const reading = new Reading('caller')
      return { body: to.write(from.read(body, reading), model, reading), lost: reading.lost() }
    },
    reply: (body, asked) => {
      const reading = new Reading('upstream')
      return { body: from.answer(to.answer(body, reading, asked), asked, reading), lost: reading.lost() }
    },
    stream: (asked) => joined(from, to, asked),
  }
}

function joined(from: ClientSide, to: UpstreamSide, asked: Asked): StreamTranslator {
  const reader = to.stream(asked)
  const writer = from.stream(asked)
  return {
    push: (event) => reader.push(event).flatMap((delta) => writer.push(delta)),
    end: () => [...reader.end().flatMap((delta) => writer.push(delta)), ...writer.end()],
  }
}
