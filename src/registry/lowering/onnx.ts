/** What a laid-out version's MLmodel file says of its flavors, and which file is its ONNX graph. */
import { ifMissing } from '../../contract/absence/absent.ts'
import { readFile } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import { modelYaml } from '../../contract/values/yaml.ts'

interface Described {
  readonly flavors: Readonly<Record<string, unknown>>
  readonly metadata: Readonly<Record<string, unknown>>
}

/** The flavors of a model folder and the metadata that its user gave; empty where they cannot be read. */
export async function flavorsOf(dir: string): Promise<Described> {
  const text = (await ifMissing(readFile(join(dir, 'MLmodel'), 'utf8'))) ?? ''
  try {
    const model = modelYaml(text) as Partial<Described> | null
    return { flavors: mapOf(model?.flavors), metadata: mapOf(model?.metadata) }
  } catch {
    return { flavors: {}, metadata: {} }
  }
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** The path of the graph below the folder, as the model's `onnx` flavour names it; null for any other model. */
export async function onnxFile(dir: string): Promise<string | null> {
  const { flavors } = await flavorsOf(dir)
  const found = mapOf(flavors['onnx'])['data']
  if (typeof found !== 'string' || isAbsolute(found)) return null
  const path = normalize(found)
  return path.startsWith('..') ? null : path
}
