/** Paths and addresses that tie code to a machine (D6) become settings, and what is read is a data set input. */
import { existsSync } from 'node:fs'
import { basename, extname, isAbsolute, resolve } from 'node:path'
import { refusal } from '../read/refusal.ts'
import type { Call, Statement, Text } from '../facts/facts.ts'
import { addArgument } from '../rewrite/lifting.ts'
import {
  change,
  enclosing,
  freshName,
  functionsOf,
  isOpen,
  report,
  type Placed,
  type Program,
} from '../rewrite/program.ts'
import { hiddenTexts } from './secrets.ts'

const MACHINE = /^(?:\/(?!$)|~\/|[A-Za-z]:[\\/]|file:\/\/)/
const ADDRESS = /^(?:https?|s3|gs|gcs|abfss?|wasbs?|hdfs|ftp):\/\//
const READER =
  /(?:^|\.)(?:read_\w+|open|load|load_\w+|loadtxt|genfromtxt|imread|urlopen|urlretrieve|connect|fromfile|Path|get)$/
const WRITER = /(?:^|\.)(?:to_\w+|savefig|save|dump|savetxt|write_\w+|mkdir|makedirs)$/

/** Replaces texts that are paths or addresses by settings. `folder` is where the research code lies. Throws for `chdir`. */
export function treatPaths(program: Program, folder: string): void {
  const own = new Set(functionsOf(program).keys())
  const isHidden = hiddenTexts(program)
  for (const placed of program.placed) {
    refuseFolders(placed)
    for (const text of placed.statement.texts) {
      const kind = text.doc || isHidden(text) ? undefined : kindOf(placed.statement, text, { folder, own })
      if (kind === undefined) continue
      if (text.joined) noteJoined(program, placed, text)
      else if (placed.role === 'setting') noteSetting(program, placed, text, kind)
      else replace(program, placed, text, kind)
    }
  }
}

type Kind = 'machine' | 'address' | 'file'

/** What a text is by its shape and by the call that it is given to; undefined for other texts. */
function kindOf(
  statement: Statement,
  text: Text,
  { folder, own }: { readonly folder: string; readonly own: ReadonlySet<string> },
): Kind | undefined {
  const call = callOf(statement, text)
  if (/\s/.test(text.value) && !existsSync(resolve(folder, text.value))) return undefined
  if (ADDRESS.test(text.value)) return call === undefined || READER.test(call.text) ? 'address' : undefined
  if (MACHINE.test(text.value) && looksLikePath(text.value)) return 'machine'
  return isRead(text.value, folder) && (call === undefined || reads(call, own)) ? 'file' : undefined
}

/** Whether a call reads a path that it is given; a function of the code may hand it on to what does. */
function reads(call: Call, own: ReadonlySet<string>): boolean {
  return !WRITER.test(call.text) && (READER.test(call.text) || own.has(call.text)) && !writes(call)
}

function looksLikePath(value: string): boolean {
  return value.length > 2 && (extname(value) !== '' || value.split(/[\\/]/).length > 2)
}

/** A file beside the code, with an ending: other texts may be words by chance. */
function isRead(value: string, folder: string): boolean {
  return extname(value) !== '' && !isAbsolute(value) && existsSync(resolve(folder, value))
}

function callOf(statement: Statement, text: Text): Call | undefined {
  return statement.calls.find((call) =>
    [...call.arguments, ...call.keywords].some(({ span }) => span[0] === text.span[0] && span[1] === text.span[1]),
  )
}

function writes(call: Call): boolean {
  return (
    call.text === 'open' && [...call.arguments.slice(1), ...call.keywords].some(({ text }) => /^['"][wax]/.test(text))
  )
}

const FOUND: Record<Kind, string> = {
  machine: 'a path that only this machine has',
  address: 'an address of the network',
  file: 'a file beside the code',
}

function replace(program: Program, placed: Placed, text: Text, kind: Kind): void {
  const known = [...program.settings.values()].find(({ input }) => input === text.value)
  const name = known?.name ?? freshName(program, settingName(text.value, kind))
  program.settings.set(name, {
    name,
    source: JSON.stringify(text.value),
    type: 'str',
    cell: placed.cell,
    input: text.value,
    meaning: `Input of cell ${placed.cell}: ${FOUND[kind]}.`,
  })
  const finding = { code: 'D6', line: text.line, found: `${FOUND[kind]}: ${text.value}` }
  const own = defaultOf(placed, text)
  if (own !== undefined && passDefault(program, own, name)) {
    change(program, placed.cell, [], {
      ...finding,
      action: `calls that give no ${own.parameter} give the setting ${name}, an input of the project`,
    })
    return
  }
  // what is read while a function is defined is there in its step only
  if (placed.role === 'function' && isEarly(placed, text)) placed.role = 'body'
  placed.needs.add(name)
  change(program, placed.cell, [{ start: text.span[0], end: text.span[1], text: name }], {
    ...finding,
    action: `the setting ${name}, an input of the project`,
  })
  const inside = enclosing(placed.statement, text.span[0])
  if (inside !== undefined && placed.role === 'function') placed.needs.add(name)
}

interface Default {
  readonly called: string
  readonly parameter: string
  /** Its place among the positional parameters; null for one that is given by name. */
  readonly at: number | null
}

/** The parameter of a function of the package whose default a text is. */
function defaultOf({ role, statement }: Placed, text: Text): Default | undefined {
  const { definition } = statement
  if (role !== 'function' || definition?.kind !== 'function' || definition.decorated) return undefined
  const found = definition.defaults?.find(({ span }) => span[0] === text.span[0] && span[1] === text.span[1])
  return found === undefined ? undefined : { called: definition.name, parameter: found.name, at: found.at }
}

/** Gives the setting to each call that leaves the default; false, and nothing done, where a use of the function is no plain call. */
function passDefault(program: Program, { called, parameter, at }: Default, setting: string): boolean {
  const uses = program.placed.flatMap((placed) =>
    placed.statement.names.filter(({ name, read }) => read && name === called).map((use) => ({ placed, use })),
  )
  const calls = uses.map(({ placed, use }) => ({
    placed,
    call: use.call === null ? undefined : placed.statement.calls.find(({ function: place }) => place[0] === use.start),
  }))
  if (calls.some(({ call }) => call === undefined || isOpen(call))) return false
  for (const { placed, call } of calls) {
    if (
      call === undefined ||
      call.keywords.some(({ name }) => name === parameter) ||
      call.arguments.length > (at ?? Infinity)
    )
      continue
    addArgument(program.edits.get(placed.cell) ?? [], call, `${parameter}=${setting}`)
    placed.needs.add(setting)
  }
  return true
}

/** Whether a text stands in what is read while its function or class is defined: decorators, defaults, hints. */
function isEarly({ statement }: Placed, text: Text): boolean {
  return statement.definition !== null && text.span[0] < statement.definition.body
}

function noteSetting(program: Program, placed: Placed, text: Text, kind: Kind): void {
  const { value } = placed.statement
  if (value === null || value.type !== 'str') return
  program.settings.set(value.name, {
    name: value.name,
    source: JSON.stringify(text.value),
    type: 'str',
    cell: placed.cell,
    input: text.value,
    meaning: `Input of cell ${placed.cell}: ${FOUND[kind]}.`,
  })
  program.findings.push({
    code: 'D6',
    cell: placed.cell,
    line: text.line,
    found: `${FOUND[kind]}: ${text.value}`,
    treatment: 'changed',
    action: `the setting ${value.name}, an input of the project`,
  })
}

function noteJoined(program: Program, placed: Placed, text: Text): void {
  report(program, {
    code: 'D6',
    cell: placed.cell,
    line: text.line,
    found: `a path or an address is a part of an f-string: ${text.value}`,
    action: 'give its beginning a name of its own, so that it becomes a setting',
  })
}

function settingName(value: string, kind: Kind): string {
  const base = basename(value.replace(/[?#].*$/, ''), extname(value))
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
  const name = /^[a-z]/.test(base) ? base : `input_${base}`
  return `${name || 'input'}_${kind === 'address' ? 'url' : 'path'}`
}

function refuseFolders({ cell, statement }: Placed): void {
  const found = statement.calls.find(({ text }) => text === 'os.chdir' || text === 'chdir')
  if (found === undefined) return
  throw refusal([
    {
      code: 'D6',
      cell,
      line: found.line,
      message: 'the code changes its folder, so that what paths mean depends on when they are used',
      remedy: 'take os.chdir out and write the paths from the folder of the notebook',
    },
  ])
}
