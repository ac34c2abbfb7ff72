/** Images in registries, for the image commands: one session for each host, with the credentials that docker and podman keep. */
import { egressStream } from '../../http/egress-stream.ts'
import { cloudCredentials } from '../../images/remote/clouds/clouds.ts'
import { dockerCredentials, firstOf } from '../../images/remote/credentials.ts'
import { RemoteImage } from '../../images/remote/image.ts'
import { RegistrySession } from '../../images/remote/session.ts'
import type { RegistryReference } from '../../images/oci/reference.ts'
import { config } from '../invocation/config.ts'
import { UsageError } from '../invocation/command.ts'

/** Opens an image by its name. */
export type OpenRemote = (reference: RegistryReference) => RemoteImage

/** The images of one command. A host that the user names may be a private one; where a registry leads may not, unless the configuration allows it. */
export function registries(): OpenRemote {
  const sessions = new Map<string, RegistrySession>()
  const allowed = (config('SLIPWAY_EGRESS_ALLOW') ?? '').split(',').filter((one) => one !== '')
  const fetch = egressStream({ allow: [...allowed, ...named(process.env)] })
  const cloud = cloudCredentials({ env: process.env, fetch, now: Date.now })
  const credentials = firstOf(dockerCredentials(), cloud)
  return (reference) => {
    const { host } = reference
    if (config('SLIPWAY_OFFLINE') === '1') throw new UsageError(`SLIPWAY_OFFLINE is 1, and ${host} is in the network`)
    let session = sessions.get(host)
    if (session === undefined) {
      session = new RegistrySession(host, { fetch: egressStream({ allow: [host, ...allowed] }), credentials })
      sessions.set(host, session)
    }
    return new RemoteImage(session, reference)
  }
}

/** Hosts of clouds that the user names instead of the clouds' own. */
function named(env: Readonly<Record<string, string | undefined>>): string[] {
  return ['AWS_ENDPOINT_URL_ECR', 'AWS_ENDPOINT_URL', 'AZURE_AUTHORITY_HOST'].flatMap((name) => {
    const url = env[name] ?? ''
    return URL.canParse(url) ? [new URL(url).host] : []
  })
}
