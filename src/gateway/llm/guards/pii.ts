/** Finders of personal data. Each is made so that it finds little that is something else, and takes a time that grows with the text alone. */
import { isIP } from 'node:net'
import type { PII_KINDS } from '../../../contract/llm/options.ts'
import type { Find, Finding } from './findings.ts'
import { byExpression, joined } from './findings.ts'
import { ibanLength, isCard, isIban } from './numbers.ts'

type PiiKind = (typeof PII_KINDS)[number]

/** Longest domain name, RFC 1035. */
const LONGEST_DOMAIN = 253
/** Longest part before the @, RFC 5321. */
const LONGEST_LOCAL = 64
const LOCAL = /[\p{L}\p{N}._%+'-]/u
const DOMAIN = /^(?:[\p{L}\p{N}][\p{L}\p{N}-]{0,62}\.)+(?:xn--[a-z0-9-]{1,59}|\p{L}{2,63})(?![\p{L}\p{N}_])/iu

/** Addresses with a domain that has a dot. Quoted local parts, which nobody uses, are not found. */
function emails(text: string): readonly Finding[] {
  const found: Finding[] = []
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let from = at
    const least = Math.max(found.at(-1)?.to ?? 0, at - LONGEST_LOCAL)
    while (from > least && LOCAL.test(text.charAt(from - 1))) from--
    while (from < at && /[.'-]/.test(text.charAt(from))) from++
    if (from === at) continue
    const domain = DOMAIN.exec(text.slice(at + 1, at + 1 + LONGEST_DOMAIN))
    if (domain !== null) found.push({ from, to: at + 1 + domain[0].length, what: 'email', mark: '[EMAIL]' })
  }
  return found
}

/** Digits in groups with one space or hyphen between them. */
const DIGITS = /(?<![\w.])\d(?:[ \u00a0-]?\d){12,}(?!\w)/g
const GROUP = /\d+/g

/** Numbers of cards of 13 to 19 digits, alone or in groups, wherever they begin among groups of digits. */
function cards(text: string): readonly Finding[] {
  const found: Finding[] = []
  for (const run of text.matchAll(DIGITS)) {
    const groups = [...run[0].matchAll(GROUP)].map((group) => ({ at: run.index + group.index, digits: group[0] }))
    for (let first = 0; first < groups.length; first++) {
      const last = cardEnd(groups, first)
      if (last < 0) continue
      const { at, digits } = groups[last] ?? { at: 0, digits: '' }
      found.push({ from: groups[first]?.at ?? 0, to: at + digits.length, what: 'card', mark: '[CARD]' })
      first = last
    }
  }
  return found
}

/** Place of the group that ends the card which begins with a group; -1 = none does. */
function cardEnd(groups: readonly { readonly digits: string }[], first: number): number {
  let digits = ''
  for (let last = first; last < groups.length; last++) {
    digits += groups[last]?.digits ?? ''
    if (digits.length > 19) return -1
    if (isCard(digits)) return last
  }
  return -1
}

const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?=[ -]?[A-Z0-9])/gi

/** Numbers of accounts of countries that have them, in one piece or in groups. */
function ibans(text: string): readonly Finding[] {
  const found: Finding[] = []
  for (const { 0: start, index: from } of text.matchAll(IBAN)) {
    const length = ibanLength(start.slice(0, 2).toUpperCase())
    if (length === undefined) continue
    let compact = ''
    let to = from
    while (compact.length < length && /[A-Za-z0-9 -]/.test(text.charAt(to))) {
      const char = text.charAt(to++)
      if (char !== ' ' && char !== '-') compact += char
      else if (/[ -]/.test(text.charAt(to))) break
    }
    if (compact.length === length && !/[A-Za-z0-9]/.test(text.charAt(to)) && isIban(compact.toUpperCase()))
      found.push({ from, to, what: 'iban', mark: '[IBAN]' })
  }
  return found
}

/** Numbers in three groups. Those never given are left out: area 000, 666 and from 900 on, group 00, serial 0000 (SSA, since 2011). */
const SSN = /(?<![\w.-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-]|\.\d)/g

const V4 = /(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)/g
const V6 = /(?<![\w:.])[\da-f]{0,4}(?::[\da-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![\w:]|\.\d)/gi

/** Addresses of the internet; a version of three or of five numbers is none. */
function addresses(text: string): readonly Finding[] {
  const named = { what: 'ip', mark: '[IP]' }
  const four = byExpression(V4, named, (one) => isIP(one) === 4)
  const six = byExpression(V6, named, (one) => /\d/.test(one) && isIP(one) === 6)
  return joined(text.includes('.') ? four(text) : [], text.includes(':') ? six(text) : [])
}

/** With a country code: E.164, 8 to 15 digits behind a plus. */
const INTERNATIONAL = /(?<![\w+])\+[1-9](?:[ \u00a0()./-]{0,2}\d){7,14}(?![\d-]\d|\d)/g
/** As in North America: three, three and four digits, of which the first two groups begin with 2 to 9. */
const AMERICAN = /(?<![\w.+(-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?![\w-]|\.\d)/g
/** With a leading zero: 9 to 12 digits in groups, the first of them two to five digits long. */
const NATIONAL = /(?<![\w.+(/:-])(?:\(0[1-9]\d{0,3}\) ?|0[1-9]\d{0,3}[ /-])\d{2,8}(?:[ -]\d{2,8}){0,4}(?![\w/:-]|\.\d)/g

function phones(text: string): readonly Finding[] {
  const named = { what: 'phone', mark: '[PHONE]' }
  const abroad = text.includes('+') ? byExpression(INTERNATIONAL, named)(text) : []
  const american = byExpression(AMERICAN, named)(text)
  const national = byExpression(NATIONAL, named, (one) => {
    const { length } = one.replace(/\D/g, '')
    return length >= 9 && length <= 12
  })(text)
  return joined(joined(abroad, american), national)
}

const HAS_DIGITS = /\d{2}/

/** By kind, in the order in which they win where two could be meant. */
const FINDERS: readonly (readonly [PiiKind, Find])[] = [
  ['email', emails],
  ['iban', withDigits(ibans)],
  ['card', withDigits(cards)],
  ['us_ssn', withDigits(byExpression(SSN, { what: 'us_ssn', mark: '[SSN]' }))],
  ['ip', addresses],
  ['phone', withDigits(phones)],
]

/** Most texts have no digits. */
function withDigits(find: Find): Find {
  return (text) => (HAS_DIGITS.test(text) ? find(text) : [])
}

/** Finds personal data of the kinds. */
export function piiFinder(kinds: readonly PiiKind[]): Find {
  const finders = FINDERS.filter(([kind]) => kinds.includes(kind)).map(([, find]) => find)
  return (text) => finders.reduce<readonly Finding[]>((found, find) => joined(found, find(text)), [])
}
