/** Credentials with which the server asks its own gateways for a prediction on behalf of a page. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'

const LIFE_MS = DAY_MS
/** A token with less left than this is not used. */
const LEAST_MS = 600_000

/** Makes the function that gives a token of a project; one is made a day, when it is first needed. */
export function trialTokens(access: Pick<Tokens, 'create'>, clock: Clock): (project: string) => Promise<string> {
  const made = new Map<string, { token: Promise<string>; until: number }>()
  return (project) => {
    const known = made.get(project)
    if (known !== undefined && known.until - clock() > LEAST_MS) return known.token
    const until = clock() + LIFE_MS
    const wanted = { name: `pages that try ${project}`, role: 'service', project, expires_at: until } as const
    const token = access.create(SYSTEM, wanted).then((created) => created.token)
    token.catch(() => made.delete(project))
    made.set(project, { token, until })
    return token
  }
}
