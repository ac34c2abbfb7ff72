/** What models, versions, aliases, tags and stages may be called on MLflow's wire, with its texts. */
import { checkKey, checkLength } from '../../mlflow/limits.ts'
import { invalidValue, missingValue } from '../../mlflow/input.ts'
import { invalid } from '../../mlflow/wire.ts'

/** Marks a registered model that holds the versions of a prompt. */
export const PROMPT_TAG = 'mlflow.prompt.is_prompt'
const PROMPT_TEXT_TAG = 'mlflow.prompt.text'
/** Prompts are named more strictly than models. */
const PROMPT_NAME = /^[a-zA-Z0-9_.-]+$/

const LONGEST = { name: 256, key: 250, value: 100_000, alias: 255, description: 5000 } as const

/** MLflow's stages by their lower-case names. */
const STAGES = new Map(['None', 'Staging', 'Production', 'Archived'].map((stage) => [stage.toLowerCase(), stage]))
const ACTIVE_STAGES = ['Staging', 'Production']

/** Refuses an empty name, one with `/`, `:` or control characters, and one that a file system would take for another. */
export function checkModelName(name: string, field = 'name'): void {
  if (name.trim() === '') throw invalid(missingValue(field))
  if (/[/:]/.test(name)) throw invalid(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`)
  if (name === '.' || name === '..' || /\p{Cc}/u.test(name)) {
    const rule = `Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '${name}'`
    throw invalid(invalidValue(field, name, rule))
  }
  checkLength(name, field, LONGEST.name)
}

/** Refuses the name of a prompt that its URI could not hold. */
export function checkPromptName(name: string): void {
  if (PROMPT_NAME.test(name)) return
  throw invalid(invalidValue('name', name, 'Prompt names hold letters, digits, underscores, hyphens and dots only'))
}

/** A version number as it is sent. */
export function versionNumber(given: string): number {
  const number = Number(given)
  if (!/^\s*[+-]?\d+\s*$/.test(given) || !Number.isSafeInteger(number)) {
    throw invalid(`Parameter 'version' must be an integer, got '${given}'.`)
  }
  return number
}

/** Refuses an alias of other characters than letters, digits, `_` and `-`, and one of more than 255. */
export function checkAlias(alias: string): void {
  if (!/^[\p{L}\p{N}_-]*$/u.test(alias)) {
    throw invalid(
      `Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    )
  }
  checkLength(alias, 'Registered model alias name', LONGEST.alias)
}

/** Refuses an alias that always means something else: `latest` and `v3`. */
export function checkNewAlias(alias: string): void {
  checkAlias(alias)
  if (alias.toLowerCase() === 'latest') throw invalid("'latest' alias name (case insensitive) is reserved.")
  if (/^v\d+$/i.test(alias)) throw invalid(`Version alias name '${alias}' is reserved.`)
}

/** Refuses a tag whose key or value is not allowed. */
export function checkTag(key: string, value: string): void {
  checkKey(key, 'key', 'key')
  if (key === PROMPT_TEXT_TAG && value.length > LONGEST.value) {
    throw invalid(`Prompt text exceeds max length of ${LONGEST.value} characters.`)
  }
  checkLength(value, 'value', LONGEST.value)
}

/** Refuses text that is longer than a description may be. */
export function checkDescription(description: string | undefined): void {
  checkLength(description, 'description', LONGEST.description)
}

/** The stage in its one spelling. */
export function stageOf(given: string): string {
  const stage = STAGES.get(given.toLowerCase())
  if (stage !== undefined) return stage
  throw invalid(`Invalid Model Version stage: ${given}. Value must be one of ${[...STAGES.values()].join(', ')}.`)
}

/** Refuses to archive the other versions of a stage in which several may be. */
export function checkArchiving(stage: string): void {
  if (ACTIVE_STAGES.includes(stage)) return
  throw invalid(
    `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. ` +
      `Valid stages are ['${ACTIVE_STAGES.join("', '")}']`,
  )
}
