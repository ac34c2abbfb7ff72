/** What every act of the demo of language models works with: server, models, the official client, and what was made by the acts before. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Client } from '../../../../client/client.ts'
import { llmCallsApi } from '../../../../contract/llm-calls.ts'
import type { LlmCall, LlmCallDetail } from '../../../../contract/llm-calls.ts'
import type { Output } from '../../../invocation/output.ts'
import { until } from '../../stage/world.ts'
import type { ModelProcess } from '../model/process.ts'

/** What the model is called at its providers. */
export const MODEL_NAME = 'gemma-3-270m'
/** The endpoint of the story: what clients put into `model`. */
export const ENDPOINT = 'chat'
/** Prices of the story, nanodollars a token: $1 and $2 a million. */
export const PRICE = { input: 1000, output: 2000 } as const

export interface LlmWorld {
  readonly out: Output
  readonly client: Client
  readonly gatewayUrl: string
  /** The provider that is called first, and the one that it falls back to: the same model in two processes. */
  readonly models: { readonly near: ModelProcess; readonly spare: ModelProcess }
  /** Makes official clients of OpenAI. */
  readonly openai: OpenAiModule
  /** The text of the story's key, once the first act has made it. */
  key: string
}

/** A key of the story. Throws before the first act has made it. */
export function keyOf({ key }: LlmWorld): string {
  if (key === '') throw new Error('there is no key before the first act')
  return key
}

/** What is used of the package `openai`, which is installed beside the model and is no dependency of the project. */
export interface OpenAiModule {
  readonly OpenAI: new (options: { baseURL: string; apiKey: string; maxRetries: number }) => OpenAi
}

interface OpenAi {
  readonly chat: { readonly completions: { create: Create<ChatBody, ChatChunk, Chat> } }
  readonly completions: { create: Create<CompletionBody, Chunk, unknown> }
}

type Common = {
  readonly model: string
  readonly max_tokens: number
  readonly temperature: 0
}
type ChatBody = Common & { readonly messages: readonly { readonly role: 'user'; readonly content: string }[] }
type CompletionBody = Common & { readonly prompt: string }
type Streamed = { readonly stream: true; readonly stream_options?: { readonly include_usage: true } }

/** A stream, or the whole. */
interface Create<Body, Piece, Whole> {
  (body: Body & Streamed): Promise<AsyncIterable<Piece>>
  (body: Body): Promise<Whole>
}

interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
}
interface ChatChunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
  readonly usage?: Usage | null
}
interface Chunk {
  readonly choices: readonly { readonly text: string }[]
}
interface Chat {
  readonly choices: readonly { readonly message: { readonly content: string | null } }[]
  readonly usage?: Usage
}

/** Loads the official client from where it was installed. */
export async function loadOpenAi(folder: string): Promise<OpenAiModule> {
  return (await import(pathToFileURL(join(folder, 'node_modules/openai/index.mjs')).href)) as OpenAiModule
}

/** The official client of the gateway, with a key of it. It does not try again by itself, so that every failure is seen. */
export function through(world: LlmWorld, apiKey = keyOf(world)): OpenAi {
  return new world.openai.OpenAI({ baseURL: `${world.gatewayUrl}/v1`, apiKey, maxRetries: 0 })
}

/** The official client of a model, past the gateway. */
export function directly(world: LlmWorld, model: ModelProcess): OpenAi {
  return new world.openai.OpenAI({ baseURL: `${model.url}/v1`, apiKey: 'none', maxRetries: 0 })
}

/** The body of a chat; always the likeliest token, so that the same is answered each time. */
export function chatBody(content: string, most: number, model = ENDPOINT): ChatBody {
  return { model, max_tokens: most, temperature: 0, messages: [{ role: 'user', content }] }
}

/** Calls of the log since a time, newest first, once there are so many that satisfy `fits`. */
export async function callsSince(
  world: LlmWorld,
  since: string,
  count: number,
  fits: (call: LlmCall) => boolean = () => true,
): Promise<LlmCall[]> {
  return until(`${count} calls in the log`, async () => {
    const { items } = await world.client.call(llmCallsApi.listLlmCalls, { query: { since, limit: 200 } })
    const found = items.filter(fits)
    return found.length >= count ? found : undefined
  })
}

/** All that is kept of a call. */
export function detailOf(world: LlmWorld, { id }: LlmCall): Promise<LlmCallDetail> {
  return world.client.call(llmCallsApi.getLlmCall, { params: { id } })
}

/** What a call costs by its tokens and the story's price, nanodollars. */
export function priceOf({ tokens }: LlmCall): number {
  return (tokens.input ?? Number.NaN) * PRICE.input + (tokens.output ?? Number.NaN) * PRICE.output
}

/** Nanodollars as dollars, every digit. */
export function dollarsText(nanodollars: number): string {
  return `$${(nanodollars / 1e9).toFixed(9)}`
}
