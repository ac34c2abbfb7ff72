/** Walks the opcodes of a pickle without ever loading it, and names every global that loading it would reach. */
import type { Finding, Level, Sink } from './findings.ts'
import { judgeGlobal } from './globals.ts'
import { OPCODES } from './pickle-ops.ts'
import type { Argument } from './pickle-ops.ts'
import { decodeEscapes } from './escapes.ts'
import { dtypeOf, setDtype, followingOf, isThing, isTuple, MARK, OTHER, putEntries } from './values.ts'
import type { Thing, Value } from './values.ts'

export interface PickleOptions {
  readonly file: string
  /** Persistent ids name the storages of a torch archive; elsewhere nobody knows what they do. */
  readonly torch?: boolean
  /** Pickles within this one so far. */
  readonly depth?: number
  /**
   * The file is something else by its first bytes, and is walked because a loader may take it for a pickle. Only what a loader
   * would run or import counts then. `text` may read as opcodes by chance: a list of words that begins with "cat" and "dog" names
   * dog of the module at. So a plain word at its very beginning counts only when it is called, or the pickle is whole.
   */
  readonly disguised?: 'data' | 'text'
  /** As pickle.load reads it, for which joblib's arrays are opcodes like all else. */
  readonly plain?: boolean
}

/** `end` is the byte after STOP, or the byte at which it cannot be read any further. */
export interface Walked {
  readonly end: number
  readonly complete: boolean
  /** Why it is not complete. */
  readonly fault: string | null
  /** It has arrays in joblib's way, whose bytes another loader reads as opcodes. */
  readonly arrays: boolean
}

/** Pickles within pickles beyond this many are not opened. */
const DEEPEST = 8
const MOST_MEMO = 20_000_000
/** As Python reads numbers: with a base and underscores. */
const NUMBER = /^\s*[+-]?(?:0[xob])?[\da-f_]+L?\s*$/i
/** How a module begins that Python can find: it imports the first part before it looks at the rest, and at the name last. */
const MODULE = /^[A-Za-z_]\w*(?:\.|$)/

interface Machine {
  readonly bytes: Buffer
  readonly options: PickleOptions
  readonly findings: Sink
  readonly memo: Map<number, Value>
  stack: Value[]
  /** Where the next opcode is. */
  at: number
  /** Where the present opcode begins. */
  op: number
  done: boolean
  arrays: boolean
  /** Names of a text that count when the pickle turns out to be whole. */
  readonly named: Finding[]
}

class Malformed extends Error {}

/** Walks one pickle from `start`. Never throws for what the bytes are. */
export function walkPickle(bytes: Buffer, start: number, options: PickleOptions, findings: Sink): Walked {
  const machine: Machine = {
    bytes,
    options,
    findings,
    memo: new Map(),
    stack: [],
    at: start,
    op: start,
    done: false,
    arrays: false,
    named: [],
  }
  try {
    while (!machine.done) step(machine)
    for (const finding of machine.named) findings.add(finding)
    return { end: machine.at, complete: true, fault: null, arrays: machine.arrays }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { end: machine.op, complete: false, fault: error.message, arrays: machine.arrays }
  }
}

function step(machine: Machine): void {
  machine.op = machine.at
  const code = machine.bytes[machine.at]
  if (code === undefined) throw new Malformed('it ends without STOP')
  const opcode = OPCODES[code]
  if (opcode === undefined) throw new Malformed(`0x${code.toString(16).padStart(2, '0')} is no opcode`)
  machine.at++
  const { start, end } = argument(machine, opcode.argument)
  const act = ACTS[opcode.name]
  if (act === undefined) throw new Malformed(`${opcode.name} is not understood`)
  act(machine, start, end)
}

/** Takes the argument off the bytes and returns where it lies; a counted one without its count. */
function argument(machine: Machine, kind: Argument): { start: number; end: number } {
  const start = machine.at
  if (kind.kind === 'fixed') return { start, end: skip(machine, kind.bytes) }
  if (kind.kind === 'lines') {
    for (let line = 0; line < kind.lines; line++) {
      const end = machine.bytes.indexOf(10, machine.at)
      // Python takes the end of the file for the end of a line, and of the second of two that are not there too
      if (end < 0 && line === 0 && machine.at >= machine.bytes.length) throw new Malformed('a line does not end')
      machine.at = end < 0 ? machine.bytes.length + 1 : end + 1
    }
    return { start, end: machine.at - 1 }
  }
  skip(machine, kind.bytes)
  const length =
    kind.bytes === 8 ? Number(machine.bytes.readBigUInt64LE(start)) : machine.bytes.readUIntLE(start, kind.bytes)
  return { start: machine.at, end: skip(machine, length) }
}

function skip(machine: Machine, length: number): number {
  if (!(machine.at + length <= machine.bytes.length)) throw new Malformed('an argument goes beyond its end')
  machine.at += length
  return machine.at
}

type Act = (machine: Machine, start: number, end: number) => void

const push = (machine: Machine, value: Value): void => void machine.stack.push(value)

/** The value on top; a mark is none. */
function top(machine: Machine): Value {
  const value = machine.stack.at(-1)
  if (machine.stack.length === 0 || value === MARK) throw new Malformed('a value is missing on the stack')
  return value
}

function pop(machine: Machine): Value {
  const value = top(machine)
  machine.stack.pop()
  return value
}

/** Everything above the last mark, which is taken away too. */
function popMark(machine: Machine): Value[] {
  const at = machine.stack.lastIndexOf(MARK)
  if (at < 0) throw new Malformed('there is no mark')
  const items = machine.stack.slice(at + 1)
  machine.stack.length = at
  return items
}

function setMemo(machine: Machine, key: number, value: Value): void {
  if (machine.memo.size >= MOST_MEMO) throw new Malformed('it remembers too many values')
  machine.memo.set(key, value)
}

function getMemo(machine: Machine, key: number): void {
  if (!machine.memo.has(key)) throw new Malformed(`it asks for value ${key}, which it has not kept`)
  push(machine, machine.memo.get(key))
}

function text(machine: Machine, start: number, end: number): string {
  return machine.bytes.toString('utf8', start, end)
}

function integer(machine: Machine, start: number, end: number): number {
  const line = text(machine, start, end)
  if (!NUMBER.test(line)) throw new Malformed('a number is expected')
  const [, sign = '', digits = ''] = /^([+-]?)(.*?)L?$/i.exec(line.trim().replaceAll('_', '')) ?? []
  return Number(digits) * (sign === '-' ? -1 : 1)
}

function note(machine: Machine, level: Level, what: string, reason: string): void {
  machine.findings.add({ level, file: machine.options.file, offset: machine.op, what, reason })
}

const UNLISTED = 'it is not on the list of what is known to be safe'

/** A name that nobody knows to be safe. Where another format is read as a pickle, it has to look like a name. */
function noteUnknown(machine: Machine, module: string, name: string): void {
  const { disguised, file } = machine.options
  const what = `${module}.${name}`
  if (disguised !== undefined && !MODULE.test(module)) return
  if (disguised !== 'text' || machine.op > 0 || module.includes('.')) note(machine, 'suspicious', what, UNLISTED)
  else machine.named.push({ level: 'suspicious', file, offset: machine.op, what, reason: UNLISTED })
}

/** Judges a name and makes the value that stands for it. */
function globalOf(machine: Machine, module: string, name: string): Value {
  const judged = judgeGlobal(module, name)
  if (judged === 'harmful')
    note(machine, 'malicious', `${module}.${name}`, 'loading the file would reach it, and no model needs it')
  if (judged === 'unknown') noteUnknown(machine, module, name)
  return { kind: 'global', module, name }
}

function stackGlobal(machine: Machine): void {
  const name = pop(machine)
  const module = pop(machine)
  if (typeof module === 'string' && typeof name === 'string') return push(machine, globalOf(machine, module, name))
  const { disguised } = machine.options
  if (disguised === undefined || (mayBeText(module) && mayBeText(name)))
    note(machine, 'suspicious', 'a computed name', 'which global it reaches is made up while it is loaded')
  push(machine, undefined)
}

/** Safe names whose results may be texts. */
const TEXTS =
  /^(?:(?:builtins|__builtin__)\.(?:str|unicode)|numpy\.(?:str|unicode)_|numpy\._?core\.multiarray\.scalar|_codecs\.encode)$/

/** Loaders refuse a name that is no text. */
function mayBeText(value: Value): boolean {
  return typeof value === 'string' || value === undefined || (isThing(value, 'instance') && TEXTS.test(value.of))
}

/** What a call makes; the call itself is as safe as what is called, which was judged when it was named. */
function called(machine: Machine, callee: Value, args: Value): Value {
  if (!isThing(callee, 'global')) {
    if (machine.options.disguised === undefined)
      note(machine, 'suspicious', 'a call', 'it calls something that it has made')
    return undefined
  }
  noteCalled(machine, callee)
  const full = `${callee.module}.${callee.name}`
  if (full === 'numpy.dtype') return dtypeOf(args)
  if (/^numpy\._?core\._ufunc_reconstruct$/.test(full) && isTuple(args)) return named(machine, args)
  if (full === 'torch.storage._load_from_bytes') nested(machine, args)
  if (/^copy_?reg\._reconstructor$/.test(full) && isTuple(args)) return instanceOf(args[0])
  return instanceOf(callee)
}

/** Of a text a name counts that is called, though what follows is no pickle any more. */
function noteCalled(machine: Machine, { module, name }: { readonly module: string; readonly name: string }): void {
  if (machine.options.disguised !== 'text' || !MODULE.test(module)) return
  if (judgeGlobal(module, name) === 'unknown') note(machine, 'suspicious', `${module}.${name}`, UNLISTED)
}

/** NumPy makes some functions again from a module and a name: the same as a global. */
function named(machine: Machine, [module, name]: readonly Value[]): Value {
  if (typeof module === 'string' && typeof name === 'string') return globalOf(machine, module, name)
  note(machine, 'suspicious', 'a computed name', 'which global it reaches is made up while it is loaded')
  return undefined
}

/** Torch keeps some storages as a pickle in bytes. */
function nested(machine: Machine, args: Value): void {
  const bytes = isTuple(args) ? args[0] : undefined
  if (isThing(bytes, 'bytes')) inner(machine, machine.bytes.subarray(0, bytes.end), bytes.start)
  else note(machine, 'suspicious', 'a nested pickle', 'its bytes are made up while it is loaded')
}

/** Walks a pickle within this one and returns where it ends. */
function inner(machine: Machine, bytes: Buffer, start: number): number {
  const depth = (machine.options.depth ?? 0) + 1
  if (depth > DEEPEST) throw new Malformed(`pickles lie in one another more than ${DEEPEST} deep`)
  const walked = walkPickle(bytes, start, { ...machine.options, depth }, machine.findings)
  if (!walked.complete) throw new Malformed(`a pickle within it cannot be read: ${walked.fault ?? ''}`)
  return walked.end
}

function instanceOf(value: Value): Thing | undefined {
  return isThing(value, 'global') ? { kind: 'instance', of: `${value.module}.${value.name}` } : undefined
}

const WRAPPER = 'joblib.numpy_pickle.NumpyArrayWrapper'

function build(machine: Machine): void {
  const state = pop(machine)
  const target = top(machine)
  noteChanged(machine)
  if (isThing(target, 'dtype')) setDtype(target, state)
  if (isThing(target, 'instance') && target.of === WRAPPER) {
    machine.arrays = true
    if (machine.options.plain === true) return
    skipArray(machine, state)
    // the array takes the wrapper's place
    machine.stack[machine.stack.length - 1] = OTHER
  }
}

/** What a stream gives attributes or items to is to be its own: a class or a function is that of the whole process. */
function noteChanged(machine: Machine): void {
  const target = top(machine)
  if (!isThing(target, 'global')) return
  note(
    machine,
    'malicious',
    `a change of ${target.module}.${target.name}`,
    'loading the file changes it for the whole process',
  )
}

/** joblib writes an array's bytes into the stream right after its wrapper. */
function skipArray(machine: Machine, state: Value): void {
  const following = followingOf(state)
  if (following === undefined) throw new Malformed('an array says in no known way how long it is')
  if (following.kind === 'pickle') {
    machine.at = inner(machine, machine.bytes, machine.at)
    return
  }
  if (following.padded) {
    const padding = machine.bytes[machine.at]
    if (padding === undefined) throw new Malformed('an array goes beyond its end')
    skip(machine, 1 + padding)
  }
  skip(machine, following.length)
}

function make(machine: Machine, cls: Value, args: Value): void {
  if (!isThing(cls, 'global')) return push(machine, called(machine, cls, args))
  noteCalled(machine, cls)
  push(machine, instanceOf(cls))
}

function persistent(machine: Machine): void {
  // without a loader that knows it, a persistent id ends the loading
  if (machine.options.torch !== true && machine.options.disguised === undefined)
    note(machine, 'suspicious', 'a persistent id', 'whoever loads it decides what it is')
}

function extension(machine: Machine, start: number, end: number): void {
  const code = machine.bytes.readUIntLE(start, end - start)
  note(machine, 'suspicious', `extension ${code}`, 'what it names is registered elsewhere')
  push(machine, undefined)
}

function stringLine(machine: Machine, start: number, end: number): void {
  const line = text(machine, start, end).trim()
  push(machine, decodeEscapes(line.replace(/^(['"])(.*)\1$/s, '$2'), 'bytes'))
}

function linesOf(machine: Machine, start: number, end: number): [string, string] {
  // where the file ends in a line, Python takes the last sign for its end
  const cut = end === machine.bytes.length && machine.bytes[end - 1] !== 10 ? 1 : 0
  const [module = '', name = ''] = text(machine, start, end - cut).split('\n')
  return [module.trim(), name.trim()]
}

const pushText: Act = (m, start, end) => push(m, end - start > 4096 ? undefined : text(m, start, end))
const pushBytes: Act = (m, start, end) => push(m, { kind: 'bytes', start, end })
const pushOther: Act = (m) => push(m, OTHER)
const pushUnsigned: Act = (m, start, end) => push(m, m.bytes.readUIntLE(start, end - start))

/** A signed number of up to six bytes; of longer ones the value does not matter. */
const pushLong: Act = (m, start, end) => {
  if (end === start) push(m, 0)
  else push(m, end - start > 6 ? undefined : m.bytes.readIntLE(start, end - start))
}

const ACTS: Readonly<Record<string, Act>> = {
  MARK: (m) => push(m, MARK),
  STOP: (m) => {
    pop(m)
    m.done = true
  },
  POP: (m) => {
    if (m.stack.length === 0) throw new Malformed('the stack is empty')
    m.stack.pop()
  },
  POP_MARK: (m) => void popMark(m),
  DUP: (m) => push(m, top(m)),
  FLOAT: pushOther,
  INT: (m, start, end) => push(m, integer(m, start, end)),
  LONG: (m, start, end) => push(m, integer(m, start, end)),
  BININT: pushLong,
  BININT1: pushUnsigned,
  BININT2: pushUnsigned,
  LONG1: pushLong,
  LONG4: pushLong,
  BINFLOAT: pushOther,
  NONE: (m) => push(m, null),
  NEWTRUE: (m) => push(m, 1),
  NEWFALSE: (m) => push(m, 0),
  STRING: stringLine,
  UNICODE: (m, start, end) => push(m, decodeEscapes(text(m, start, end), 'text')),
  BINSTRING: pushText,
  SHORT_BINSTRING: pushText,
  BINUNICODE: pushText,
  SHORT_BINUNICODE: pushText,
  BINUNICODE8: pushText,
  BINBYTES: pushBytes,
  SHORT_BINBYTES: pushBytes,
  BINBYTES8: pushBytes,
  BYTEARRAY8: pushBytes,
  NEXT_BUFFER: pushOther,
  READONLY_BUFFER: () => undefined,
  PERSID: (m) => {
    persistent(m)
    push(m, undefined)
  },
  BINPERSID: (m) => {
    persistent(m)
    pop(m)
    push(m, undefined)
  },
  GLOBAL: (m, start, end) => push(m, globalOf(m, ...linesOf(m, start, end))),
  STACK_GLOBAL: stackGlobal,
  REDUCE: (m) => {
    const args = pop(m)
    push(m, called(m, pop(m), args))
  },
  NEWOBJ: (m) => {
    const args = pop(m)
    make(m, pop(m), args)
  },
  NEWOBJ_EX: (m) => {
    pop(m)
    const args = pop(m)
    make(m, pop(m), args)
  },
  INST: (m, start, end) => {
    const callee = globalOf(m, ...linesOf(m, start, end))
    push(m, called(m, callee, popMark(m)))
  },
  OBJ: (m) => {
    const [callee, ...args] = popMark(m)
    push(m, called(m, callee, args))
  },
  EXT1: extension,
  EXT2: extension,
  EXT4: extension,
  BUILD: build,
  APPEND: (m) => {
    pop(m)
    noteChanged(m)
  },
  APPENDS: (m) => {
    popMark(m)
    noteChanged(m)
  },
  ADDITEMS: (m) => {
    popMark(m)
    noteChanged(m)
  },
  SETITEM: (m) => {
    const value = pop(m)
    const key = pop(m)
    noteChanged(m)
    putEntries(top(m), [key, value])
  },
  SETITEMS: (m) => {
    const items = popMark(m)
    noteChanged(m)
    putEntries(top(m), items)
  },
  EMPTY_LIST: pushOther,
  EMPTY_SET: pushOther,
  EMPTY_DICT: (m) => push(m, { kind: 'dict', entries: new Map() }),
  EMPTY_TUPLE: (m) => push(m, []),
  LIST: (m) => {
    popMark(m)
    push(m, OTHER)
  },
  FROZENSET: (m) => {
    popMark(m)
    push(m, OTHER)
  },
  DICT: (m) => {
    const dict: Value = { kind: 'dict', entries: new Map() }
    putEntries(dict, popMark(m))
    push(m, dict)
  },
  TUPLE: (m) => push(m, popMark(m)),
  TUPLE1: (m) => push(m, [pop(m)]),
  TUPLE2: (m) => {
    const second = pop(m)
    push(m, [pop(m), second])
  },
  TUPLE3: (m) => {
    const third = pop(m)
    const second = pop(m)
    push(m, [pop(m), second, third])
  },
  PUT: (m, start, end) => setMemo(m, integer(m, start, end), top(m)),
  BINPUT: (m, start, end) => setMemo(m, m.bytes.readUIntLE(start, end - start), top(m)),
  LONG_BINPUT: (m, start, end) => setMemo(m, m.bytes.readUIntLE(start, end - start), top(m)),
  MEMOIZE: (m) => setMemo(m, m.memo.size, top(m)),
  GET: (m, start, end) => getMemo(m, integer(m, start, end)),
  BINGET: (m, start, end) => getMemo(m, m.bytes.readUIntLE(start, end - start)),
  LONG_BINGET: (m, start, end) => getMemo(m, m.bytes.readUIntLE(start, end - start)),
  PROTO: (m, start) => {
    if ((m.bytes[start] ?? 0) > 5) throw new Malformed(`protocol ${m.bytes[start]} is not known`)
  },
  FRAME: () => undefined,
}
