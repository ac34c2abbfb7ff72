/** The events of a stream that is kept, one by one as they were sent, with usage at their end or without. */
import { writeChatUsage } from '../dialects/chat-answer.ts'
import type { Json, StreamEvent } from '../dialects/dialects.ts'
import { SseParser, writeEvent } from '../dialects/events.ts'
import { isObject } from '../dialects/fields.ts'
import { parsedObject } from '../dialects/hub.ts'
import type { Usage } from '../records/record.ts'

/** The bytes of each event, comments too. */
export function piecesOf(stream: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const { index, 0: end } of stream.toString('latin1').matchAll(/\n\r?\n/g)) {
    pieces.push(stream.subarray(at, index + end.length))
    at = index + end.length
  }
  if (at < stream.length) pieces.push(stream.subarray(at))
  return pieces
}

/** What a stream says; one event may lack the empty line behind it, the last. */
export function eventsOf(stream: Buffer): StreamEvent[] {
  const parser = new SseParser()
  return [...parser.push(stream), ...parser.push(BLANK), ...parser.end()]
}

const BLANK = Buffer.from('\n\n')

/** The pieces of OpenAI's chat or completions without the event that tells only usage. */
export function withoutUsage(pieces: readonly Buffer[]): Buffer[] {
  return pieces.filter((piece) => !eventsOf(piece).some(({ data }) => tellsUsage(parsedObject(data))))
}

function tellsUsage(chunk: Json | undefined): boolean {
  const choices = chunk?.['choices']
  return isObject(chunk?.['usage']) && Array.isArray(choices) && choices.length === 0
}

/** The pieces with an event that tells the usage, where OpenAI has it: before the end. */
export function withUsage(pieces: readonly Buffer[], usage: Usage): Buffer[] {
  const said = pieces.map((piece) => eventsOf(piece)[0]?.data)
  const first = said.map((data) => parsedObject(data ?? '')).find((chunk) => chunk?.['id'] !== undefined)
  const names = ['id', 'object', 'created', 'model', 'system_fingerprint']
  const same = Object.fromEntries(names.flatMap((name) => (first?.[name] === undefined ? [] : [[name, first[name]]])))
  const data = JSON.stringify({ ...same, choices: [], usage: writeChatUsage(usage) })
  const end = said.findLastIndex((one) => one?.trim() === '[DONE]')
  return pieces.toSpliced(end < 0 ? pieces.length : end, 0, Buffer.from(writeEvent({ event: null, data })))
}
