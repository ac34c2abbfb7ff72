/** Finds secrets in code, outputs, texts and metadata (D7): by the names they are given to and by their shapes. */
import { stripVTControlCharacters } from 'node:util'
import type { Text } from '../facts/facts.ts'
import { change, codeWords, report, type Program } from '../rewrite/program.ts'
import { refusal } from '../read/refusal.ts'
import { hasShape, namedIn, secretsIn } from '../read/secret-text.ts'

const NAMED =
  /(?:^|_)(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|access_?key|auth_?key|private_?key|credentials?)(?:_|$)/i
const PLACEHOLDER = /^(?:|x+|\*+|<.*>|your[-_ ].*|changeme|todo|none|null|true|false)$/i
const TOKENIZER = /token(?:izer|s|_pattern)|(?:max|num|pad|eos|bos|unk)_token/i

/** Replaces secrets of the code by environment variables; notes those that stand elsewhere. Throws where one stands in an f-string. */
export function treatSecrets(program: Program): void {
  treatCode(program)
  const words = codeWords(program)
  for (const place of elsewhere(program)) treatPlace(program, place, secretsIn(place.text, words))
}

function treatCode(program: Program): void {
  const isHidden = hiddenTexts(program)
  const known = new Map<string, string>()
  for (const { cell, statement } of program.placed)
    for (const text of statement.texts) {
      if (!isHidden(text)) continue
      if (text.joined)
        throw refusal([
          {
            code: 'D7',
            cell,
            line: text.line,
            message: 'a secret is a part of an f-string',
            remedy: 'give it a name of its own in a line above',
          },
        ])
      const name = known.get(text.value) ?? envName(program, text.target)
      known.set(text.value, name)
      program.secrets.set(name, text.value)
      program.extraImports.add('import os')
      change(program, cell, [{ start: text.span[0], end: text.span[1], text: `os.environ["${name}"]` }], {
        code: 'D7',
        line: text.line,
        found: 'a secret stands in the code',
        action: `read from the environment variable ${name}; it was in the file, so it has to be rotated`,
      })
    }
}

/** Lists the secrets of a place, and those of the code that stand there too. */
function treatPlace(program: Program, { where, text, cell }: Place, values: readonly string[]): void {
  const names = new Set(
    [...program.secrets].flatMap(([name, one]) => (one.length >= 6 && text.includes(one) ? [name] : [])),
  )
  const known = new Set(program.secrets.values())
  for (const value of values) {
    if (known.has(value)) continue
    const name = envName(program, where)
    program.secrets.set(name, value)
    names.add(name)
  }
  if (names.size === 0) return
  report(program, {
    code: 'D7',
    cell,
    found: `a secret stands in ${where}`,
    action: `nothing of it is in the package; rotate it (listed as ${[...names].join(', ')}) and clear the notebook's ${where}`,
  })
}

/** Which texts of the code are read from the environment: secrets, texts with one, and texts with what is one by a comment or an output. */
export function hiddenTexts(program: Program): (text: Text) => boolean {
  const words = codeWords(program)
  const named = new Set(elsewhere(program).flatMap(({ text }) => namedIn(text, words)))
  return ({ value, target, doc }) =>
    !doc &&
    (isSecret(value, target) || namedIn(value, words).length > 0 || [...named].some((one) => value.includes(one)))
}

function isSecret(value: string, target: string): boolean {
  if (hasShape(value)) return true
  return (
    NAMED.test(target) && !TOKENIZER.test(target) && value.length >= 4 && !PLACEHOLDER.test(value) && !/\s/.test(value)
  )
}

function envName(program: Program, target: string): string {
  const base =
    target
      .replace(/[^A-Za-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .toUpperCase() || 'SECRET'
  let name = /^\d/.test(base) ? `SECRET_${base}` : base
  for (let count = 2; program.secrets.has(name); count += 1) name = `${base}_${count}`
  return name
}

interface Place {
  readonly where: string
  readonly text: string
  readonly cell: number | null
}

function elsewhere({ research, placed }: Program): Place[] {
  return [
    ...research.cells.flatMap(({ id, outputs }) =>
      outputs.map(({ text, besides }) => ({
        where: `the outputs of cell ${id}`,
        // colours part names from values
        text: stripVTControlCharacters(`${text}\n${besides}`),
        cell: id,
      })),
    ),
    ...research.cells.map(({ id, source, heading }) => ({
      where: `a comment of cell ${id}`,
      // the mark above a cell of a script is a part of no cell
      text: research.kind === 'script' ? `${heading}\n${comments(source)}` : comments(source),
      cell: id,
    })),
    ...placed.flatMap(({ cell, statement }) =>
      statement.texts.flatMap(({ doc, value }) =>
        doc ? [{ where: `a docstring of cell ${cell}`, text: value, cell }] : [],
      ),
    ),
    ...research.texts.map(({ where, text }) => ({ where, text, cell: null })),
  ]
}

function comments(source: string): string {
  return source
    .split('\n')
    .filter((line) => line.includes('#'))
    .map((line) => line.slice(line.indexOf('#')))
    .join('\n')
}
