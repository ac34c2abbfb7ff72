/** Prompts, which MLflow's clients keep as models with tags: their templates, variables and kinds. */
import { queryOptions } from '@tanstack/react-query'
import { ask } from '../mlflow.ts'

type Tags = Readonly<Record<string, string>>

export function isPrompt(tags: Tags): boolean {
  return tags['mlflow.prompt.is_prompt'] === 'true'
}

/** Tags that tell what a prompt is, told elsewhere on its page. */
export function isPromptsOwn(key: string): boolean {
  return key.startsWith('mlflow.prompt.') || key.startsWith('_mlflow_')
}

/** The template as text; of a chat each message below its role, as it is where it holds no messages. */
export function templateOf(tags: Tags): string {
  const text = tags['mlflow.prompt.text'] ?? ''
  if (tags['_mlflow_prompt_type'] !== 'chat') return text
  const messages = messagesOf(text)
  return messages === undefined ? text : messages.map(({ role, content }) => `[${role}]\n${said(content)}`).join('\n\n')
}

interface Message {
  readonly role: string
  readonly content: unknown
}

/** The messages of a chat; undefined where the text holds anything else. */
function messagesOf(text: string): readonly Message[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every(isMessage) ? value : undefined
  } catch {
    return undefined
  }
}

function isMessage(value: unknown): value is Message {
  return (
    typeof value === 'object' &&
    value !== null &&
    'role' in value &&
    typeof value.role === 'string' &&
    'content' in value
  )
}

function said(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content, null, 2)
}

/** Names between double braces, in their order, each once. */
export function variablesOf(template: string): string[] {
  return [...new Set([...template.matchAll(/\{\{\s*([\w.]+)\s*\}\}/g)].map((match) => match[1] ?? ''))]
}

export interface ListedPrompt {
  readonly name: string
  readonly description?: string
  readonly last_updated_timestamp: number
  readonly latest_versions?: readonly { readonly version: string; readonly description?: string }[]
  readonly aliases?: readonly { readonly alias: string; readonly version: string }[]
}

interface Found {
  readonly registered_models?: readonly ListedPrompt[]
  readonly next_page_token?: string
}

const MOST = 1000

export const prompts = queryOptions({
  queryKey: ['models', 'prompts'],
  queryFn: async ({ signal }) => {
    const found = await ask<Found>(
      'registered-models/search',
      { filter: "tags.`mlflow.prompt.is_prompt` = 'true'", max_results: String(MOST), order_by: 'name ASC' },
      signal,
    )
    return { items: found.registered_models ?? [] }
  },
})
