/** A real container engine for tests: podman with runc, its storage in a folder of its own; and skopeo beside it. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram } from '../tools.ts'
import { until } from '../until.ts'

/** What apt-get brings for it. */
export const ENGINE_PACKAGES = 'podman buildah runc skopeo netavark aardvark-dns catatonit conmon uidmap'

/** Why tests are skipped where there is none. */
export const NO_ENGINE =
  'no podman and skopeo that can run a container here (apt-get install podman runc skopeo, as root)'

/**
 * crun refuses hosts with cgroups of both kinds, and limits cannot be raised everywhere. What engines of one machine would share, locks
 * and signs of life, lies in the folder too: the end of one would take them from the others.
 */
function configurationIn(folder: string, network = ''): string {
  return `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
${network}[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "${join(folder, 'libpod')}"
`
}

const run = promisify(execFile)

export interface Engine {
  /** What a command prints. Throws with what it says when it fails. */
  podman(...args: readonly string[]): Promise<string>
  skopeo(...args: readonly string[]): Promise<string>
  /** The same as podman, which reads a file as its input. */
  podmanWith(input: string, ...args: readonly string[]): Promise<void>
  /** Variables by which a program finds the same storage, takes a registry of this machine without TLS, and lets builds use its network. */
  environment(insecure: string): Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** The engine; undefined where there is none, or where it cannot run anything. */
export function startEngine(): Engine | undefined {
  const [podman, skopeo] = [findProgram('podman'), findProgram('skopeo')]
  if (podman === undefined || skopeo === undefined || process.getuid?.() !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'slipway-engine-'))
  const configuration = join(folder, 'containers.conf')
  writeFileSync(configuration, configurationIn(folder))
  mkdirSync(join(folder, 'run'))
  const env = { ...process.env, CONTAINERS_CONF: configuration, XDG_RUNTIME_DIR: join(folder, 'run') }
  const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run')]
  const clean = (): void => void spawnSync('rm', ['-rf', folder])
  const info = spawnSync(podman, [...storage, 'info', '--format', '{{.Store.GraphDriverName}}'], {
    env,
    timeout: 120_000,
  })
  const driver = info.stdout.toString().trim()
  if (info.status !== 0) {
    clean()
    return undefined
  }
  const call = async (program: string, args: readonly string[]): Promise<string> => {
    const { stdout } = await run(program, [...args], { env, timeout: 780_000, maxBuffer: 64 * 1024 * 1024 })
    return stdout.trim()
  }
  return {
    podman: (...args) => call(podman, [...storage, ...args]),
    skopeo: (...args) => call(skopeo, args),
    async podmanWith(input, ...args) {
      const file = openSync(input, 'r')
      const { status, stderr } = spawnSync(podman, [...storage, ...args], { env, stdio: [file, 'ignore', 'pipe'] })
      closeSync(file)
      assert.equal(status, 0, stderr.toString())
    },
    environment(insecure) {
      const [store, registries] = [join(folder, 'storage.conf'), join(folder, 'registries.conf')]
      const roots = `graphroot = "${join(folder, 'storage')}"\nrunroot = "${join(folder, 'run')}"`
      writeFileSync(store, `[storage]\ndriver = "${driver}"\n${roots}\n`)
      writeFileSync(registries, `[[registry]]\nlocation = "${insecure}"\ninsecure = true\n`)
      writeFileSync(configuration, configurationIn(folder, 'netns = "host"\n'))
      return {
        CONTAINERS_CONF: configuration,
        CONTAINERS_STORAGE_CONF: store,
        CONTAINERS_REGISTRIES_CONF: registries,
        XDG_RUNTIME_DIR: join(folder, 'run'),
      }
    },
    async stop() {
      const remove = ['rm', '--all', '--force', '--time', '1']
      // what a container had mounted may be let go a moment after its end
      try {
        await until(
          'the end of the containers',
          () => spawnSync(podman, [...storage, ...remove], { env, timeout: 120_000 }).status === 0,
        )
      } finally {
        // what is still mounted there is let go first
        spawnSync(podman, [...storage, 'system', 'reset', '--force'], { env, timeout: 120_000 })
        clean()
      }
    },
  }
}

/** Resolves when a gateway on this port of the machine is well. Throws with what `logs` tells where it never is. */
export async function answering(port: number, logs: () => Promise<string>): Promise<void> {
  await until(
    async () => `a gateway that is well: ${await logs()}`,
    () =>
      fetch(`http://127.0.0.1:${port}/v2/health/ready`).then(
        (reply) => reply.ok,
        () => false,
      ),
  )
}
