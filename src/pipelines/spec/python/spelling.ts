/** Texts of Python by what they are and not by how they are quoted. */

/** A text with its prefix, its quotes and what stands between them. */
const TEXT = /^([A-Za-z]{0,2})('''|"""|'|")([^]*)\2$/
const QUOTE = /['"]/
const ESCAPE = /\\([^])/g

/**
 * Equal for two spellings of one text, where only the kind of quotes, the case of a prefix and escaped quotes differ; as written
 * otherwise. Takes a text as it stands in the source.
 */
export function spelling(written: string): string {
  const [, prefix = '', , between = ''] = TEXT.exec(written) ?? []
  const kind = prefix.toLowerCase().split('').toSorted().join('')
  const lines = between.replace(/\r\n?/g, '\n')
  // an expression in a formatted text may hold quotes of its own, and shows itself as written after `=`
  if (/[ft]/.test(kind))
    return QUOTE.test(lines) || lines.includes('\\') ? written : `${kind.replace('r', '')}"${lines}"`
  // without backslashes nothing is raw
  if (!lines.includes('\\')) return `${kind.replace('r', '')}"${lines}"`
  if (kind.includes('r')) return `${kind}"${lines}"`
  return `${kind}"${lines.replace(ESCAPE, (escape: string, next: string) => (QUOTE.test(next) ? next : escape))}"`
}
