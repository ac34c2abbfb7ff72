/** Opens a lowered model from the folder that the lowering wrote. */

import { readDocument } from './form/document.ts'
import { NativeModel } from './model.ts'

/** Loads DIR/model.json and DIR/model.bin. Throws `unprocessable` naming what is wrong when they are missing or malformed. */
export function loadNative(dir: string): NativeModel {
  return new NativeModel(readDocument(dir, 'model'))
}
