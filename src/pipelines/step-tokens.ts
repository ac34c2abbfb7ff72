/** Credentials of steps: of the one attempt, for what a step does in its project, and gone when the attempt has ended. */
import { SYSTEM, type Tokens } from '../auth/tokens.ts'
import { DAY_MS } from '../contract/ids.ts'
import type { Clock } from '../contract/ids.ts'

/** What is left of an attempt that never ends by itself ends after this. */
const LIFE_MS = 14 * DAY_MS

/** Makes the function that gives an attempt its token. One that is launched again gets another; all of them end with it. */
export function stepTokens(
  access: Pick<Tokens, 'create'>,
  clock: Clock,
): (project: string, attempt: string) => Promise<string> {
  return async (project, attempt) => {
    const wanted = { name: `steps of ${project}`, role: 'contributor', project, attempt } as const
    return (await access.create(SYSTEM, { ...wanted, expires_at: clock() + LIFE_MS })).token
  }
}
