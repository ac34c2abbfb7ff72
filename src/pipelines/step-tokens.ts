/** Credentials of steps: a contributor of the one project, not whoever started the server. */
import { SYSTEM, type Tokens } from '../auth/tokens.ts'
import { DAY_MS } from '../contract/ids.ts'
import type { Clock } from '../contract/ids.ts'

/** How long a token lives: longer than a step runs. */
const LIFE_MS = 14 * DAY_MS
/** A token with less left than this is not handed out. */
const LEAST_MS = 7 * DAY_MS

/** Makes the function that gives a step of a project its token; one token a project serves all steps of a week. */
export function stepTokens(access: Tokens, clock: Clock): (project: string) => Promise<string> {
  const made = new Map<string, { token: Promise<string>; until: number }>()
  return (project) => {
    const known = made.get(project)
    if (known !== undefined && known.until - clock() > LEAST_MS) return known.token
    const until = clock() + LIFE_MS
    const wanted = { name: `steps of ${project}`, role: 'contributor', project, expires_at: until } as const
    const token = access.create(SYSTEM, wanted).then((created) => created.token)
    token.catch(() => made.delete(project))
    made.set(project, { token, until })
    return token
  }
}
