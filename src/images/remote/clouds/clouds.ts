/** Credentials for the registries of Amazon, Google and Azure from the identity of this machine's user, without a helper program. */
import type { FindCredentials } from '../credentials.ts'
import { amazonCredentials } from './amazon.ts'
import { azureCredentials } from './azure.ts'
import type { CloudAccess, Exchange, Lent } from './exchange.ts'
import { googleCredentials } from './google.ts'

const CLOUDS: readonly Exchange[] = [amazonCredentials, googleCredentials, azureCredentials]
/** Credentials are not used in the last minutes of their life. */
const EARLY_MS = 5 * 60_000

/** Asks the cloud that a host belongs to, once for as long as its answer holds; anew where what it gave is refused. */
export function cloudCredentials(access: CloudAccess): FindCredentials {
  const known = new Map<string, Promise<Lent | undefined>>()
  return async (host, refused) => {
    const before = known.get(host)
    const lent = await before
    const holds = lent === undefined ? before !== undefined : lent.until - EARLY_MS > access.now()
    // of several calls that are refused at once the first asks anew
    const stale = lent !== undefined && refused?.password === lent.credentials.password
    if (holds && !stale) return lent?.credentials
    if (known.get(host) === before) {
      // what failed is asked for again the next time
      const forget = (error: unknown): never => {
        known.delete(host)
        throw error
      }
      known.set(host, ask(host, access).catch(forget))
    }
    return (await known.get(host))?.credentials
  }
}

async function ask(host: string, access: CloudAccess): Promise<Lent | undefined> {
  for (const exchange of CLOUDS) {
    const lent = await exchange(host, access)
    if (lent !== undefined) return lent
  }
  return undefined
}
