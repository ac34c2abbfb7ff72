/** Projects that are edited, for the table of what an edit must and must not run again. */
import { createHash } from 'node:crypto'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { keyOf, keyParts } from './key.ts'
import { compileSpec, type PipelineSpec } from './spec.ts'

/** Path → text; null takes a file away. A text with `#!` first is executable, one with the byte 255 no UTF-8. */
export type Files = Readonly<Record<string, string | null>>

/** The key that the step `a` of a project has; its environment and inputs never change. */
export async function keyOfStep(files: Files): Promise<string> {
  const spec = await specOf(files)
  const [step] = spec.steps
  if (step === undefined) throw new Error('the project has no step')
  const environment = { digest: 'sha256:e', python_version: '3.12.1', platform: 'linux', text: '', packages: [] }
  return keyOf(keyParts(step, { inputs: {}, params: step.params, environment, salt: spec.salt }))
}

/** What a server makes of a project. */
export async function specOf(files: Files, projectFile = 'slipway.yaml'): Promise<PipelineSpec> {
  const blobs = memoryBlobs()
  const present = Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== null)
  const stored = await Promise.all(
    present.map(async ([path, text]) => ({
      path,
      executable: text.startsWith('#!'),
      ...(await blobs.put(Buffer.from(text, text.includes('\xff') ? 'latin1' : 'utf8'))),
    })),
  )
  const { digest } = await putManifest(blobs, stored)
  return compileSpec(blobs, files[projectFile] ?? '', digest, projectFile)
}

/** Blobs in memory, as much of them as compiling a project takes. */
function memoryBlobs(): Blobs {
  const kept = new Map<string, Buffer>()
  const blobs: Pick<Blobs, 'put' | 'bytes'> = {
    put(source) {
      const bytes = source as Buffer
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
      kept.set(digest, bytes)
      return Promise.resolve({ digest, size: bytes.length })
    },
    bytes(digest) {
      const bytes = kept.get(digest)
      return bytes === undefined ? Promise.reject(new Error(`no blob ${digest}`)) : Promise.resolve(bytes)
    },
  }
  return blobs as Blobs
}
