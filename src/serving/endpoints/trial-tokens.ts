/** Credentials with which the server asks its own gateways on behalf of a page. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'

const LIFE_MS = DAY_MS
/** A token with less left than this is not used. */
const LEAST_MS = 600_000

/** Makes the function that gives a token of a project; one is made a day, when it is first needed. */
export function trialTokens(access: Pick<Tokens, 'create'>, clock: Clock): (project: string) => Promise<string> {
  return dayTokens(clock, async (project, expires_at) => {
    const wanted = { name: `pages that try ${project}`, role: 'service', project, expires_at } as const
    return (await access.create(SYSTEM, wanted)).token
  })
}

/** Gives what `make` makes by a key until the end of a day (ms); one is made a day and key, when it is first needed, and again after a failure. */
export function dayTokens(
  clock: Clock,
  make: (key: string, until: number) => Promise<string>,
): (key: string) => Promise<string> {
  const made = new Map<string, { token: Promise<string>; until: number }>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined && known.until - clock() > LEAST_MS) return known.token
    for (const [other, { until }] of made) if (until <= clock()) made.delete(other)
    const until = clock() + LIFE_MS
    const token = make(key, until)
    token.catch(() => made.delete(key))
    made.set(key, { token, until })
    return token
  }
}
