/** Builds a Dockerfile with an engine that is there: podman, buildah or docker; the image comes as an OCI layout. */
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { runCommand } from '../../envs/command.ts'
import type { Outcome } from '../../envs/command.ts'
import { readArchive } from '../../store/blobs/archive.ts'
import type { Platform } from '../oci/documents.ts'
import { platformName } from '../oci/documents.ts'

export const BUILDERS = ['podman', 'buildah', 'docker'] as const
export type Builder = (typeof BUILDERS)[number]

export interface DockerBuild {
  /** The project, whose Dockerfile is built. */
  readonly folder: string
  readonly platform: Platform
  /** Seconds since 1970 that files and the image say they were made at. */
  readonly epoch: number
  /** The commit for the label; absent = none. */
  readonly revision?: string | undefined
  /** Told what the engine says. */
  readonly say: (line: string) => void
}

/** What the engines read of the environment. */
const READ = /^(?:CONTAINERS_|BUILDAH_|DOCKER_|REGISTRY_AUTH_FILE$|STORAGE_|XDG_RUNTIME_DIR$)/
const MOST = { bytes: 64 * 1024 ** 3, files: 10_000 }
const NAME = 'Dockerfile'

/** The first engine on the PATH; undefined where there is none. */
export async function foundBuilder(): Promise<Builder | undefined> {
  for (const builder of BUILDERS)
    if ((await runCommand(builder, ['--version'], { limit: 10_000 })).code === 0) return builder
  return undefined
}

/** Builds it and gives the layout with the image to `use`; afterwards the layout is removed. Throws `unprocessable` with the engine's last lines. */
export async function withDockerBuild<T>(
  builder: Builder,
  build: DockerBuild,
  folder: string,
  use: (layout: string) => Promise<T>,
): Promise<T> {
  await mkdir(folder, { recursive: true })
  const work = await mkdtemp(join(folder, 'docker-'))
  try {
    const layout = join(work, 'layout')
    await ENGINES[builder](build, work, layout)
    return await use(layout)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

type Engine = (build: DockerBuild, work: string, layout: string) => Promise<void>

const ENGINES: Readonly<Record<Builder, Engine>> = {
  async podman(build, work, layout) {
    const id = await built('podman', build, work)
    await run('podman', ['save', '--quiet', '--format', 'oci-dir', '--output', layout, id], build)
  },
  async buildah(build, work, layout) {
    const id = await built('buildah', build, work)
    await run('buildah', ['push', '--quiet', id, `oci:${layout}`], build)
  },
  async docker(build, work, layout) {
    const id = await built('docker', build, work)
    const packed = join(work, 'image.tar')
    await run('docker', ['save', '--output', packed, id], build)
    await unpack(packed, layout)
  },
}

/** Returns the id of the image. What podman and buildah would take from the clock is fixed. */
async function built(builder: Builder, build: DockerBuild, work: string): Promise<string> {
  const file = join(work, 'id')
  const own =
    builder === 'docker'
      ? ['--build-arg', `SOURCE_DATE_EPOCH=${build.epoch}`]
      : ['--format', 'oci', '--timestamp', String(build.epoch), '--layers=false']
  const revision = build.revision === undefined ? [] : ['--build-arg', `REVISION=${build.revision}`]
  const place = ['--file', join(build.folder, NAME), '--iidfile', file, '--platform', platformName(build.platform)]
  await run(builder, ['build', ...own, ...revision, ...place, build.folder], build)
  return (await readFile(file, 'utf8')).trim().replace(/^sha256:/, '')
}

async function run(builder: Builder, args: readonly string[], { say }: DockerBuild): Promise<Outcome> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => READ.test(name)))
  const ended = await runCommand(builder, args, { env, onLine: (line) => say(`${builder}: ${line}`) })
  if (ended.code === 0) return ended
  const detail =
    ended.code === 127
      ? `${builder} is not on the PATH; install it, name another with --builder, or --builder native`
      : `${builder} ${args[0]} failed: ${reasonOf(ended.stderr) || `exit code ${ended.code}`}`
  throw problem('unprocessable', { detail })
}

/** The last line that speaks of an error, else the last one: progress is told on the same stream. */
function reasonOf(stderr: string): string {
  const lines = stderr.trim().split('\n')
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? ''
}

/** What `docker save` writes is a layout since Docker 25, with files of its own beside. */
async function unpack(packed: string, layout: string): Promise<void> {
  for await (const entry of readArchive(createReadStream(packed), MOST)) {
    const path = join(layout, entry.path)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, entry.body)
  }
  if ((await ifMissing(stat(join(layout, 'index.json')))) === undefined)
    throw problem('unprocessable', { detail: 'this docker saves no OCI layout; Docker 25 or newer does' })
}
