/** Finds decisions made from a sentence: a test of the words in a field that the program itself wrote for people. */

/** Fields that hold sentences; `text` and `why` hold one in the rooms that write findings. */
const FIELDS = 'title|details?|message|reason|gate|sentence|summary|headline'
const FINDING_FIELDS = `${FIELDS}|text|why`
const FINDING_ROOMS = /^(?:src\/(?:monitoring|rollout)|web)\//
/** Fields that are a sentence in every room; `reason` and `gate` hold a word of a list in some, which may be compared. */
const SENTENCES = 'title|details?|message|sentence|summary|headline'
/** What an error of Node or of a library says may be all there is to go by. */
const FOREIGN = /^(?:error|\(error as Error\)|err|e|cause|failure|thrown|reason|issue|known)\??\.message$/

/** The tests of words in a source text, each as it is written, `one.title.startsWith('unit changed')`. */
export function wordTests(file: string, text: string): string[] {
  const fields = FINDING_ROOMS.test(file) ? FINDING_FIELDS : FIELDS
  const literal = String.raw`(?:'[^'\n]*'|"[^"\n]*"|\`[^\`\n]*\`|\/[^\n]+?\/[a-z]*|[A-Z][A-Z_]+)`
  const called = new RegExp(
    String.raw`((?:\w+[?!]?\.)+(?:${fields}))[?!]?\.(?:startsWith|endsWith|includes|indexOf|match|search)\(${literal}`,
    'g',
  )
  const tested = new RegExp(
    String.raw`(?:\/[^\n]+?\/|[A-Z][A-Z_]+)[a-z]*\.(?:test|exec)\(((?:\w+[?!]?\.)+(?:${fields}))\)`,
    'g',
  )
  const compared = new RegExp(String.raw`((?:\w+[?!]?\.)+(?:${SENTENCES}))[?!]?\s*[!=]==?\s*(?!''|"")${literal}`, 'g')
  const bare = new RegExp(String.raw`((?<![\w.])(?:${SENTENCES}))\.(?:startsWith|endsWith|includes)\(${literal}`, 'g')
  const cut = new RegExp(
    String.raw`((?:\w+[?!]?\.)*\b(?:${SENTENCES}))[?!]?\.split\(${literal}\)(?:\[\d\]|\.at\(-?\d\))\s*[!=]==?`,
    'g',
  )
  const code = text.replaceAll(/^\s*(?:\/?\*.*|\/\/.*)$/gm, '')
  const found = [called, tested, compared, bare, cut].flatMap((pattern) => [...code.matchAll(pattern)])
  return [...new Set(found.filter(([, field = '']) => !FOREIGN.test(field)).map(([whole]) => closed(whole)))]
}

function closed(call: string): string {
  return /\([^)]*$/.test(call) ? `${call})` : call
}
