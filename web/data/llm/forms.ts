/** What the forms of keys and budgets are filled with, as the server takes it. */
import type { llmBudgetsApi } from '../../../src/contract/llm/budgets.ts'
import type { llmKeysApi } from '../../../src/contract/llm/keys.ts'
import type { Request } from '../../../src/contract/route.ts'

/** Fields of a new key as they were typed. */
export interface KeyForm {
  readonly name: string
  readonly project: string
  /** Names of endpoints with commas between; empty = all of the project. */
  readonly models: string
  readonly rpm: string
  readonly tpm: string
  readonly concurrency: string
  readonly user: string
  readonly team: string
  /** With commas between. */
  readonly tags: string
  readonly content: boolean
  readonly days: string
}

export const EMPTY_KEY: KeyForm = {
  name: '',
  project: '',
  models: '',
  rpm: '',
  tpm: '',
  concurrency: '',
  user: '',
  team: '',
  tags: '',
  content: true,
  days: '',
}

/** What a filled-in form asks for; undefined while it is not complete, or a number is none. */
export function keyAsked(form: KeyForm): NonNullable<Request<typeof llmKeysApi.createLlmKey>['body']> | undefined {
  const numbers = [form.rpm, form.tpm, form.concurrency, form.days].map(wholeOf)
  if (form.name.trim() === '' || numbers.includes(undefined)) return undefined
  const [rpm, tpm, concurrency, expires_in_days] = numbers
  const models = listOf(form.models)
  return {
    name: form.name.trim(),
    ...said('project', form.project),
    ...(models.length > 0 && { models }),
    ...(rpm != null && { rpm }),
    ...(tpm != null && { tpm }),
    ...(concurrency != null && { concurrency }),
    ...said('user', form.user),
    ...said('team', form.team),
    tags: listOf(form.tags),
    content: form.content,
    ...(expires_in_days != null && { expires_in_days }),
  }
}

/** What was expected in place of a number that is none; undefined for one, and for an empty field. */
export function wholeFault(text: string): string | undefined {
  return wholeOf(text) === undefined ? 'a whole number from 1 on, or nothing' : undefined
}

/** Of an empty field null; undefined for what is no whole number from 1 on. */
function wholeOf(text: string): number | null | undefined {
  if (text.trim() === '') return null
  const value = Number(text)
  return Number.isSafeInteger(value) && value >= 1 ? value : undefined
}

/** A field that is sent where it says something. */
export function said<K extends string>(key: K, text: string): { readonly [key in K]?: string } {
  return text.trim() === '' ? {} : ({ [key]: text.trim() } as { readonly [key in K]: string })
}

/** Words with commas between, each once. */
function listOf(text: string): string[] {
  return [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '')
}

/** Of what a budget may be. */
export const SCOPES = ['project', 'key', 'team', 'user', 'tag'] as const
/** Over which time. */
export const WINDOWS = ['day', 'week', 'month', 'total'] as const

/** Fields of a budget as they were typed. */
export interface BudgetForm {
  readonly scope: (typeof SCOPES)[number]
  /** The project that it is of, or whose key, team, user or tag; empty = that of the token. */
  readonly project: string
  /** Id of a key, or a name; not said of a project. */
  readonly of: string
  readonly window: (typeof WINDOWS)[number]
  readonly limit: string
  readonly hard: boolean
}

export const EMPTY_BUDGET: BudgetForm = {
  scope: 'project',
  project: '',
  of: '',
  window: 'month',
  limit: '',
  hard: true,
}

/** What a filled-in form asks for; undefined while it is not complete. */
export function budgetAsked({
  scope,
  project,
  of,
  window,
  limit,
  hard,
}: BudgetForm): NonNullable<Request<typeof llmBudgetsApi.createLlmBudget>['body']> | undefined {
  const name = scope === 'project' ? '' : of.trim()
  if (!isDollars(limit) || (scope !== 'project' && name === '')) return undefined
  return { ...said('project', project), scope, ...(name !== '' && { of: name }), window, limit: limit.trim(), hard }
}

/** What was expected in place of a limit that is none; an empty one is not wrong yet. */
export function dollarsFault(text: string): string | undefined {
  return text.trim() === '' || isDollars(text) ? undefined : 'dollars, as 1200 or 0.5, with at most 9 places'
}

/** Dollars as the server takes them: a decimal ≥ 0 with at most 9 places. */
export function isDollars(text: string): boolean {
  return /^\d{1,7}(\.\d{1,9})?$/.test(text.trim())
}
