/** What the model server takes: chats and completions as OpenAI's API has them, with the fields that a small model understands. */
import { z } from 'zod'
import { CONTEXT } from './engine.ts'
import type { Asked } from './engine.ts'

/** Tokens of an answer where none are asked for. */
const DEFAULT_MOST = 64

const part = z.object({ type: z.literal('text'), text: z.string() })
const most = z.number().int().min(1).nullish()

const common = {
  model: z.string(),
  max_tokens: most,
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
}

const Chat = z.object({
  ...common,
  max_completion_tokens: most,
  messages: z.array(z.object({ role: z.string(), content: z.union([z.string(), z.array(part)]).nullish() })).min(1),
})
const Completion = z.object({ ...common, prompt: z.string().min(1) })

/** A body that was understood. */
export interface Wanted {
  readonly asked: Asked
  readonly model: string
  readonly stream: boolean
  readonly usage: boolean
}

/** What is wrong with a body, for the caller. */
export class BadBody extends Error {
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

/** Reads a body. The likeliest token is taken where no temperature is given. Throws BadBody. */
export function readBody(text: string, chat: boolean): Wanted {
  const body = parsed(text)
  return chat ? ofChat(checked(Chat, body)) : ofCompletion(checked(Completion, body))
}

/** Throws BadBody where prompt and answer do not fit into the context. */
export function checkLength(tokens: number, { most: answer }: Asked): void {
  if (tokens + answer > CONTEXT)
    throw new BadBody(
      `this model's maximum context length is ${CONTEXT} tokens; ${tokens} of the prompt and ${answer} of the answer were asked for`,
      'context_length_exceeded',
    )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new BadBody(`the body is no JSON: ${(error as Error).message}`, 'invalid_json')
  }
}

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body)
  if (success) return data
  const [issue] = error.issues
  throw new BadBody(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`, 'invalid_value')
}

/** The model has seen no chats: they are written for it as a conversation, which ends where the user would speak again. */
function ofChat(body: z.output<typeof Chat>): Wanted {
  const lines = body.messages.map(({ role, content }) => `${role}: ${textOf(content)}\n`)
  const wanted = wantedOf(body, `${lines.join('')}assistant:`, body.max_completion_tokens)
  return { ...wanted, asked: { ...wanted.asked, stop: [...wanted.asked.stop, '\nuser:'] } }
}

function textOf(content: z.output<typeof Chat>['messages'][number]['content']): string {
  if (typeof content === 'string') return content
  return (content ?? []).map(({ text }) => text).join('')
}

function ofCompletion(body: z.output<typeof Completion>): Wanted {
  return wantedOf(body, body.prompt, null)
}

function wantedOf(
  body: z.output<typeof Completion> | z.output<typeof Chat>,
  prompt: string,
  newer: number | null | undefined,
): Wanted {
  return {
    model: body.model,
    stream: body.stream ?? false,
    usage: body.stream_options?.include_usage ?? false,
    asked: {
      prompt,
      most: newer ?? body.max_tokens ?? DEFAULT_MOST,
      temperature: body.temperature ?? 0,
      topP: body.top_p ?? undefined,
      seed: body.seed ?? undefined,
      stop: [body.stop ?? []].flat(),
    },
  }
}
