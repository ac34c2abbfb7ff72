/** Projects that are edited, for the table of what an edit must and must not run again. */
import { createHash } from 'node:crypto'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { keyOf, keyParts } from './key.ts'
import { compileSpec, type PipelineSpec } from './spec.ts'

/** Path → text; null takes a file away. A text with `#!` first is executable, one with the byte 255 no UTF-8. */
export type Files = Readonly<Record<string, string | null>>

/** A step that follows from its imports alone: `step.py` takes `pkg.used`. */
export const PLAIN: Files = {
  'slipway.yaml': 'project: p\npython: {packages: []}\npipeline:\n  steps:\n    a: {run: "step:main", outputs: [o]}\n',
  'step.py': 'import os\nfrom pkg import used\ndef main(o):\n    o.write_text(used.V)\n',
  'pkg/__init__.py': '',
  'pkg/used.py': 'V = "1"\n',
  'pkg/unused.py': 'V = "1"\n',
  'plugins/__init__.py': '',
  'plugins/one.py': 'V = 1\n',
  'lib/inlib.py': 'V = 1\n',
  'tests/__init__.py': '',
  'tests/factory.py': 'V = 1\n',
}
/** The step's module with these lines before its function. */
export const step = (text: string, more: Files = {}): Files => ({ 'step.py': `${text}\ndef main(o): ...\n`, ...more })
/** The project file with another entry. */
export const run = (entry: string, more = ''): Files => ({
  'slipway.yaml': `project: p\npython: {packages: []}\npipeline: {steps: {a: {run: ${entry}, outputs: [o]${more}}}}\n`,
})

/** A project, as it differs from `PLAIN`, and an edit of it. */
export type Case = readonly [what: string, project: Files, edit: Files]

/** The keys of the step before and after the edit. */
export async function keysOf([, project, edit]: Case): Promise<string[]> {
  const before = { ...PLAIN, ...project }
  return Promise.all([before, { ...before, ...edit }].map(keyOfStep))
}

/** The key that the step `a` of a project has; its environment and inputs never change. */
async function keyOfStep(files: Files): Promise<string> {
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
