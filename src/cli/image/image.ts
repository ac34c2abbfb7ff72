/** `slipway image`: builds, moves, promotes, looks at, compares, signs and verifies OCI images. */
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'

type Act = (invocation: Invocation) => Promise<number>

/** Each is loaded only when it is run. */
const ACTS: Readonly<Record<string, () => Promise<Act>>> = {
  build: async () => (await import('./build.ts')).build,
  dockerfile: async () => (await import('./dockerfile.ts')).dockerfile,
  inspect: async () => (await import('./inspect.ts')).inspect,
  push: async () => (await import('./copy.ts')).push,
  pull: async () => (await import('./copy.ts')).pull,
  copy: async () => (await import('./copy.ts')).copy,
  sbom: async () => (await import('./attest.ts')).sbom,
  sign: async () => (await import('./attest.ts')).sign,
  verify: async () => (await import('./attest.ts')).verify,
  scan: async () => (await import('./scan.ts')).scan,
  record: async () => (await import('./promote.ts')).record,
  promote: async () => (await import('./promote.ts')).promote,
  environments: async () => (await import('./environments.ts')).environments,
  diff: async () => (await import('./diff.ts')).diff,
}

export async function run(invocation: Invocation): Promise<number> {
  const [name = ''] = invocation.args
  const act = ACTS[name]
  if (act === undefined)
    throw new UsageError(`image needs one of ${Object.keys(ACTS).join(', ')}${name === '' ? '' : `; got "${name}"`}`)
  return (await act())(invocation)
}
