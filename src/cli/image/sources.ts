/** Where the packages of an image come from: registries that the operator names may lie at private addresses, for what they give is pinned by hash. */
import { packageIndex } from '../../envs/uv.ts'
import { egressStream, type EgressStream } from '../../http/egress-stream.ts'
import { mirrorOf, mirrorStream } from '../../images/parts/mirrors.ts'
import { config } from '../invocation/config.ts'

export interface PackageSources {
  /** Of Debian, without a password. */
  readonly mirror: string
  /** Of npm, without a password. */
  readonly npmRegistry: string
  readonly fetch: EgressStream
  /** Whose host each kind of package comes from: what provenance tells. */
  readonly hosts: Readonly<Record<string, string>>
}

/** By the environment. Throws `invalid_field` for an address that is none. */
export function packageSources(): PackageSources {
  const debian = mirrorOf('SLIPWAY_DEBIAN_MIRROR', config('SLIPWAY_DEBIAN_MIRROR') ?? 'https://deb.debian.org')
  const npm = mirrorOf('npm_config_registry', process.env['npm_config_registry'] ?? 'https://registry.npmjs.org')
  const allowed = (config('SLIPWAY_EGRESS_ALLOW') ?? '').split(',').filter((one) => one !== '')
  const fetch = egressStream({ allow: [...allowed, debian.host, npm.host] })
  const python = URL.parse(packageIndex())?.host ?? 'a folder'
  return {
    mirror: debian.url,
    npmRegistry: npm.url,
    fetch: mirrorStream([debian, npm], fetch),
    hosts: { debian: debian.host, npm: npm.host, python },
  }
}
