/** Decodes the escapes of Python's string literals in the text opcodes of old pickle protocols. */

const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/**
 * The text that Python would make; undefined when an escape is not understood, for then nobody knows which name it spells.
 * `bytes` are the escapes of a string literal, `text` only the `\u` and `\U` of the raw form.
 */
export function decodeEscapes(text: string, form: 'bytes' | 'text'): string | undefined {
  if (!text.includes('\\')) return text.length > 4096 ? undefined : text
  let understood = true
  const decoded = text.replace(
    /\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{1,3}|[\s\S])/g,
    (whole, escape: string) => {
      const code = codeOf(escape, form)
      if (code !== undefined) return code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code)
      if (form === 'text') return whole
      const simple = SIMPLE[escape]
      if (simple === undefined) understood = false
      return simple ?? ''
    },
  )
  return understood ? decoded : undefined
}

function codeOf(escape: string, form: 'bytes' | 'text'): number | undefined {
  const first = escape.charAt(0)
  if (escape.length > 2 && (first === 'u' || first === 'U'))
    return form === 'text' ? Number.parseInt(escape.slice(1), 16) : undefined
  if (form === 'text') return undefined
  if (first === 'x' && escape.length === 3) return Number.parseInt(escape.slice(1), 16)
  return /^[0-7]+$/.test(escape) ? Number.parseInt(escape, 8) : undefined
}
