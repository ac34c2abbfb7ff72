/** Turns what was typed into the fields of an endpoint into one row of inputs. */

export interface InputField {
  readonly name: string
  readonly kind: 'number' | 'integer' | 'boolean' | 'string'
  readonly required: boolean
}

export interface TypedRow {
  /** By input name; an empty field is null (missing). */
  readonly row: Readonly<Record<string, number | string | boolean | null>>
  /** By input name, what is wrong with the text. */
  readonly faults: Readonly<Record<string, string>>
}

/** Reads each text by its field's kind; a text that cannot be read is null in the row and named in `faults`. */
export function rowOf(fields: readonly InputField[], texts: Readonly<Record<string, string>>): TypedRow {
  const row: Record<string, number | string | boolean | null> = {}
  const faults: Record<string, string> = {}
  for (const { name, kind } of fields) {
    const text = (texts[name] ?? '').trim()
    const value = text === '' ? null : valueOf(kind, text)
    row[name] = value ?? null
    if (value === undefined) faults[name] = `not ${kind === 'integer' ? 'a whole number' : `a ${kind}`}`
  }
  return { row, faults }
}

function valueOf(kind: InputField['kind'], text: string): number | string | boolean | undefined {
  if (kind === 'string') return text
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  const number = Number(text)
  return Number.isFinite(number) && (kind === 'number' || Number.isInteger(number)) ? number : undefined
}

/** The texts of a row, as they are typed into its fields; missing values are empty. */
export function textsOf(
  fields: readonly InputField[],
  row: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    fields.map(({ name }) => {
      const value = row[name]
      const plain = typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean'
      return [name, plain ? String(value) : '']
    }),
  )
}
