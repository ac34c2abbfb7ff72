/** What a gateway without a control process answers with: one file beside the model. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { BackendRoute } from './table.ts'

/** Its name in the model's folder. */
export const ALONE_FILE = 'serve.json'

export interface Alone {
  readonly format: 'slipway.serve/1'
  readonly endpoint: string
  readonly model: string
  readonly version: string
  readonly project: string
  /** Digest of its files. */
  readonly tree: string | null
  readonly inputs: readonly InputField[]
  /** Its paths are relative to the folder. */
  readonly backend: BackendRoute
}

/** Reads it from a folder, with its paths made whole. */
export function readAlone(folder: string): Alone {
  const alone = JSON.parse(readFileSync(join(folder, ALONE_FILE), 'utf8')) as Alone
  const { backend } = alone
  const whole =
    backend.kind === 'onnx'
      ? { ...backend, file: resolve(folder, backend.file) }
      : { ...backend, dir: resolve(folder, backend.dir) }
  return { ...alone, backend: whole }
}
