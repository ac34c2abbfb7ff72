/** Finds secrets in code, outputs, texts and metadata (D7): by the names they are given to and by their shapes. */
import { change, report, type Program } from '../rewrite/program.ts'
import { refusal } from '../read/refusal.ts'

/** What vendors' keys look like. */
const SHAPES: readonly RegExp[] = [
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{30,}\b/,
  /\bgithub_pat_[A-Za-z0-9_]{20,}\b/,
  /\bglpat-[A-Za-z0-9_-]{20,}\b/,
  /\bhf_[A-Za-z0-9]{20,}\b/,
  /\bsk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/,
  /\bAIza[0-9A-Za-z_-]{35}\b/,
  /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
]
const CREDENTIALS_IN_URL = /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@'"]+:([^\s/@'"]{3,})@/
const NAMED =
  /(?:^|_)(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|access_?key|auth_?key|private_?key|credentials?)(?:_|$)/i
const PLACEHOLDER = /^(?:|x+|\*+|<.*>|your[-_ ].*|changeme|todo|none|null|true|false)$/i
const TOKENIZER = /token(?:izer|s|_pattern)|(?:max|num|pad|eos|bos|unk)_token/i

/** Replaces secrets of the code by environment variables; notes those that stand elsewhere. Throws where one stands in an f-string. */
export function treatSecrets(program: Program): void {
  const known = new Map<string, string>()
  for (const { cell, statement } of program.placed)
    for (const text of statement.texts) {
      if (text.doc || !isSecret(text.value, text.target)) continue
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
  for (const { where, text, cell } of elsewhere(program)) {
    const shape = SHAPES.map((one) => one.exec(text)?.[0] ?? CREDENTIALS_IN_URL.exec(text)?.[1]).find(
      (one) => one !== undefined,
    )
    const repeated = [...program.secrets].find(([, value]) => value.length >= 6 && text.includes(value))
    if (shape === undefined && repeated === undefined) continue
    const name = repeated?.[0] ?? envName(program, where)
    if (repeated === undefined && shape !== undefined) program.secrets.set(name, shape)
    report(program, {
      code: 'D7',
      cell,
      found: `a secret stands in ${where}`,
      action: `nothing of it is in the package; rotate it (listed as ${name}) and clear the notebook's ${where}`,
    })
  }
}

/** A setting whose value was a secret is read when the code runs. */
export function isSecret(value: string, target: string): boolean {
  if (SHAPES.some((shape) => shape.test(value)) || CREDENTIALS_IN_URL.test(value)) return true
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

function elsewhere(program: Program): { where: string; text: string; cell: number | null }[] {
  return [
    ...program.research.cells.flatMap(({ id, outputs }) =>
      outputs.map(({ text }) => ({ where: `the outputs of cell ${id}`, text, cell: id })),
    ),
    ...program.research.cells.map(({ id, source }) => ({
      where: `a comment of cell ${id}`,
      text: comments(source),
      cell: id,
    })),
    ...program.research.texts.map(({ where, text }) => ({ where, text, cell: null })),
  ]
}

function comments(source: string): string {
  return source
    .split('\n')
    .filter((line) => line.includes('#'))
    .map((line) => line.slice(line.indexOf('#')))
    .join('\n')
}

/** A text without the secrets of a program. */
export function scrubbed(program: Program, text: string): string {
  let clean = text
  for (const [name, value] of [...program.secrets].toSorted((a, b) => b[1].length - a[1].length)) {
    if (value.length >= 4) clean = clean.replaceAll(value, `<${name}>`)
  }
  for (const shape of SHAPES) clean = clean.replace(new RegExp(shape.source, 'g'), '<SECRET>')
  return clean
}
