/** Numbers of a project file as they are written: those of params keep their digits and their kind, those of texts their spelling. */
import { isScalar, visit, type Document } from 'yaml'
import { floatOf, readNumeral, type Numeral } from '../../contract/values/numerals.ts'

/** Where in the project file, as keys and indexes. */
type Path = readonly PropertyKey[]

/** A number with its spelling. */
class Written {
  readonly source: string
  readonly value: number

  constructor(source: string, value: number) {
    this.source = source
    this.value = value
  }
}

/** Where texts are asked for, so that `1.10` is no 1.1. */
const TEXTS = [
  ['pipeline', 'steps', '*', 'env', '*'],
  ['pipeline', 'steps', '*', 'run', '*'],
]
const PARAMS = [
  ['pipeline', 'steps', '*', 'params'],
  ['pipeline', 'steps', '*', 'for_each', 'item'],
  ['pipeline', 'params', '*', 'default'],
  ['pipeline', 'params', '*', 'choices'],
]

/** Puts the spelling beside every number of a document that is a value; `settle` takes it away again. */
export function noteSpelling(document: Document): void {
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || !isScalar(node) || typeof node.value !== 'number' || node.source === undefined) return
      node.value = new Written(node.source, node.value)
    },
  })
}

/** The plain data of such a document. `fault` is told of numbers that a param cannot be. */
export function settle(data: unknown, fault: (path: Path, message: string) => void, path: Path = []): unknown {
  if (data instanceof Written) return settled(data, fault, path)
  if (Array.isArray(data)) return data.map((item, i) => settle(item, fault, [...path, i]))
  if (typeof data !== 'object' || data === null || Object.getPrototypeOf(data) !== Object.prototype) return data
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, settle(value, fault, [...path, key])]))
}

function settled(written: Written, fault: (path: Path, message: string) => void, path: Path): unknown {
  const { source, value } = written
  if (TEXTS.some((pattern) => pattern.length === path.length && matches(pattern, path))) {
    return String(value) === source ? value : source
  }
  if (!PARAMS.some((pattern) => matches(pattern, path))) return value
  const numeral = numeralOf(written)
  if (numeral !== undefined) return numeral
  const why = Number.isNaN(value) ? 'JSON has no such number' : 'it is beyond the largest float, 1.8e308'
  fault(path, `got ${source}, expected a finite number (${why}); write it as a text, for example "${source}"`)
  return null
}

function matches(pattern: Path, path: Path): boolean {
  return path.length >= pattern.length && pattern.every((part, i) => part === '*' || part === path[i])
}

/** What a number of YAML's core schema is to Python; undefined for one that is not finite. */
function numeralOf({ source, value }: Written): number | Numeral | undefined {
  if (/^[-+]?\d+$|^0[ox][\da-f]+$/i.test(source)) {
    // to read a million decimal digits takes half a second, to write them one
    const digits = /^0[ox]/i.test(source) ? BigInt(source) : source.replace(/^[-+]?0*(?=\d)/, '')
    return readNumeral(`${source.startsWith('-') ? '-' : ''}${digits}`)
  }
  return Number.isFinite(value) ? floatOf(value) : undefined
}
