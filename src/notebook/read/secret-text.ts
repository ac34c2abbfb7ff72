/** Secrets in text: by what vendors' keys look like, in addresses, and by the names that they are given to. */

/** What vendors' keys look like. */
const SHAPES: readonly RegExp[] = [
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /\bgh[pousr]_[A-Za-z0-9]{30,}\b/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,}\b/g,
  /\bglpat-[A-Za-z0-9_-]{20,}\b/g,
  /\bhf_[A-Za-z0-9]{20,}\b/g,
  /\bsk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}\b/g,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/g,
  /\bAIza[0-9A-Za-z_-]{35}\b/g,
  /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/g,
]
const CREDENTIALS_IN_URL = /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@'"]+:([^\s/@'"]{3,})@/g
/** A name and what gives it a value: `DB_PASSWORD=`, `"api_key": `, `d["token"] = `, `**Password:** `. */
const GIVEN =
  /(?<![\w-])((?:(?:api|access|auth|private|secret) )?[\w-]{3,60})["'`*\]]{0,3}[^\S\n]*(?::=|=>|==?|:)\**[^\S\n]*/gi
/** Values are read to 1,024 characters, so that a text of nothing but names is read in time. */
const QUOTED = /[bru]{0,2}(["'`])((?:(?!\1)[^\\\s]|\\\S){1,1024})\1/iy
/** Up to a further pair, a tag or the end of a line within a text. */
const BARE = /[^\s"'`]\S{0,1023}?(?=\s|$|[,;&]["']?[\w-]{1,60}["']?[=:]|<\/?[a-z]|\\[nrt"'])/iy
const NAME = /(?:pass(?:word|wd|phrase)|pwd|secret|credential|(?:api|access|auth|private)[ _-]?key)s?(?![a-z])/i
const TOKEN = /token[_-]?\d*$/i
/** Names of what is about a secret, and of tokens that are words. */
const NO_SECRET =
  /[_-](?:name|id|file|path|dir|field|column|length|len|type|policy|url|arn|env|var)$|(?:max|min|num|total|pad|eos|bos|unk|sep|cls|mask|next|prev|start|stop|end|special)_?token/i
const PLACEHOLDER =
  /^(?:<.*>|[{[(:\\]|%\(|%[sd]\b|\$\{|your|example|placeholder|dummy|change[-_]?me|(?:insert|enter|replace)[-_])|\*{3}|\.{3}|[…•]|x{4}/i
const VARIABLE = /^\$[A-Z_][A-Z0-9_]*$/
/** Numbers, quantities, dates, shapes, versions, addresses of memory. */
const FIGURE =
  /^(?:[-+]?[\d.,_]+(?:e[-+]?\d+)?(?:[kmgt]?i?b|[mun]?s|px|k|m|%)?|\d{4}-\d\d-\d\d.*|\d+:\d\d.*|\d+(?:x\d+)+|v?\d+(?:\.\d+)+\w*|0x[\da-f]+)$/i
const PLACE =
  /^(?:[a-z][a-z\d+.-]*:\/\/|~?\/|\.{1,2}\/)|\.(?:json|ya?ml|toml|txt|csv|pem|key|env|ini|cfg|py|ipynb|pkl|joblib|h5|pt|bin|onnx|parquet)$/i
/** A call or an item, a name with dots, a name of words and small numbers. */
const CODE = /^(?:[a-z_][\w.]*[([{]|[a-z_]\w*(?:\.[a-z_]\w*)+$|[a-z]+\d?(?:_(?:[a-z]+\d?|v?\d{1,2}))+$)/i

/** Secrets that stand in a text. `words` are those of the code: what it has as a name is none. */
export function secretsIn(text: string, words: ReadonlySet<string>): string[] {
  const shaped = SHAPES.flatMap((shape) => [...text.matchAll(shape)].map(([whole]) => whole))
  const inUrls = [...text.matchAll(CREDENTIALS_IN_URL)].map(([, password = '']) => password)
  const real = inUrls.filter((one) => !PLACEHOLDER.test(one) && !words.has(one))
  return [...new Set([...shaped, ...real, ...namedIn(text, words)])]
}

/** Whether a text is what a vendor's key looks like, or an address with a password. */
export function hasShape(text: string): boolean {
  return SHAPES.some((shape) => text.search(shape) !== -1) || text.search(CREDENTIALS_IN_URL) !== -1
}

/** A text in which vendors' keys are masked. */
export function withoutShapes(text: string): string {
  return SHAPES.reduce((clean, shape) => clean.replace(shape, '<SECRET>'), text)
}

/** Values in a text that are given to the name of a secret. */
export function namedIn(text: string, words: ReadonlySet<string>): string[] {
  return [...text.matchAll(GIVEN)].flatMap((match) => {
    const [given, name = ''] = match
    if (NO_SECRET.test(name) || !(NAME.test(name) || TOKEN.test(name))) return []
    const at = match.index + given.length
    const quoted = startingAt(QUOTED, text, at)?.[2]
    const value = quoted ?? bareAt(text, at)
    const looks = quoted === undefined || TOKEN.test(name) ? isBareSecret : isQuotedSecret
    return isCandidate(value, words) && looks(value) ? [value] : []
  })
}

function bareAt(text: string, at: number): string {
  const [value = ''] = startingAt(BARE, text, at) ?? []
  return value.replace(/["'`.,;:)\]}>]{1,8}$/, '')
}

function startingAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function isCandidate(value: string, words: ReadonlySet<string>): boolean {
  return (
    value.length >= 8 && ![PLACEHOLDER, VARIABLE, FIGURE, PLACE].some((other) => other.test(value)) && !words.has(value)
  )
}

/** Words are bare too: letters and digits together tell a secret from them. */
function isBareSecret(value: string): boolean {
  return /\p{L}/u.test(value) && /\d/.test(value) && !CODE.test(value)
}

/** Quoted words, names of columns and variables are no secrets. */
function isQuotedSecret(value: string): boolean {
  return /\p{L}/u.test(value) && /[\d!@#$^&*?+=~]/.test(value)
}

const TEXT_OR_COMMENT = /'''[\s\S]*?'''|"""[\s\S]*?"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|#.*/g

/** Words of code outside its texts and comments: names, for the most part. */
export function wordsOf(sources: readonly string[]): Set<string> {
  return new Set(sources.flatMap((source) => source.replaceAll(TEXT_OR_COMMENT, ' ').match(/\w+/g) ?? []))
}
