/** How the model server answers: the objects of OpenAI's API, whole or as a stream. */
import type { ServerResponse } from 'node:http'
import type { Ended } from './engine.ts'
import type { Wanted } from './body.ts'

/** One answer while it is written. */
export interface Answer {
  readonly piece: (text: string) => void
  /** Writes what is left, with how many tokens prompt and answer had. */
  readonly end: (promptTokens: number, ended: Ended) => void
}

/** An answer to a chat or a completion. */
export function answerOf(response: ServerResponse, wanted: Wanted, chat: boolean, id: string): Answer {
  const base = { id, created: Math.floor(Date.now() / 1000), model: wanted.model }
  return wanted.stream ? streamed(response, wanted, chat, base) : whole(response, chat, base)
}

/** An error as OpenAI's API has it. */
export function refuse(response: ServerResponse, status: number, message: string, code: string | null): void {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  sendJson(response, status, { error: { message, type, param: null, code } })
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

type Base = Readonly<Record<'id' | 'model', string>> & { readonly created: number }

function whole(response: ServerResponse, chat: boolean, base: Base): Answer {
  let said = ''
  return {
    piece: (text) => (said += text),
    end: (prompt, ended) =>
      sendJson(response, 200, {
        ...base,
        object: chat ? 'chat.completion' : 'text_completion',
        choices: [
          {
            index: 0,
            ...(chat ? { message: { role: 'assistant', content: said } } : { text: said }),
            logprobs: null,
            finish_reason: ended.finish,
          },
        ],
        usage: usageOf(prompt, ended),
      }),
  }
}

function streamed(response: ServerResponse, { usage }: Wanted, chat: boolean, base: Base): Answer {
  const object = chat ? 'chat.completion.chunk' : 'text_completion'
  let begun = false
  const put = (choices: readonly unknown[], more = {}): void => {
    if (!begun) response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    begun = true
    response.write(`data: ${JSON.stringify({ ...base, object, choices, ...more })}\n\n`)
  }
  const choice = (text: string, finish_reason: Ended['finish'] | null): unknown => ({
    index: 0,
    ...(chat ? { delta: deltaOf(text, begun) } : { text }),
    finish_reason,
  })
  return {
    piece: (text) => put([choice(text, null)]),
    end: (prompt, ended) => {
      put([choice('', ended.finish)])
      if (usage) put([], { usage: usageOf(prompt, ended) })
      response.end('data: [DONE]\n\n')
    },
  }
}

function deltaOf(content: string, begun: boolean): unknown {
  return begun ? (content === '' ? {} : { content }) : { role: 'assistant', content }
}

function usageOf(prompt: number, { tokens }: Ended): Record<string, number> {
  return { prompt_tokens: prompt, completion_tokens: tokens, total_tokens: prompt + tokens }
}
