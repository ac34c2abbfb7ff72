/** Finds keys and tokens by the forms that their issuers publish. */
import type { Find, Finding } from './findings.ts'
import { byExpression, joined } from './findings.ts'

const MARK = '[SECRET]'

/** Words of prose with hyphens between them have no digit. */
function hasDigit(text: string): boolean {
  return /\d/.test(text)
}

interface Form {
  /** What a text that has one holds, one of them; in any case where `folds`. */
  readonly hints: readonly string[]
  readonly find: Find
}

function form(what: string, hints: readonly string[], expression: RegExp, accept?: (text: string) => boolean): Form {
  return { hints, find: byExpression(expression, { what, mark: MARK }, accept) }
}

const FORMS: readonly Form[] = [
  form('slipway', ['slw_'], /\bslw_[a-z0-9]{1,64}\.[\w-]{16,128}/g),
  // OpenAI's, Anthropic's and OpenRouter's
  form('sk', ['sk-'], /\bsk-[\w-]{20,300}/g, hasDigit),
  form('aws', ['AKIA', 'ASIA'], /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g),
  form(
    'aws',
    ['ecret'],
    /\baws_?secret_?(?:access_?)?key["']?\s{0,4}[:=]\s{0,4}["']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/gi,
  ),
  form('github', ['gh', 'github_pat_'], /\b(?:gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})/g),
  form('gitlab', ['glpat-'], /\bglpat-[\w-]{20,300}/g),
  form('slack', ['xox', 'xapp-'], /\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,300}/g, hasDigit),
  form('slack', ['hooks.slack.com'], /\bhooks\.slack\.com\/services\/[\w/]{20,120}/g),
  form('google', ['AIza'], /\bAIza[\w-]{35}(?![\w-])/g),
  form('google', ['GOCSPX-', 'ya29.'], /\b(?:GOCSPX-[\w-]{20,60}|ya29\.[\w-]{20,1000})/g),
  form('huggingface', ['hf_'], /\bhf_[A-Za-z0-9]{30,100}/g),
  form('stripe', ['_live_', '_test_'], /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}/g),
  form('npm', ['npm_'], /\bnpm_[A-Za-z0-9]{36}\b/g),
  form('pypi', ['pypi-'], /\bpypi-AgEIcHlwaS5vcmc[\w-]{50,1000}/g),
  form('sendgrid', ['SG.'], /\bSG\.[\w-]{22}\.[\w-]{43}/g),
  // RFC 7515 and 7516; a header is an object in JSON, so that it begins with {"
  form('jwt', ['eyJ'], /(?<![\w-])eyJ[\w-]{8,8192}\.[\w-]{4,}(?:\.[\w-]*){0,3}/g),
  form('authorization', ['earer', 'EARER'], /\bBearer\s{1,4}[\w.~+/-]{16,8192}={0,2}/gi, hasDigit),
  form(
    'authorization',
    ['uthorization', 'UTHORIZATION'],
    /\bauthorization["']?\s{0,4}[:=]\s{0,4}["']?(?:Bearer|Basic|Token|ApiKey)\s{1,4}[\w.~+/-]{8,8192}={0,2}/gi,
  ),
]

const BEGIN = '-----BEGIN '
const HEAD = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/y
const END = /-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/
/** Longest private key that is looked for, characters. */
const LONGEST_KEY = 16_384

/** Private keys as PEM (RFC 7468); what follows a head that has no end is taken for the key. */
function pems(text: string): readonly Finding[] {
  const found: Finding[] = []
  for (let from = text.indexOf(BEGIN); from >= 0;) {
    HEAD.lastIndex = from
    let to = from + 1
    if (HEAD.test(text)) {
      const rest = text.slice(from, from + LONGEST_KEY)
      const end = END.exec(rest)
      to = from + (end === null ? rest.length : end.index + end[0].length)
      found.push({ from, to, what: 'private_key', mark: MARK })
    }
    from = text.indexOf(BEGIN, to)
  }
  return found
}

/** Finds keys and tokens. */
export const findSecrets: Find = (text) =>
  FORMS.reduce<readonly Finding[]>(
    (found, { hints, find }) => (hints.some((hint) => text.includes(hint)) ? joined(found, find(text)) : found),
    text.includes(BEGIN) ? pems(text) : [],
  )
