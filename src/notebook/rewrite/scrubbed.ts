/** Texts of a package, without the secrets of its program. */
import { withoutShapes } from '../read/secret-text.ts'
import { cellOf, type Program } from './program.ts'

/** A text without the secrets of a program, however JSON and HTML spell them. */
export function scrubbed(program: Pick<Program, 'secrets'>, text: string): string {
  let clean = text
  for (const [name, value] of [...program.secrets].toSorted((a, b) => b[1].length - a[1].length))
    if (value.length >= 4) for (const spelt of spellings(value)) clean = clean.replaceAll(spelt, `<${name}>`)
  return withoutShapes(clean)
}

function spellings(value: string): Set<string> {
  const json = JSON.stringify(value).slice(1, -1)
  return new Set([escaped(json), escaped(value), json, value])
}

/** A text as HTML has it. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** The heading of a cell: names and descriptions are made of it. */
export function headingOf(program: Program, cell: number): string {
  return scrubbed(program, cellOf(program, cell)?.heading ?? '')
}
