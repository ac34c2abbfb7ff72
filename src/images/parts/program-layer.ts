/** The layer with a program of this checkout that an image starts. */
import { Entries } from '../layers/entries.ts'
import { layerByRecipe } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { programDigest, programFiles, withoutTypes } from './program.ts'

/** Where Slipway's own files lie in the image. */
export const HOME = 'opt/slipway'

/** `program` is the module that is started, without its ending. */
export async function programLayer(
  maker: LayerMaker,
  root: string,
  { program, comment }: { readonly program: string; readonly comment: string },
): Promise<Layer> {
  const files = await programFiles(root, `${program}.ts`)
  return layerByRecipe(maker, comment, { program: 1, files: programDigest(files) }, async () => {
    const entries = new Entries()
    for (const [path, bytes] of withoutTypes(files)) entries.file(`${HOME}/${path}`, bytes)
    return entries
  })
}
