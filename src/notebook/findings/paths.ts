/** Paths and addresses that tie code to a machine (D6) become settings, and what is read is a data set input. */
import { existsSync } from 'node:fs'
import { basename, extname, isAbsolute, resolve } from 'node:path'
import { refusal } from '../read/refusal.ts'
import type { Call, Statement, Text } from '../facts/facts.ts'
import { change, enclosing, freshName, report, type Placed, type Program } from '../rewrite/program.ts'

const MACHINE = /^(?:\/(?!$)|~\/|[A-Za-z]:[\\/]|file:\/\/)/
const ADDRESS = /^(?:https?|s3|gs|gcs|abfss?|wasbs?|hdfs|ftp):\/\//
const READER =
  /(?:^|\.)(?:read_\w+|open|load|load_\w+|loadtxt|genfromtxt|imread|urlopen|urlretrieve|connect|fromfile|Path|get)$/
const WRITER = /(?:^|\.)(?:to_\w+|savefig|save|dump|savetxt|write_\w+|mkdir|makedirs)$/

/** Replaces texts that are paths or addresses by settings. `folder` is where the research code lies. Throws for `chdir`. */
export function treatPaths(program: Program, folder: string): void {
  for (const placed of program.placed) {
    refuseFolders(placed)
    for (const text of placed.statement.texts) {
      const kind = text.doc ? undefined : kindOf(placed.statement, text, folder)
      if (kind === undefined) continue
      if (text.joined) noteJoined(program, placed, text)
      else if (placed.role === 'setting') noteSetting(program, placed, text, kind)
      else replace(program, placed, text, kind)
    }
  }
}

type Kind = 'machine' | 'address' | 'file'

/** What a text is by its shape and by the call that it is given to; undefined for other texts. */
function kindOf(statement: Statement, text: Text, folder: string): Kind | undefined {
  const call = callOf(statement, text)
  if (/\s/.test(text.value) && !existsSync(resolve(folder, text.value))) return undefined
  if (ADDRESS.test(text.value)) return call === undefined || READER.test(call.text) ? 'address' : undefined
  if (MACHINE.test(text.value) && looksLikePath(text.value)) return 'machine'
  if (call === undefined || WRITER.test(call.text))
    return isRead(text.value, folder) && call === undefined ? 'file' : undefined
  if (!READER.test(call.text) || writes(call)) return undefined
  return isRead(text.value, folder) ? 'file' : undefined
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
  placed.needs.add(name)
  change(program, placed.cell, [{ start: text.span[0], end: text.span[1], text: name }], {
    code: 'D6',
    line: text.line,
    found: `${FOUND[kind]}: ${text.value}`,
    action: `the setting ${name}, an input of the project`,
  })
  const inside = enclosing(placed.statement, text.span[0])
  if (inside !== undefined && placed.role === 'function') placed.needs.add(name)
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
