/** What webhooks are told: MLflow's entities and actions, which of them go together, and an example of each for test calls. */
import { invalidValue } from '../../mlflow/input.ts'
import { invalid } from '../../mlflow/wire.ts'

/** MLflow's enums by their wire names. */
export const ENTITIES = {
  ENTITY_UNSPECIFIED: 0,
  REGISTERED_MODEL: 1,
  MODEL_VERSION: 2,
  MODEL_VERSION_TAG: 3,
  MODEL_VERSION_ALIAS: 4,
  PROMPT: 5,
  PROMPT_VERSION: 6,
  PROMPT_TAG: 7,
  PROMPT_VERSION_TAG: 8,
  PROMPT_ALIAS: 9,
  BUDGET_POLICY: 10,
} as const
export const ACTIONS = { ACTION_UNSPECIFIED: 0, CREATED: 1, UPDATED: 2, DELETED: 3, SET: 4, EXCEEDED: 5 } as const
export const STATUSES = { ACTIVE: 1, DISABLED: 2 } as const

export type Entity = Exclude<keyof typeof ENTITIES, 'ENTITY_UNSPECIFIED'>
export type Action = Exclude<keyof typeof ACTIONS, 'ACTION_UNSPECIFIED'>
export type Status = keyof typeof STATUSES

/** One kind of change. */
export interface WebhookEvent {
  readonly entity: Entity
  readonly action: Action
}

const ALLOWED: Record<Entity, readonly Action[]> = {
  REGISTERED_MODEL: ['CREATED'],
  MODEL_VERSION: ['CREATED'],
  MODEL_VERSION_TAG: ['DELETED', 'SET'],
  MODEL_VERSION_ALIAS: ['CREATED', 'DELETED'],
  PROMPT: ['CREATED'],
  PROMPT_VERSION: ['CREATED'],
  PROMPT_TAG: ['DELETED', 'SET'],
  PROMPT_VERSION_TAG: ['DELETED', 'SET'],
  PROMPT_ALIAS: ['CREATED', 'DELETED'],
  BUDGET_POLICY: ['EXCEEDED'],
}

/** Refuses an entity that has no such action. */
export function checkEvent(
  given: { readonly entity: keyof typeof ENTITIES; readonly action: keyof typeof ACTIONS },
  path: string,
): WebhookEvent {
  const { entity, action } = given
  if (entity === 'ENTITY_UNSPECIFIED') throw invalid(invalidValue(`${path}.entity`, entity))
  const allowed = ALLOWED[entity]
  if (!allowed.some((one) => one === action)) {
    throw invalid(
      `Invalid action '${action}' for entity '${entity}'. Valid actions are: ${allowed.join(', ').toLowerCase()}`,
    )
  }
  return { entity, action: action as Action }
}

const EXAMPLE_BUDGET = {
  budget_policy_id: 'b-0123456789abcdef',
  budget_unit: 'USD',
  budget_amount: 100,
  current_spend: 80.5,
  duration_unit: 'MONTHS',
  duration_value: 1,
  target_scope: 'WORKSPACE',
  target_value: null,
  workspace: 'default',
  window_start: 1_767_225_600_000,
  part: 0.8,
  hard: true,
}

/** The `data` of a test call for a kind of change. */
export function exampleOf({ entity, action }: WebhookEvent): Record<string, unknown> {
  if (entity === 'BUDGET_POLICY') return EXAMPLE_BUDGET
  const prompt = entity.startsWith('PROMPT')
  const name = prompt ? 'example_prompt' : 'example_model'
  const tags = { example_key: 'example_value' }
  const version =
    entity.includes('VERSION') || (entity === 'PROMPT_ALIAS' && action === 'CREATED') ? { version: '1' } : {}
  if (entity.endsWith('_TAG')) {
    return { name, ...version, key: 'example_key', ...(action === 'SET' && { value: 'example_value' }) }
  }
  if (entity.endsWith('_ALIAS')) {
    return { name, alias: 'example_alias', ...(action === 'CREATED' && { version: '1' }) }
  }
  if (entity === 'REGISTERED_MODEL') return { name, tags, description: 'An example registered model' }
  if (entity === 'PROMPT') return { name, tags, description: 'An example prompt' }
  if (entity === 'PROMPT_VERSION') {
    return { name, ...version, template: 'Hello {{name}}!', tags, description: 'An example prompt version' }
  }
  const from = { source: 'models:/123', run_id: 'abcd1234abcd5678' }
  return { name, ...version, ...from, tags, description: 'An example model version' }
}

/** The body of a delivery: what happened, when (ms since 1970), and to what. */
export function bodyOf(event: WebhookEvent, at: number, data: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    entity: event.entity.toLowerCase(),
    action: event.action.toLowerCase(),
    timestamp: new Date(at).toISOString(),
    data,
  })
}
