/** Other people's text inside of Markdown: shown letter by letter, never read as markup, mentions, links or commands. */

/** Longest text of a user that is shown, characters. */
export const SHOWN = 300

/** Characters that Markdown, HTML or a host's own references begin with; each becomes an entity. */
const MARKUP = /[&<>"'`*_{}[\]()#+\-.!|~\\$^=:/@%?]/g

/** Control characters, and those that turn or hide what stands around them: bidirectional marks, zero widths, tags. */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+/g
const TAGS = /[\u{e0000}-\u{e007f}]+/gu

/** Letters after which hosts look for a person, an issue, a request, a label, an address. Entities are read before that. A figure has none. */
const REFERENCE = /[@#!~$&:^/]|%(?=[\w"'])|(?<!\d)\.|\.(?!\d)|(?<=\bGH)-|(?<=^|\W)(?=\d*[a-f])[0-9a-f]{7,40}(?=\W|$)/g
const BREAK = '\u200b'

/** One line without characters that cannot be seen, clipped. */
export function oneLine(text: string, most: number = SHOWN): string {
  const line = text.replace(UNSEEN, ' ').replace(TAGS, ' ').replace(/\s+/g, ' ').trim()
  // not in the middle of a letter of two units
  return (line.length > most ? `${line.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…` : line).toWellFormed()
}

/** A sentence of a user, clipped: no markup, and nothing that a host links. Hosts read entities first and then look for references. */
export function plain(text: string, most: number = SHOWN): string {
  return entities(
    oneLine(text, most).replace(REFERENCE, (found) =>
      /^[0-9a-f]{7,}$/.test(found) ? `${found.slice(0, 3)}${BREAK}${found.slice(3)}` : `${found}${BREAK}`,
    ),
  )
}

/** A name or value of a user, in the font of code, where no host looks for references. */
export function code(text: string): string {
  const line = oneLine(text)
  return line === '' ? '' : `<code>${entities(line)}</code>`
}

function entities(text: string): string {
  return text.replace(MARKUP, (letter) => `&#${letter.codePointAt(0)};`)
}

/** Text inside an element or attribute of XML 1.0. */
export function xml(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ' ')
      .toWellFormed()
      .replace(/[&<>"'\n\r\t]/g, (letter) => `&#${letter.codePointAt(0)};`)
  )
}

/** A text in which no secret of this process stands any more, whole or as base64. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const spellings = secrets
    .filter((secret) => secret.length >= 8)
    .flatMap((secret) => [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
  // the longest first, for one may begin with another
  const sorted = spellings.toSorted((a, b) => b.length - a.length)
  return sorted.reduce((hidden, one) => hidden.replaceAll(one, '***'), text)
}

/**
 * A document in whose texts no secret stands. Before it is drawn: afterwards a secret may be spelt in entities, or be cut in half.
 */
export function documentWithoutSecrets<T>(document: T, secrets: readonly string[]): T {
  if (typeof document === 'string') return withoutSecrets(document, secrets) as T
  if (typeof document !== 'object' || document === null) return document
  if (Array.isArray(document)) return document.map((one: unknown) => documentWithoutSecrets(one, secrets)) as T
  const entries = Object.entries(document).map(([key, value]): [string, unknown] => [
    withoutSecrets(key, secrets),
    documentWithoutSecrets(value, secrets),
  ])
  return Object.fromEntries(entries) as T
}
