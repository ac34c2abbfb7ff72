/** What of a call decides which model gets it. */
import type { Blocks, Span } from '../upstream/prefixes.ts'
import { blocksOf } from '../upstream/prefixes.ts'
import type { Routed } from '../upstream/policies.ts'
import type { LlmEndpointRoute } from '../../table/llm.ts'
import type { LlmAsk } from './request.ts'

/** Members that make up a prompt, of all dialects, in the order in which providers put them before the model. */
const PROMPT = [
  'tools',
  'functions',
  'toolConfig',
  'system',
  'systemInstruction',
  'system_instruction',
  'instructions',
  'prompt',
  'messages',
  'input',
  'contents',
]

/** What an endpoint's routing looks at; the prompt is read at most once, and only if asked for. */
export function routed({ routing }: LlmEndpointRoute, ask: LlmAsk): Routed {
  let blocks: Blocks | undefined
  return {
    routing,
    stream: ask.stream,
    inputBytes: ask.bytes.length,
    maxOutput: ask.maxOutput,
    blocks: () => (blocks ??= blocksOf(ask.bytes, promptOf(ask))),
  }
}

/** Where the prompt lies in the body. The bracket that closes its last list is no part of it: another turn may come in its place. */
function promptOf({ dialect, members }: LlmAsk): Span[] {
  if (dialect === 'embeddings' || dialect === 'count_tokens') return []
  const spans = PROMPT.flatMap((name) => members.find((member) => member.name === name) ?? [])
  return spans.map((span, i) => (i === spans.length - 1 ? { from: span.from, to: span.to - 1 } : span))
}
