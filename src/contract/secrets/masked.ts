/** What messages and details never repeat of what a caller has sent: keys, tokens, and values of fields that hold secrets. */
import { HIDDEN } from './addresses.ts'

/** A key or certificate as PEM, also one that is cut off or has its line ends written as `\n`. */
const PEM = /-----BEGIN ([A-Z0-9 ]{1,64})-----(?:(?!-----END )[\s\S])*(?:-----END [A-Z0-9 ]{1,64}-----)?/g
const TOKEN = /\bslw_([a-z0-9]{1,64})\.[\w.-]*[\w-]/g
/** A signed token, such as the ID token of a job. */
const JWT = /\beyJ[\w-]{8,4096}\.[\w-]{8,}(?:\.[\w-]+)*/g
/** Names of fields and options that hold a secret. */
const SECRET_NAME =
  /^(?:.*[_-])?(?:secret|password|passwd|passphrase|authorization|private[_-]?key|api[_-]?key|access[_-]?key|credentials?)$|^(?!page_token$)(?:.*[_-])?token$/i
/** Longest text that is looked through; more of it is not repeated. */
const MOST_TEXT = 16_384
/** Most values that are looked through; further ones are not repeated. */
const MOST_VALUES = 10_000

/** Whether a field or option of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** A text without the keys and tokens in it; PEM is told by its kind. */
export function maskedText(text: string): string {
  const cut = text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text
  if (!cut.includes('-----BEGIN ') && !cut.includes('slw_') && !cut.includes('eyJ')) return cut
  return cut.replace(PEM, `(PEM of $1: ${HIDDEN})`).replace(TOKEN, `slw_$1.${HIDDEN}`).replace(JWT, HIDDEN)
}

/** Data of a message without keys, tokens and values of fields that hold secrets; `issues` and plain numbers stay. */
export function maskedData(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const left = { values: MOST_VALUES }
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      const hidden = name === 'value' && typeof data['field'] === 'string' && isSecretField(data['field'])
      return [name, hidden && value !== undefined ? HIDDEN : masked(value, left)]
    }),
  )
}

function isSecretField(field: string): boolean {
  return isSecretName(field.split('.').findLast((part) => !/^\d+$/.test(part)) ?? '')
}

function masked(value: unknown, left: { values: number }): unknown {
  left.values -= 1
  if (typeof value === 'string') return maskedText(value)
  if (typeof value !== 'object' || value === null) return value
  if (left.values < 0) return '…'
  if (Array.isArray(value)) return value.map((one) => masked(one, left))
  if (!isPlain(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      isSecretName(name) && typeof one === 'string' ? HIDDEN : masked(one, left),
    ]),
  )
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Why an Authorization header is refused that is neither Bearer nor Basic: its scheme, where that is no secret sent without one. */
export function schemeFault(authorization: string): string {
  const [, scheme] = /^([A-Za-z][A-Za-z-]{0,15}) /.exec(authorization) ?? []
  return scheme === undefined
    ? 'the header is not "Bearer TOKEN" or "Basic …"'
    : `the scheme "${scheme}" is not Bearer or Basic`
}
