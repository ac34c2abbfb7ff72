/** The paths at which language models are called, each with the dialect that is spoken there. */
import { decode } from '../http/targets.ts'
import type { Named } from './calls/request.ts'
import type { Dialect } from '../table/llm.ts'

export interface LlmPath {
  /** Null = the body shows it. */
  readonly dialect: Dialect | null
  /** Where the path names the model. */
  readonly named?: Named
}

/** OpenAI's and Anthropic's own paths, and those of MLflow's gateway that pass a dialect through. */
const FIXED: ReadonlyMap<string, Dialect> = new Map([
  ['/v1/chat/completions', 'chat'],
  ['/v1/completions', 'completions'],
  ['/v1/responses', 'responses'],
  ['/v1/embeddings', 'embeddings'],
  ['/v1/messages', 'messages'],
  ['/v1/messages/count_tokens', 'count_tokens'],
  ['/gateway/mlflow/v1/chat/completions', 'chat'],
  ['/gateway/mlflow/v1/embeddings', 'embeddings'],
  ['/gateway/openai/v1/chat/completions', 'chat'],
  ['/gateway/openai/v1/embeddings', 'embeddings'],
  ['/gateway/openai/v1/responses', 'responses'],
  ['/gateway/anthropic/v1/messages', 'messages'],
])

/** Google's clients call version `v1beta` or, since 2026, `v1`. */
const GEMINI = /^\/(?:gateway\/gemini\/)?v1(?:beta)?\/models\/([^/:]+):(generateContent|streamGenerateContent)$/
/** MLflow's path that tells the form of a call by its body. */
const INVOCATIONS = /^\/gateway\/([^/]+)\/mlflow\/invocations$/

/** What a path calls; undefined for one that calls no language model. Throws `bad_request` for wrong percent-encoding. */
export function llmPath(path: string): LlmPath | undefined {
  const fixed = FIXED.get(path)
  if (fixed !== undefined) return { dialect: fixed }
  if (!path.endsWith('enerateContent') && !path.startsWith('/gateway/')) return undefined
  const gemini = GEMINI.exec(path)
  if (gemini !== null) {
    const [, model = '', action] = gemini
    return { dialect: 'generate', named: { model: decode(model), stream: action === 'streamGenerateContent' } }
  }
  const invoked = INVOCATIONS.exec(path)
  return invoked === null ? undefined : { dialect: null, named: { model: decode(invoked[1] ?? '') } }
}
