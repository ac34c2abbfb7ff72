/** What a model takes and gives, field by field, and the bounds of what waits for it. */

/** Kinds of a model's input. Integers are whole numbers within ±2^53. */
export type InputKind = 'number' | 'integer' | 'boolean' | 'string'

/**
 * One input of a model in the order of its signature. `dtype` is the signature's own type (`double`, `long`, `string`, …)
 * from which a Python scorer builds its column.
 */
export interface InputField {
  readonly name: string
  readonly kind: InputKind
  readonly required: boolean
  readonly dtype: string
}

/** What of an ONNX graph is the answer of the model that it was exported from. */
export interface OnnxAnswer {
  readonly output: string
  /** True where a row is answered with a list, even of one value. */
  readonly list: boolean
  /** Names of the answer's columns, where the model answers with a DataFrame. */
  readonly columns?: readonly string[] | undefined
  /** Inputs in which the model takes no missing value. */
  readonly whole: readonly string[]
}

/** Bounds that an endpoint may have of its own; null or absent = the default. */
export interface LimitsRoute {
  /** Calls that one token may make: so many a second, and so many at once after a pause. Default: no limit. */
  readonly per_token?: { readonly per_second: number; readonly burst: number } | null
  /** What may wait for the scorers of a Python version. */
  readonly queue_rows?: number | null
  readonly queue_bytes?: number | null
  /** Deadline of a call that names none, ms. */
  readonly timeout_ms?: number | null
  /** Answers of the same row are kept for so long. Default: none are kept. */
  readonly cache?: { readonly seconds: number; readonly rows: number } | null
  /** Share of the answered rows, 0 to 1, whose contributions are written to the prediction log. Default: none. */
  readonly explain_share?: number | null
}
