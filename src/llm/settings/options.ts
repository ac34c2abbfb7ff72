/** What is set of an endpoint beside its models, as its row keeps it: routing, cache and guardrails. */
import { may, permits } from '../../contract/access.ts'
import type { Principal } from '../../contract/access.ts'
import { LlmOptions } from '../../contract/llm/options.ts'
import type { LlmGuardrail } from '../../contract/llm/options.ts'
import { maskedUrl } from '../../contract/secrets/addresses.ts'
import type { EndpointRow } from './endpoints.ts'

/** Options that are given; what is undefined stays as it was. */
export type OptionsGiven = { readonly [K in keyof LlmOptions]?: LlmOptions[K] | undefined }

/** Why an endpoint with options that `optionsOf` cannot read is not answered: without its guardrails it must not be. */
export const UNREAD_OPTIONS =
  'its options are those of another version of Slipway; set routing, cache and guardrails again'

/** The options of an endpoint; undefined where this version does not understand them. */
export function optionsOf({ options }: Pick<EndpointRow, 'options'>): LlmOptions | undefined {
  const read = LlmOptions.safeParse(options === null ? {} : JSON.parse(options))
  return read.success ? read.data : undefined
}

/** The column of changed options; null = all as by default. */
export function optionsText(before: LlmOptions, given: OptionsGiven): string | null {
  const { routing = before.routing, cache = before.cache, guardrails = before.guardrails } = given
  const isDefault = routing === 'weighted' && cache === null && guardrails.length === 0
  return isDefault ? null : JSON.stringify({ routing, cache, guardrails })
}

/** Guardrails as they are listed: of the address of a hook, which may hold a secret, its host alone to who may not write endpoints. */
export function shownGuardrails(who: Principal, guardrails: readonly LlmGuardrail[]): readonly LlmGuardrail[] {
  if (permits(who, may('write', 'endpoints'))) return guardrails
  return guardrails.map((one) => (one.kind === 'hook' ? { ...one, url: maskedUrl(one.url) } : one))
}

/** Hosts that texts of calls are sent to, each once. */
export function hookHosts(guardrails: readonly LlmGuardrail[]): string[] {
  return [...new Set(guardrails.flatMap((one) => (one.kind === 'hook' ? [new URL(one.url).host] : [])))]
}
