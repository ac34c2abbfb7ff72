/** Makes the result of a batch from its parts: the input's columns, the predictions, the score, and errors where rows may fail. */
import { open } from 'node:fs/promises'
import type { SchemaElement } from 'hyparquet'
import { ParquetWriter, fileWriter } from 'hyparquet-writer'
import { problem } from '../../contract/errors.ts'
import { toJson } from '../../scoring/rows/json.ts'
import { csvCell } from '../../gateway/protocols/mlflow.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { syncOne } from '../../store/blobs/disk-sync.ts'
import type { PartBody, PartHead } from './parts.ts'
import { readPart } from './parts.ts'
import { isDecimal } from './decimals.ts'
import { instantText, isInstant } from './instants.ts'
import { bytesText } from './parquet-source.ts'
import type { Outcome } from './score.ts'
import type { Column } from './table.ts'

type Kind = 'number' | 'float32' | 'bigint' | 'unsigned' | 'boolean' | 'text' | 'int32' | 'date' | 'timestamp' | 'bytes'

/** A column of the result. */
interface Output {
  readonly name: string
  readonly kind: Kind
  /** What of a copied column its kind does not say. */
  readonly logical?: SchemaElement['logical_type'] | undefined
  readonly take: (cells: readonly unknown[], outcome: Outcome) => unknown
}

export interface Assembly {
  readonly folder: string
  readonly heads: readonly PartHead[]
  readonly columns: readonly Column[]
  readonly inputs: readonly InputField[]
  readonly withErrors: boolean
}

/** Names that the result adds, so that an input may not have them. A class's probability is `prediction_0`, `prediction_1`, … */
const ADDED = /^(prediction(_\d+)?|score|error)$/

/** Refuses a table whose columns the result could not tell from its own, or that lacks an input which the model requires. */
export function checkColumns(columns: readonly Column[], inputs: readonly InputField[]): void {
  const names = columns.map(({ name }) => name)
  const taken = names.find((name) => ADDED.test(name) && !inputs.some((input) => input.name === name))
  const clash = taken ?? names.find((name) => ADDED.test(name))
  if (clash !== undefined)
    throw problem('unprocessable', { detail: `the table has a column "${clash}", as the result will have; rename it` })
  const missing = inputs.find((input) => input.required && !names.includes(input.name))
  if (missing !== undefined)
    throw problem('unprocessable', {
      detail: `the table has no column "${missing.name}" (${missing.dtype}), which the model requires; it has ${names.join(', ')}`,
    })
}

/** Writes the whole result to a file and waits until it is on the disk. */
export async function assemble(assembly: Assembly, format: 'csv' | 'parquet', path: string): Promise<void> {
  const outputs = outputsOf(assembly)
  await (format === 'csv' ? writeCsv(assembly, outputs, path) : writeParquet(assembly, outputs, path))
  await syncOne(path)
}

function outputsOf({ heads, columns, inputs, withErrors }: Assembly): Output[] {
  const copied = columns.map(({ name, element }, j): Output => {
    const kind = element === undefined ? kindOfInput(inputs, name) : kindOfElement(element)
    return { name, kind, logical: kind === 'timestamp' ? timeOf(element) : undefined, take: (cells) => cells[j] }
  })
  const error: Output = { name: 'error', kind: 'text', take: (_cells, outcome) => outcome.error }
  const score: Output = { name: 'score', kind: 'number', take: (_cells, outcome) => outcome.score }
  return [...copied, ...predictionsOf(heads), score, ...(withErrors ? [error] : [])]
}

/** One column, or one for each class where all predictions are lists of one length. */
function predictionsOf(heads: readonly PartHead[]): Output[] {
  const widths = [...new Set(heads.flatMap((head) => head.widths))]
  const kind = kindOfValues(new Set(heads.flatMap((head) => head.kinds).filter((name) => name !== 'null')))
  const [width = 0] = widths
  if (widths.length <= 1 && width > 0)
    return Array.from({ length: width }, (_, k) => ({
      name: `prediction_${k}`,
      kind,
      take: (_cells, { prediction }) => (prediction as unknown[] | null)?.[k],
    }))
  return [
    { name: 'prediction', kind: widths.length > 1 ? 'text' : kind, take: (_cells, outcome) => outcome.prediction },
  ]
}

function kindOfValues(kinds: ReadonlySet<string>): Kind {
  const [only] = kinds
  if (kinds.size !== 1) return kinds.size === 0 ? 'number' : 'text'
  return only === 'number' || only === 'bigint' || only === 'boolean' ? only : 'text'
}

const INPUT_KINDS = { number: 'number', integer: 'bigint', boolean: 'boolean', string: 'text' } as const

function kindOfInput(inputs: readonly InputField[], name: string): Kind {
  return INPUT_KINDS[inputs.find((input) => input.name === name)?.kind ?? 'string']
}

const ELEMENT_KINDS: Readonly<Record<string, Kind>> = {
  INT32: 'int32',
  INT64: 'bigint',
  INT96: 'timestamp',
  BOOLEAN: 'boolean',
  FLOAT: 'float32',
  DOUBLE: 'number',
}

const MEANINGS: Readonly<Record<string, Kind>> = { DATE: 'date', DECIMAL: 'number', FLOAT16: 'number' }

function kindOfElement({ type, converted_type, logical_type }: SchemaElement): Kind {
  const meaning = converted_type ?? logical_type?.type ?? ''
  const known = MEANINGS[meaning]
  if (known !== undefined) return known
  if (meaning.startsWith('TIMESTAMP')) return 'timestamp'
  if (meaning.startsWith('TIME')) return 'text'
  if (type === 'INT64' && isUnsigned(meaning, logical_type)) return 'unsigned'
  if (type === 'INT32' && (meaning === 'UINT_32' || meaning === 'INTEGER')) return 'bigint'
  return meaning === '' ? plainKind(type) : (ELEMENT_KINDS[type ?? ''] ?? 'text')
}

/** The kind of a column that says nothing beyond its physical type. */
function plainKind(type: SchemaElement['type']): Kind {
  if (type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY') return 'bytes'
  return ELEMENT_KINDS[type ?? ''] ?? 'text'
}

function isUnsigned(meaning: string, logical: SchemaElement['logical_type']): boolean {
  return meaning === 'UINT_64' || (logical?.type === 'INTEGER' && !logical.isSigned)
}

/** Unit and zone of a column of times. */
function timeOf(element: SchemaElement | undefined): SchemaElement['logical_type'] {
  if (element?.logical_type?.type === 'TIMESTAMP') return element.logical_type
  const unit =
    element?.type === 'INT96' ? 'NANOS' : element?.converted_type === 'TIMESTAMP_MICROS' ? 'MICROS' : 'MILLIS'
  return { type: 'TIMESTAMP', isAdjustedToUTC: element?.type !== 'INT96', unit }
}

async function* bodies({ folder, heads }: Assembly): AsyncGenerator<PartBody> {
  for (const [index, head] of heads.entries()) yield await readPart(folder, index, head)
}

async function writeCsv(assembly: Assembly, outputs: readonly Output[], path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(`${outputs.map(({ name }) => csvCell(name)).join(',')}\n`)
    for await (const { cells, outcomes } of bodies(assembly)) {
      const lines = cells.map((row, i) =>
        outputs.map(({ take }) => csvCell(plain(take(row, outcomes[i] as Outcome)))).join(','),
      )
      await file.writeFile(lines.length === 0 ? '' : `${lines.join('\n')}\n`)
    }
  } finally {
    await file.close()
  }
}

function plain(value: unknown): unknown {
  if (value === undefined) return null
  if (isInstant(value)) return instantText(value)
  if (isDecimal(value)) return value.decimal
  if (value instanceof Uint8Array) return bytesText(value)
  return value instanceof Date ? value.toISOString() : value
}

const ELEMENTS: Readonly<Record<Kind, Omit<SchemaElement, 'name'>>> = {
  number: { type: 'DOUBLE' },
  float32: { type: 'FLOAT' },
  bigint: { type: 'INT64' },
  unsigned: { type: 'INT64', converted_type: 'UINT_64' },
  int32: { type: 'INT32' },
  boolean: { type: 'BOOLEAN' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  date: { type: 'INT32', converted_type: 'DATE' },
  timestamp: { type: 'INT64' },
  bytes: { type: 'BYTE_ARRAY' },
}

async function writeParquet(assembly: Assembly, outputs: readonly Output[], path: string): Promise<void> {
  const elements = outputs.map(({ name, kind, logical }) => ({
    name,
    ...ELEMENTS[kind],
    ...(logical && { logical_type: logical }),
    repetition_type: 'OPTIONAL' as const,
  }))
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: [{ name: 'root', num_children: outputs.length }, ...elements],
  })
  for await (const { cells, outcomes } of bodies(assembly)) {
    if (cells.length === 0) continue
    const columnData = outputs.map(({ name, kind, take }) => ({
      name,
      data: cells.map((row, i) => typed(take(row, outcomes[i] as Outcome), kind)),
    }))
    await writer.write({ columnData, rowGroupSize: cells.length })
  }
  await writer.finish()
}

/** A value as a column of that kind holds it; null where it is none (a row with an error keeps the text of the fault there). */
function typed(value: unknown, kind: Kind): unknown {
  if (value === null || value === undefined) return null
  if (kind === 'text') return textOf(value)
  if (kind === 'bytes') return value instanceof Uint8Array ? value : null
  if (kind === 'timestamp' && isInstant(value)) return value.since1970
  if (kind === 'date' || kind === 'timestamp') return value instanceof Date ? value : null
  if (kind === 'boolean') return asBoolean(value)
  return value === '' ? null : asNumber(isDecimal(value) ? value.decimal : value, kind)
}

function asNumber(value: unknown, kind: Kind): number | bigint | null {
  if (typeof value === 'bigint' && kind === 'bigint') return value
  if (kind === 'unsigned') return typeof value === 'bigint' ? value : null
  const number = Number(value)
  if (kind === 'number' || kind === 'float32') return Number.isNaN(number) && typeof value === 'string' ? null : number
  if (!Number.isInteger(number)) return null
  if (kind === 'int32') return number
  return BigInt(typeof value === 'string' && /^-?\d+$/.test(value) ? value : number)
}

function asBoolean(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  const text = String(value).toLowerCase()
  return text === 'true' ? true : text === 'false' ? false : null
}

function textOf(value: unknown): string {
  const shown = plain(value)
  return typeof shown === 'string' ? shown : toJson(shown)
}
