/** Writes OTLP's trace export request as protobuf, for tests and benches. */

/** A value of an attribute: a bigint is a whole number, a number a double. */
export type Sent =
  | string
  | bigint
  | number
  | boolean
  | null
  | Uint8Array
  | readonly Sent[]
  | { readonly [key: string]: Sent }

export interface SentSpan {
  /** Hex. */
  readonly trace: string
  readonly id: string
  readonly parent?: string
  readonly name: string
  /** Ns since 1970. */
  readonly start: bigint
  readonly end?: bigint
  readonly attributes?: Readonly<Record<string, Sent>>
  readonly events?: readonly {
    readonly name: string
    readonly time: bigint
    readonly attributes?: Record<string, Sent>
  }[]
  readonly links?: readonly { readonly trace: string; readonly id: string }[]
  /** 1 ok, 2 error. */
  readonly status?: number
  /** 1 internal (without one), 2 server, 3 client. */
  readonly kind?: number
  readonly message?: string
}

/** The bytes of a request with one resource. */
export function otlpRequest(spans: readonly SentSpan[], resource: Readonly<Record<string, Sent>> = {}): Buffer {
  const scope = [field(1, text(1, 'scope')), ...spans.map((span) => field(2, spanBytes(span)))]
  return field(1, Buffer.concat([field(1, pairs(1, resource)), field(2, Buffer.concat(scope))]))
}

function spanBytes(span: SentSpan): Buffer {
  return Buffer.concat([
    field(1, Buffer.from(span.trace, 'hex')),
    field(2, Buffer.from(span.id, 'hex')),
    ...(span.parent === undefined ? [] : [field(4, Buffer.from(span.parent, 'hex'))]),
    text(5, span.name),
    varintField(6, BigInt(span.kind ?? 1)),
    fixed(7, span.start),
    ...(span.end === undefined ? [] : [fixed(8, span.end)]),
    pairs(9, span.attributes ?? {}),
    ...(span.events ?? []).map((event) =>
      field(11, Buffer.concat([fixed(1, event.time), text(2, event.name), pairs(3, event.attributes ?? {})])),
    ),
    ...(span.links ?? []).map((link) =>
      field(13, Buffer.concat([field(1, Buffer.from(link.trace, 'hex')), field(2, Buffer.from(link.id, 'hex'))])),
    ),
    field(15, Buffer.concat([text(2, span.message ?? ''), varintField(3, BigInt(span.status ?? 0))])),
  ])
}

function pairs(number: number, map: Readonly<Record<string, Sent>>): Buffer {
  return Buffer.concat(
    Object.entries(map).map(([key, value]) => field(number, Buffer.concat([text(1, key), field(2, any(value))]))),
  )
}

function any(value: Sent): Buffer {
  if (value === null) return Buffer.alloc(0)
  if (typeof value === 'string') return text(1, value)
  if (typeof value === 'boolean') return varintField(2, value ? 1n : 0n)
  if (typeof value === 'bigint') return varintField(3, BigInt.asUintN(64, value))
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(value)
    return Buffer.concat([varint((4n << 3n) | 1n), bytes])
  }
  if (value instanceof Uint8Array) return field(7, value)
  if (Array.isArray(value)) return field(5, Buffer.concat((value as readonly Sent[]).map((one) => field(1, any(one)))))
  return field(6, pairs(1, value as Readonly<Record<string, Sent>>))
}

function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(bytes.length)), bytes])
}

function text(number: number, value: string): Buffer {
  return field(number, Buffer.from(value))
}

function fixed(number: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return Buffer.concat([varint((BigInt(number) << 3n) | 1n), bytes])
}

function varintField(number: number, value: bigint): Buffer {
  return Buffer.concat([varint(BigInt(number) << 3n), varint(value)])
}

function varint(value: bigint): Buffer {
  if (value <= 0x7fn) return Buffer.of(Number(value))
  return Buffer.concat([Buffer.of(Number(value & 0x7fn) | 0x80), varint(value >> 7n)])
}
