/** Which file of a laid-out version is its ONNX graph. */
import { readFile } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import { parse } from 'yaml'

/** The path of the graph below the folder, as the model's `onnx` flavour names it; null for any other model. */
export async function onnxFile(dir: string): Promise<string | null> {
  const text = await readFile(join(dir, 'MLmodel'), 'utf8').catch(() => '')
  const found = read(text)
  if (typeof found !== 'string' || isAbsolute(found)) return null
  const path = normalize(found)
  return path.startsWith('..') ? null : path
}

function read(text: string): unknown {
  try {
    const model = parse(text, { schema: 'core', logLevel: 'error' }) as {
      flavors?: { onnx?: { data?: unknown } }
    } | null
    return model?.flavors?.onnx?.data
  } catch {
    return undefined
  }
}
