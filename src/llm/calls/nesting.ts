/** How deep a JSON text nests, found without making anything of it. */

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** What opens, and what closes: `[`, `{`, `]`, `}`. */
const OPENS: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSES: ReadonlySet<number> = new Set([0x5d, 0x7d])

/** Whether lists and objects of a JSON text lie more than `most` deep. What is no JSON may be said to be deeper than it is. */
export function nestsDeeper(text: string, most: number): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfText(text, at)
    else if (OPENS.has(code)) {
      if (++depth > most) return true
    } else if (CLOSES.has(code)) depth--
  }
  return false
}

/** Place of the quote that ends the text beginning at `from`; the end where none does. */
function endOfText(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at
  }
  return text.length
}
