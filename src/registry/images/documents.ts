/** What the documents of an image say that it was made of: an index where it has one, manifests and configurations, each checked by its digest. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { ifJson } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'

/** The labels by which an image says of which version it is made. */
export const LABELS = {
  model: 'dev.slipway.model',
  version: 'dev.slipway.version',
  files: 'dev.slipway.files',
} as const

const Named = z.object({ digest: z.string() })
const Index = z.object({ manifests: z.array(Named).min(1) })
const Manifest = z.object({ config: Named })
const Config = z.object({ config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).optional() })

/** The labels of every platform of an image. Throws `unprocessable` where a document is missing, or is none. */
export function labelsOf(digest: string, documents: readonly string[]): Readonly<Record<string, string>>[] {
  const given = new Map(documents.map((text) => [digestOf(text), text]))
  const read = <T>(named: string, as: z.ZodType<T>): T => {
    const text = given.get(named)
    if (text === undefined) throw problem('unprocessable', { detail: `the document ${named} of the image is missing` })
    const { data } = as.safeParse(ifJson(text))
    if (data === undefined) throw problem('unprocessable', { detail: `the document ${named} is not as OCI has it` })
    return data
  }
  const root = read(digest, z.union([Index, Manifest]))
  const manifests = 'manifests' in root ? root.manifests.map((one) => read(one.digest, Manifest)) : [root]
  return manifests.map(({ config }) => read(config.digest, Config).config?.Labels ?? {})
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
