/** Flags of `slipway llm endpoints` that say more than models: routing, cache, guardrails from a file; and how these are listed. */
import { LineCounter } from 'yaml'
import type { Document } from 'yaml'
import { readUserText } from '../../contract/absence/user-file.ts'
import { LLM_ROUTINGS } from '../../contract/llm/options.ts'
import type { LlmRouting } from '../../contract/llm/options.ts'
import type { EndpointChange, LlmEndpoint } from '../../contract/llm/providers.ts'
import { composeYaml } from '../../contract/values/yaml.ts'
import { parseDuration } from '../../pipelines/spec/values/units.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'

type Options = Pick<EndpointChange, 'routing' | 'cache' | 'guardrails'>

/** Most that is read of a file of guardrails, bytes. */
const LARGEST = 1024 * 1024

/** What is said of options; what no flag says is absent. Throws UsageError. */
export async function optionsAsked(invocation: Invocation): Promise<Options> {
  const [routing, guardrails] = ['routing', 'guardrails'].map((flag) => text(invocation, flag))
  const without = invocation.flags['no-guardrails'] === true
  if (without && guardrails !== undefined) throw new UsageError('say one of --guardrails and --no-guardrails')
  return {
    ...(routing !== undefined && { routing: routingOf(routing) }),
    ...cacheAsked(invocation),
    ...(guardrails !== undefined && { guardrails: await guardrailsOf(guardrails) }),
    ...(without && { guardrails: [] }),
  }
}

function routingOf(given: string): LlmRouting {
  const found = LLM_ROUTINGS.find((one) => one === given)
  if (found === undefined) throw new UsageError(`--routing is "${given}"; expected one of ${LLM_ROUTINGS.join(', ')}`)
  return found
}

const SHARES = ['endpoint', 'key'] as const

function cacheAsked(invocation: Invocation): Pick<Options, 'cache'> {
  const [given, share = 'endpoint'] = ['cache', 'cache-share'].map((flag) => text(invocation, flag))
  const found = SHARES.find((one) => one === share)
  if (found === undefined) throw new UsageError(`--cache-share is "${share}"; expected endpoint or key`)
  if (given === 'off') return { cache: null }
  if (given === undefined) {
    if (text(invocation, 'cache-share') === undefined) return {}
    throw new UsageError('--cache-share needs --cache, which says for how long answers are given again')
  }
  const ms = parseDuration(given)
  if (ms === undefined || ms < 1000 || ms % 1000 !== 0)
    throw new UsageError(
      `--cache is "${given}"; expected a duration of whole seconds, for example 90s, 10m, 2h or 1d, or off`,
    )
  return { cache: { ttl_s: ms / 1000, share: found } }
}

/** The list in a file of YAML or JSON; what is in its entries the server judges. */
async function guardrailsOf(file: string): Promise<NonNullable<Options['guardrails']>> {
  const lines = new LineCounter()
  const { document, faults } = composeYaml(await readUserText(file, { most: LARGEST, pipes: true }), lines)
  const [fault] = faults
  if (fault !== undefined) throw new UsageError(`${file}, line ${lines.linePos(fault.at).line}: ${fault.message}`)
  const found = document === undefined ? undefined : plain(document, file)
  if (!Array.isArray(found)) throw new UsageError(`${file} is no list of guardrails; --no-guardrails removes them`)
  return found as NonNullable<Options['guardrails']>
}

function plain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    if (error instanceof ReferenceError) throw new UsageError(`${file}: ${error.message}`)
    throw error
  }
}

/** Routing, cache and guardrails of an endpoint in a few words, with the hosts that its texts are sent to. */
export function optionsText({ routing, cache, guardrails }: LlmEndpoint): string {
  const shared = cache?.share === 'key' ? ' a key' : ''
  return [
    ...(routing === 'weighted' ? [] : [routing]),
    ...(cache === null ? [] : [`cache ${cache.ttl_s} s${shared}`]),
    ...guardrails.map((one) => {
      const host = one.kind === 'hook' ? ` at ${new URL(one.url).host}` : ''
      return `${one.name} (${one.kind}${host}: ${one.action})`
    }),
  ].join(', ')
}
