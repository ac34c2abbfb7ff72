/** Reads MLflow's model signature: lists of columns or tensors, given as JSON or as text of JSON. */

export interface Column {
  readonly side: 'input' | 'output'
  readonly name: string
  readonly type: string
  readonly required: boolean
}

/** All columns of both sides; what cannot be read is left out. */
export function columnsOf(signature: Readonly<Record<string, unknown>>): Column[] {
  return [...side('input', signature['inputs']), ...side('output', signature['outputs'])]
}

function side(name: Column['side'], given: unknown): Column[] {
  const list = parsed(given)
  if (!Array.isArray(list)) return []
  return list.flatMap((item: unknown, place) => {
    if (typeof item !== 'object' || item === null) return []
    const field = item as Record<string, unknown>
    return [
      {
        side: name,
        name: typeof field['name'] === 'string' ? field['name'] : `#${place + 1}`,
        type: typeOf(field),
        required: field['required'] !== false && field['optional'] !== true,
      },
    ]
  })
}

function parsed(given: unknown): unknown {
  if (typeof given !== 'string') return given
  try {
    return JSON.parse(given)
  } catch {
    return undefined
  }
}

function typeOf(field: Record<string, unknown>): string {
  const tensor = field['tensor-spec'] as { dtype?: unknown; shape?: unknown } | undefined
  if (tensor !== undefined) return `${String(tensor.dtype)} ${JSON.stringify(tensor.shape)}`
  const named = field['type'] ?? field['kind'] ?? field['datatype']
  return typeof named === 'string' ? named : 'any'
}
