/** `slipway llm`: providers, endpoints, virtual keys, budgets and prices of language models are listed, added and removed, a model is asked, and the state of it all is told. */
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Act } from './act.ts'
import { ask } from './ask.ts'
import { BUDGETS } from './budgets.ts'
import { ENDPOINTS } from './endpoints.ts'
import { KEYS } from './keys.ts'
import { PRICES } from './prices.ts'
import { SERVERS, state } from './servers.ts'
import { PROVIDERS } from './providers.ts'

const KINDS: Readonly<Record<string, Readonly<Record<string, Act>>>> = {
  providers: PROVIDERS,
  endpoints: ENDPOINTS,
  keys: KEYS,
  budgets: BUDGETS,
  prices: PRICES,
  servers: SERVERS,
}

export async function run(invocation: Invocation): Promise<number> {
  const [kind = 'endpoints', verb = 'list', name, extra] = invocation.args
  if (kind === 'ask') return ask(invocation)
  if (kind === 'state') {
    const [, more] = invocation.args
    if (more !== undefined) throw new UsageError(`"${more}" is one argument too many`)
    return state(invocation)
  }
  const acts = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  if (acts === undefined)
    throw new UsageError(`llm has no "${kind}"; expected one of ${[...Object.keys(KINDS), 'ask', 'state'].join(', ')}`)
  const act = Object.hasOwn(acts, verb) ? acts[verb] : undefined
  if (act === undefined)
    throw new UsageError(`llm ${kind} does not know "${verb}"; expected one of ${Object.keys(acts).join(', ')}`)
  if (extra !== undefined || (verb === 'list' && name !== undefined))
    throw new UsageError(`"${extra ?? name}" is one argument too many`)
  return act(invocation, name)
}
