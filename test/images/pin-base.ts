/**
 * Writes the pins of the default base of images anew, from the indexes of Debian's mirror: `node test/images/pin-base.ts`. Run it when Debian
 * has mended one of the packages; what changes in the file is what is to be looked at.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { BASE_KINDS, PINS_FILE } from '../../src/images/base/pins.ts'

const MIRROR = process.env['SLIPWAY_DEBIAN_MIRROR'] ?? 'https://deb.debian.org'
const ARCHIVES = [
  { repository: 'debian', suite: 'bookworm' },
  { repository: 'debian-security', suite: 'bookworm-security' },
]

interface Found {
  readonly name: string
  readonly version: string
  readonly path: string
  readonly sha256: string
  readonly size: number
}

async function index(repository: string, suite: string, architecture: string): Promise<Found[]> {
  const reply = await fetch(`${MIRROR}/${repository}/dists/${suite}/main/binary-${architecture}/Packages.xz`)
  if (!reply.ok) throw new Error(`${reply.url}: ${reply.status}`)
  const input = Buffer.from(await reply.arrayBuffer())
  const text = execFileSync('xz', ['-dc'], { input, maxBuffer: 256 * 1024 * 1024 }).toString('utf8')
  return text.split('\n\n').flatMap((paragraph) => {
    const of = (key: string): string => new RegExp(`^${key}: (.*)$`, 'm').exec(paragraph)?.[1] ?? ''
    return of('Filename') === ''
      ? []
      : [
          {
            name: of('Package'),
            version: of('Version'),
            path: `${repository}/${of('Filename')}`,
            sha256: of('SHA256'),
            size: Number(of('Size')),
          },
        ]
  })
}

function newer(a: string, b: string): boolean {
  return spawnSync('dpkg', ['--compare-versions', a, 'gt', b]).status === 0
}

async function pins(architecture: string): Promise<Found[]> {
  const all = (
    await Promise.all(ARCHIVES.map(({ repository, suite }) => index(repository, suite, architecture)))
  ).flat()
  const names = [...new Set(Object.values(BASE_KINDS).flat())].sort()
  return names.map((name) => {
    const found = all.filter((one) => one.name === name)
    const [first, ...rest] = found
    if (first === undefined) throw new Error(`${name} is not in Debian's index for ${architecture}`)
    return rest.reduce((best, one) => (newer(one.version, best.version) ? one : best), first)
  })
}

const architectures = { amd64: await pins('amd64'), arm64: await pins('arm64') }
writeFileSync(PINS_FILE, `${JSON.stringify({ release: '12', codename: 'bookworm', architectures }, null, 2)}\n`)
