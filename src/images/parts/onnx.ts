/** The layer with ONNX Runtime: its package as npm has laid it out, with the library of one processor. */
import { problem } from '../../contract/errors.ts'
import { Entries } from '../layers/entries.ts'
import { makeLayer } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { installedPackages } from './program.ts'

/** Where it lies in the image. */
export const ONNX_HOME = 'opt/onnxruntime'

/** Processors as Node names them. */
const MACHINES: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' }
/** What the package's install script needs lies beside it, and that is not run. */
const PACKAGES = /^node_modules\/onnxruntime-(?:node|common)\//

/** `runtime` is the folder from which it can be required on this machine. Throws `unprocessable` where it has no library for the processor. */
export async function onnxLayer(maker: LayerMaker, runtime: string, architecture: string): Promise<Layer> {
  const entries = new Entries()
  const library = `/linux/${MACHINES[architecture] ?? architecture}/`
  let libraries = 0
  for (const [path, bytes] of await installedPackages(runtime)) {
    const isLibrary = path.includes('/bin/')
    if (!PACKAGES.test(path) || (isLibrary && !path.includes(library))) continue
    if (isLibrary) libraries++
    entries.file(`${ONNX_HOME}/${path}`, bytes)
  }
  if (libraries === 0)
    throw problem('unprocessable', { detail: `ONNX Runtime has no library for linux/${architecture}` })
  return makeLayer(maker, 'ONNX Runtime', entries)
}
