/** Which Debian packages a base is made of: names, versions and hashes for each processor, kept in a file beside this one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** What a base is for: Node alone, or Node and Python steps, models and batches. */
export type BaseKind = 'node' | 'python'

export const BASE_KINDS: Readonly<Record<BaseKind, readonly string[]>> = {
  node: ['gcc-12-base', 'libc6', 'libgcc-s1', 'libstdc++6'],
  python: [
    // nothing but the licence of libgcc-s1, libstdc++6 and libgomp1
    'gcc-12-base',
    'libc6',
    'libgcc-s1',
    'libstdc++6',
    'libgomp1',
    'zlib1g',
    'libexpat1',
    'libssl3',
    'libffi8',
    'libbz2-1.0',
    'liblzma5',
    'libsqlite3-0',
    'libuuid1',
    'libcrypt1',
    'libpython3.11-minimal',
    'libpython3.11-stdlib',
    'python3.11-minimal',
    'media-types',
    'tzdata',
    'ca-certificates',
  ],
}

const Pin = z.object({
  name: z.string(),
  version: z.string(),
  /** `debian` or `debian-security`, and the path below it. */
  path: z.string().regex(/^debian(?:-security)?\/pool\/[A-Za-z0-9.+~_/-]+\.deb$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.number().int().positive(),
})
export type Pin = z.output<typeof Pin>

const Pins = z.object({ release: z.string(), codename: z.string(), architectures: z.record(z.string(), z.array(Pin)) })

/** The file that `node test/images/pin-base.ts` writes. */
export const PINS_FILE = join(import.meta.dirname, 'debian-12.json')

/** Python of the base. */
export const BASE_PYTHON = '3.11'

export interface BasePins {
  readonly release: string
  readonly codename: string
  readonly packages: readonly Pin[]
}

/** The packages of a base; undefined for a processor that there are none for. */
export function pinsOf(kind: BaseKind, architecture: string): BasePins | undefined {
  const { release, codename, architectures } = Pins.parse(JSON.parse(readFileSync(PINS_FILE, 'utf8')))
  const all = architectures[architecture]
  if (all === undefined) return undefined
  return { release, codename, packages: all.filter(({ name }) => BASE_KINDS[kind].includes(name)) }
}
