/** The job that this command runs in, and what jobs of forks may not do. */
import { readUserText } from '../../contract/absence/user-file.ts'
import { placeOf, providerOf } from '../../ci/hosts/environment.ts'
import type { Place, Provider } from '../../ci/hosts/environment.ts'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import { UsageError } from './command.ts'

/** By the variables of the job, and the event that GitHub keeps in a file. */
export async function placeHere(provider: Provider = providerOf(process.env)): Promise<Place> {
  const file = process.env['GITHUB_EVENT_PATH']
  const event = provider !== 'github' || file === undefined ? undefined : await ifMissing(readUserText(file))
  return placeOf(provider, process.env, event === undefined ? undefined : ifJson(event))
}

/**
 * Throws UsageError in a job of a fork's change, whatever its workflow says: the code of a stranger would run on the server with the
 * rights of the token, as where a workflow checks out the change for `pull_request_target`.
 */
export async function refuseForks(act: string): Promise<void> {
  const { fork } = await placeHere()
  if (!fork) return
  throw new UsageError(
    `this job is of a fork, and ${act}: its code would run with the rights of your token. slipway validate checks it; who has read the change runs it from a branch of the repository`,
  )
}
