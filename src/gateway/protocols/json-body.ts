/** JSON bodies of requests to predict: held to the limits of depth and size, and parsed in slices where they hold many values. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Shape } from '../../http/json-shape.ts'
import { parseBody } from '../../http/json-slices.ts'
import { parseJson, requireObject } from '../../scoring/rows/json.ts'
import type { PredictCall } from './exchange.ts'

/** Most texts and bare words that are looked at for NaN and Infinity, in what is parsed at once. */
const WORDS = 100_000

const parse = (bytes: Buffer): unknown => parseJson(bytes, WORDS)

/** The value of a JSON body, or a promise of it; undefined for an empty one. Throws `malformed_body` and `too_many_values`. */
export function prepareJson(_headers: IncomingHttpHeaders, body: Buffer, shape?: Shape): unknown {
  return body.length === 0 ? undefined : parseBody(body, { parse, uniqueKeys: false, shape })
}

/** The body of a call as an object, of its first `length` bytes where that is given. Throws `malformed_body`. */
export function objectOf(call: PredictCall, length?: number): Record<string, unknown> {
  const { prepared, body } = call
  return requireObject(
    prepared === undefined ? parse(length === undefined ? body : body.subarray(0, length)) : prepared,
  )
}
