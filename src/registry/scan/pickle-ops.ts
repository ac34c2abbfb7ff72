/** Pickle's opcodes of protocols 0 to 5 and how long each one's argument is. */

/** How an argument is written: bytes of fixed number, a length of 1, 4 or 8 bytes and then as many bytes, one line, or two lines. */
export type Argument =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'counted'; readonly bytes: 1 | 4 | 8 }
  | { readonly kind: 'lines'; readonly lines: 1 | 2 }

export interface Opcode {
  readonly name: string
  readonly argument: Argument
}

const fixed = (bytes: number): Argument => ({ kind: 'fixed', bytes })
const counted = (bytes: 1 | 4 | 8): Argument => ({ kind: 'counted', bytes })
const lines = (count: 1 | 2): Argument => ({ kind: 'lines', lines: count })
const NONE = fixed(0)

const TABLE: readonly (readonly [number | string, string, Argument])[] = [
  ['(', 'MARK', NONE],
  ['.', 'STOP', NONE],
  ['0', 'POP', NONE],
  ['1', 'POP_MARK', NONE],
  ['2', 'DUP', NONE],
  ['F', 'FLOAT', lines(1)],
  ['I', 'INT', lines(1)],
  ['J', 'BININT', fixed(4)],
  ['K', 'BININT1', fixed(1)],
  ['L', 'LONG', lines(1)],
  ['M', 'BININT2', fixed(2)],
  ['N', 'NONE', NONE],
  ['P', 'PERSID', lines(1)],
  ['Q', 'BINPERSID', NONE],
  ['R', 'REDUCE', NONE],
  ['S', 'STRING', lines(1)],
  ['T', 'BINSTRING', counted(4)],
  ['U', 'SHORT_BINSTRING', counted(1)],
  ['V', 'UNICODE', lines(1)],
  ['X', 'BINUNICODE', counted(4)],
  ['a', 'APPEND', NONE],
  ['b', 'BUILD', NONE],
  ['c', 'GLOBAL', lines(2)],
  ['d', 'DICT', NONE],
  ['}', 'EMPTY_DICT', NONE],
  ['e', 'APPENDS', NONE],
  ['g', 'GET', lines(1)],
  ['h', 'BINGET', fixed(1)],
  ['i', 'INST', lines(2)],
  ['j', 'LONG_BINGET', fixed(4)],
  ['l', 'LIST', NONE],
  [']', 'EMPTY_LIST', NONE],
  ['o', 'OBJ', NONE],
  ['p', 'PUT', lines(1)],
  ['q', 'BINPUT', fixed(1)],
  ['r', 'LONG_BINPUT', fixed(4)],
  ['s', 'SETITEM', NONE],
  ['t', 'TUPLE', NONE],
  [')', 'EMPTY_TUPLE', NONE],
  ['u', 'SETITEMS', NONE],
  ['G', 'BINFLOAT', fixed(8)],
  ['B', 'BINBYTES', counted(4)],
  ['C', 'SHORT_BINBYTES', counted(1)],
  [0x80, 'PROTO', fixed(1)],
  [0x81, 'NEWOBJ', NONE],
  [0x82, 'EXT1', fixed(1)],
  [0x83, 'EXT2', fixed(2)],
  [0x84, 'EXT4', fixed(4)],
  [0x85, 'TUPLE1', NONE],
  [0x86, 'TUPLE2', NONE],
  [0x87, 'TUPLE3', NONE],
  [0x88, 'NEWTRUE', NONE],
  [0x89, 'NEWFALSE', NONE],
  [0x8a, 'LONG1', counted(1)],
  [0x8b, 'LONG4', counted(4)],
  [0x8c, 'SHORT_BINUNICODE', counted(1)],
  [0x8d, 'BINUNICODE8', counted(8)],
  [0x8e, 'BINBYTES8', counted(8)],
  [0x8f, 'EMPTY_SET', NONE],
  [0x90, 'ADDITEMS', NONE],
  [0x91, 'FROZENSET', NONE],
  [0x92, 'NEWOBJ_EX', NONE],
  [0x93, 'STACK_GLOBAL', NONE],
  [0x94, 'MEMOIZE', NONE],
  [0x95, 'FRAME', fixed(8)],
  [0x96, 'BYTEARRAY8', counted(8)],
  [0x97, 'NEXT_BUFFER', NONE],
  [0x98, 'READONLY_BUFFER', NONE],
]

/** Opcodes by their byte; undefined where there is none. */
export const OPCODES: readonly (Opcode | undefined)[] = (() => {
  const table: (Opcode | undefined)[] = Array.from({ length: 256 }, () => undefined)
  for (const [code, name, argument] of TABLE) {
    table[typeof code === 'string' ? code.charCodeAt(0) : code] = { name, argument }
  }
  return table
})()
