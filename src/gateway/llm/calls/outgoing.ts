/** What goes out to a model of an endpoint: the client's bytes where both speak one dialect, a translation where they do not. */
import type { Translation } from '../dialects/translation.ts'
import { pairOf } from '../dialects/translation.ts'
import type { Dialect, ModelRoute, ProviderRoute } from '../../table/llm.ts'
import { spokenBy } from '../upstream/providers.ts'
import type { Splice } from './members.ts'
import { added, membersOf, spliced } from './members.ts'
import type { LlmAsk } from './request.ts'

/** How a call reaches a provider. */
export interface Way {
  readonly dialect: Dialect
  /** Absent where the client speaks the upstream's dialect. */
  readonly translation?: Translation
}

/** The way from a client's dialect to a provider; undefined where there is none. */
export function wayTo(provider: ProviderRoute, client: Dialect): Way | undefined {
  const spoken = spokenBy(provider)
  if (spoken.includes(client)) return { dialect: client }
  for (const upstream of spoken) {
    const translation = pairOf({ client, upstream })
    if (translation !== undefined) return { dialect: upstream, translation }
  }
  return undefined
}

export interface Prepared {
  readonly body: Buffer
  /** Fields that the upstream is not told, or otherwise. */
  readonly lost: readonly string[]
  /** True when usage was asked for that the client did not ask for. */
  readonly strip: boolean
}

/** The body for one model. Throws `invalid_field` where it cannot be read well enough to be translated. */
export function prepared(ask: LlmAsk, model: ModelRoute, way: Way): Prepared {
  if (way.translation !== undefined) {
    // Gemini's clients say by the path that they want a stream
    const asked = ask.dialect === 'generate' ? { ...ask.body, stream: ask.stream } : ask.body
    const { body, lost } = way.translation.request(asked, model.model)
    const whole = way.dialect === 'chat' && ask.stream ? { ...body, stream_options: { include_usage: true } } : body
    return { body: Buffer.from(JSON.stringify(whole)), lost, strip: false }
  }
  const strip = asksUsage(ask) && !ask.wantsUsage
  const bytes = spliced(ask.bytes, renamed(ask, model.model))
  return { body: strip ? usageAsked(bytes) : bytes, lost: [], strip }
}

/** Dialects whose streams tell their usage only where it is asked for. */
function asksUsage({ dialect, stream }: LlmAsk): boolean {
  return stream && (dialect === 'chat' || dialect === 'completions')
}

function renamed(ask: LlmAsk, model: string): Splice[] {
  const member = ask.members.find(({ name }) => name === 'model')
  if (member === undefined) return ask.dialect === 'generate' ? [] : [added(ask.bytes, ask.members, 'model', model)]
  // what the body says, for the path may have named the endpoint
  if (ask.body['model'] === model) return []
  return [{ from: member.from, to: member.to, text: JSON.stringify(model) }]
}

function usageAsked(bytes: Buffer): Buffer {
  const members = membersOf(bytes)
  const given = members.find(({ name }) => name === 'stream_options')
  if (given === undefined) return spliced(bytes, [added(bytes, members, 'stream_options', { include_usage: true })])
  const options = JSON.parse(bytes.toString('utf8', given.from, given.to)) as unknown
  // anew as a whole: of a name that comes twice, servers take one or the other
  const asked = { ...(typeof options === 'object' ? options : {}), include_usage: true }
  return spliced(bytes, [{ from: given.from, to: given.to, text: JSON.stringify(asked) }])
}
