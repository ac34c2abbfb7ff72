/** A real registry for tests: Debian's docker-registry over a folder, and crane, built by Go, which judges what lies in it. */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cachedFolder } from '../python-env.ts'
import type { Run } from '../python-env.ts'
import { findProgram } from '../tools.ts'
import { freePort } from '../programs/free-port.ts'
import { goBuild } from '../programs/go-tools.ts'
import { until } from '../until.ts'

const CRANE = 'v0.22.1'
const MODULE = 'github.com/google/go-containerregistry'

/** Why tests are skipped where there is none. */
export const NO_REGISTRY = 'no docker-registry (apt-get install docker-registry)'
export const NO_REFERRERS =
  'there is no registry with referrers; `slipway test --heavy` builds one where Go is on the PATH'
export const NO_CRANE = 'there is no crane; `slipway test --heavy` builds one where Go is on the PATH'

export interface TestRegistry {
  readonly host: string
  stop(): void
}

/** Starts a registry; undefined where the program is not there. */
export async function startRegistry(): Promise<TestRegistry | undefined> {
  const program = findProgram('docker-registry')
  if (program === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  const file = join(folder, 'config.yml')
  writeFileSync(
    file,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${folder}/blobs}, delete: {enabled: true}}\nhttp: {addr: '${host}'}\n`,
  )
  return started(program, ['serve', file], { host, folder })
}

/** Starts a registry that keeps referrers itself, as the specification has it; undefined where it was not built. */
export async function startReferrersRegistry(): Promise<TestRegistry | undefined> {
  const built = await cachedFolder(REFERRERS, undefined)
  if (built === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  return started(join(built, 'registry'), [host], { host, folder })
}

async function started(
  program: string,
  args: readonly string[],
  { host, folder }: { host: string; folder: string },
): Promise<TestRegistry> {
  const child = spawn(program, args, { stdio: 'ignore' })
  const stop = (): void => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', stop)
  await until('an answer of the registry', () =>
    fetch(`http://${host}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return { host, stop }
}

/** What crane prints. Undefined where there is no crane. */
export async function findCrane(): Promise<((...args: string[]) => Promise<string>) | undefined> {
  const folder = await cachedFolder(`crane-${CRANE}`, undefined)
  const program = findProgram('crane') ?? (folder === undefined ? undefined : join(folder, 'crane'))
  if (program === undefined) return undefined
  return async (...args) => {
    const { stdout, stderr } = await promisify(execFile)(program, args, { timeout: 120_000 })
    return `${stdout}${stderr}`.trim()
  }
}

/** Builds crane into the cache with this Go, which takes a minute; false when that failed. */
export async function buildCrane(go: string): Promise<boolean> {
  return (await cachedFolder(`crane-${CRANE}`, (into, run) => build(go, into, run))) !== undefined
}

async function build(go: string, folder: string, run: Run): Promise<void> {
  mkdirSync(folder, { recursive: true })
  await run(go, ['mod', 'init', 'tools'], { cwd: folder })
  await run(go, ['get', '-tool', `${MODULE}/cmd/crane@${CRANE}`], { cwd: folder })
  await goBuild(run, go, ['-ldflags=-s -w', '-o', 'crane', `${MODULE}/cmd/crane`], { cwd: folder })
}

/** go-containerregistry's registry in memory, with the API of referrers, which its own command leaves off. */
const SERVER = `package main

import (
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	panic(http.ListenAndServe(os.Args[1], registry.New(registry.WithReferrersSupport(true))))
}
`
const REFERRERS = `referrers-registry-${CRANE}`

export const hasReferrersRegistry = async (): Promise<boolean> =>
  (await cachedFolder(REFERRERS, undefined)) !== undefined

/** Builds it with this Go, which takes seconds after crane; false when that failed. */
export async function buildReferrersRegistry(go: string): Promise<boolean> {
  const make = async (folder: string, run: Run): Promise<void> => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'main.go'), SERVER)
    await run(go, ['mod', 'init', 'registry'], { cwd: folder })
    await run(go, ['get', `${MODULE}/pkg/registry@${CRANE}`], { cwd: folder })
    await goBuild(run, go, ['-o', 'registry', '.'], { cwd: folder })
  }
  return (await cachedFolder(REFERRERS, make)) !== undefined
}
