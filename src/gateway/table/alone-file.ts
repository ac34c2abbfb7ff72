/** What a gateway without a control process answers with: one file beside the model. */
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
  readonly inputs: readonly InputField[]
  /** Its paths are relative to the folder. */
  readonly backend: BackendRoute
}
