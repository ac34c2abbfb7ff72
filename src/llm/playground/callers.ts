/** In whose name the playground calls: a token for each person and project, whose calls are marked with the person and a tag. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Tokens } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import type { Clock } from '../../contract/ids.ts'
import type { KeyRoute } from '../../gateway/table/llm.ts'
import { dayTokens } from '../../serving/endpoints/trial-tokens.ts'

/** Tag of all calls of the playground. */
const TAG = 'playground'

export interface CallersDeps {
  readonly tokens: Pick<Tokens, 'create'>
  readonly clock: Clock
  /** Brings tokens and keys as they are now to every gateway. Must not reject. */
  readonly settled?: (() => Promise<void>) | undefined
}

export interface Callers {
  /** A token that may call in a project in the name of a person; gateways know it, and whose it is. */
  tokenOf(who: Principal, project: string): Promise<string>
  /** What gateways are to know of the tokens that are good now, by their ids. */
  keys(): KeyRoute[]
}

export function callers({ tokens, clock, settled }: CallersDeps): Callers {
  const known = new Map<string, { readonly route: KeyRoute; readonly until: number }>()
  const tokenBy = dayTokens(clock, async (key, expires_at) => {
    const { name, project } = JSON.parse(key) as { name: string; project: string }
    const wanted = { name: `playground of ${name}`, role: 'service', project, expires_at } as const
    const { token, row } = await tokens.create(SYSTEM, wanted)
    known.set(row.id, { route: routeOf(row.id, name), until: expires_at })
    await settled?.()
    return token
  })
  return {
    // two people may have one name
    tokenOf: ({ id, name }, project) => tokenBy(JSON.stringify({ id, name, project })),
    keys() {
      for (const [id, { until }] of known) if (until <= clock()) known.delete(id)
      return [...known.values()].map(({ route }) => route).toSorted((a, b) => (a.token < b.token ? -1 : 1))
    },
  }
}

function routeOf(token: string, user: string): KeyRoute {
  return {
    token,
    models: null,
    rpm: null,
    tpm: null,
    concurrency: null,
    user,
    team: null,
    tags: [TAG],
    content: true,
  }
}
