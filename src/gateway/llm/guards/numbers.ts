/** Numbers that prove themselves by a check: cards and bank accounts. */

/** Lengths of the numbers of cards by the first digits, of which the longest range that fits decides: ISO/IEC 7812 and the networks' own tables. */
const NETWORKS: readonly (readonly [from: number, to: number, lengths: readonly number[]])[] = [
  // Visa
  [4, 4, [13, 16, 19]],
  // Mastercard
  [51, 55, [16]],
  [2221, 2720, [16]],
  // American Express
  [34, 34, [15]],
  [37, 37, [15]],
  // Diners Club
  [300, 305, [14, 16, 17, 18, 19]],
  [3095, 3095, [14, 16, 17, 18, 19]],
  [36, 36, [14, 15, 16, 17, 18, 19]],
  [38, 39, [14, 16, 17, 18, 19]],
  // Discover
  [6011, 6011, [16, 17, 18, 19]],
  [644, 649, [16, 17, 18, 19]],
  [65, 65, [16, 17, 18, 19]],
  // JCB
  [3528, 3589, [16, 17, 18, 19]],
  // UnionPay
  [62, 62, [16, 17, 18, 19]],
  [81, 81, [16, 17, 18, 19]],
  // Mir
  [2200, 2204, [16, 17, 18, 19]],
  // Maestro
  [5018, 5018, [13, 14, 15, 16, 17, 18, 19]],
  [5020, 5020, [13, 14, 15, 16, 17, 18, 19]],
  [5038, 5038, [13, 14, 15, 16, 17, 18, 19]],
  [5893, 5893, [13, 14, 15, 16, 17, 18, 19]],
  [6304, 6304, [13, 14, 15, 16, 17, 18, 19]],
  [6759, 6763, [13, 14, 15, 16, 17, 18, 19]],
  // RuPay
  [508, 508, [16]],
  [60, 60, [16]],
  [82, 82, [16]],
]

const SHORTEST_CARD = 13

/** Whether digits are the number of a card: of a network, as long as its numbers are, and right by Luhn's sum (ISO/IEC 7812-1, annex B). */
export function isCard(digits: string): boolean {
  // what most numbers fail comes first
  if (digits.length < SHORTEST_CARD || luhn(digits) % 10 !== 0) return false
  return NETWORKS.some(([from, to, lengths]) => {
    const first = Number(digits.slice(0, String(from).length))
    return first >= from && first <= to && lengths.includes(digits.length)
  })
}

function luhn(digits: string): number {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    const twice = digit * 2
    if (i % 2 === 0) sum += digit
    else sum += twice > 9 ? twice - 9 : twice
  }
  return sum
}

/** Characters of an IBAN by country, after the register of ISO 13616. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  [
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29',
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20',
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29',
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30',
  ]
    .join(' ')
    .split(' ')
    .map((one) => [one.slice(0, 2), Number(one.slice(2))]),
)

/** Characters of an IBAN of a country, which is two capital letters; undefined where it has none. */
export function ibanLength(country: string): number | undefined {
  return LENGTHS.get(country)
}

/** Whether an IBAN in capital letters and without spaces is right by ISO 7064 MOD 97-10. */
export function isIban(text: string): boolean {
  let rest = 0
  for (const char of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(char, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}
