/** What a model asks to have installed: names with versions, from the server's index, or something that may come from elsewhere. */

/** Ends of lines as Python's `splitlines` has them, by which pip reads requirements. */
const LINE_END = new RegExp(String.raw`\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]`)

const NAME = String.raw`[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?`
const VERSION = String.raw`\s*(?:[=~!<>]=|===|<|>)\s*[\w.*+!-]+\s*`
const REQUIREMENT = new RegExp(
  String.raw`^${NAME}\s*(?:\[[\w\s.,-]*\])?\s*(?:\(?${VERSION}(?:,${VERSION})*\)?)?\s*(?:;(?:(?!\s-)[^@/#])*)?$`,
)
/** Channels of conda that the makers of packages and of conda keep; `LABEL` of one may follow. */
const CHANNELS: ReadonlySet<string> = new Set(
  `anaconda bioconda conda-forge defaults dglteam fastai free huggingface intel main msys2 nodefaults nvidia pkgs/main pkgs/r plotly pro pyg
  pytorch pytorch-lts pytorch-nightly r rapidsai xformers`.split(/\s+/),
)
const CONDA = /^(?:([\w./-]+)::)?[A-Za-z0-9_][\w.-]*(?: ?[=<>!~](?:(?! -)[\w.*+!=,<>|~ -])*)?$/
/** pip takes a name that ends so for a file. */
const ARCHIVE = /\.(?:zip|whl|tgz|tar|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))$/i
/** The two files that MLflow lets others name are read by these rules themselves. */
const OPTION =
  /^(?:-r requirements\.txt|-c constraints\.txt|--pre|--prefer-binary|--(?:no|only)-binary[= ](?:[\w.,-]+|:(?:all|none):))$/
const HASHES = /(?:\s+--hash[= ]\w+:[0-9a-f]+)+\s*$/
/** pip decodes a file by the name that its first comments give. */
const CODING = /^#.*coding[:=]\s*(?!utf-8\b|ascii\b)[-\w.]+/i

/** The first line of a requirements file, or of an entry in another, that pip may take for more than a name in the index. */
export function foreignLine(text: string): string | undefined {
  return joined(text.split(LINE_END)).find((line) => !isOfIndex(line))
}

/** The same of an entry that may be in conda's words. */
export function foreignEntry(text: string): string | undefined {
  const [whole, channel = 'defaults'] = CONDA.exec(text) ?? []
  if (whole !== undefined && !isChannel(channel)) return text
  return whole !== undefined && !ARCHIVE.test(text) ? undefined : foreignLine(text)
}

/** Whether packages of a channel are those that their makers publish, as those of the index are. */
export function isChannel(channel: string): boolean {
  return CHANNELS.has(channel.replace(/\/label\/[\w.-]+$/, ''))
}

/** Lines as pip joins them: a backslash goes on, except in a comment. */
function joined(lines: readonly string[]): string[] {
  const whole: string[] = []
  let begun = ''
  for (const line of lines) {
    const comment = /^\s*#/.test(line)
    if (line.endsWith('\\') && !comment) {
      begun += line.replace(/\\+$/, '')
      continue
    }
    whole.push(comment ? begun : begun + line)
    if (comment) whole.push(line)
    begun = ''
  }
  return [...whole, begun]
}

function isOfIndex(line: string): boolean {
  if (CODING.test(line)) return false
  const bare = line
    .replace(/(?:^|\s+)#.*$/, '')
    .replace(HASHES, '')
    .trim()
  return bare === '' || OPTION.test(bare) || (REQUIREMENT.test(bare) && !ARCHIVE.test(bare))
}
