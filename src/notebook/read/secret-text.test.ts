/** What of a text is taken for a secret, and what is code, a placeholder, a figure or a word. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { namedIn, secretsIn, wordsOf } from './secret-text.ts'

const NONE = new Set<string>()

const SECRETS: readonly (readonly [text: string, secret: string])[] = [
  ['# old password: Tr0ub4dor-and-3', 'Tr0ub4dor-and-3'],
  ['# password = "Wint3rIsHere!"', 'Wint3rIsHere!'],
  ["# passwd='Winter!is!here'", 'Winter!is!here'],
  ['# DB_PASSWORD=Summ3r2024x', 'Summ3r2024x'],
  ['password: s3cr3t-in-output 7', 's3cr3t-in-output'],
  ['connected, db password=Gr4nite-77x port 5432', 'Gr4nite-77x'],
  ['# dbPassword: Summ3r2024x', 'Summ3r2024x'],
  ['PASSWORD_PROD => Summ3r2024x', 'Summ3r2024x'],
  ['# pwd = hunter2hunter2', 'hunter2hunter2'],
  ['# aws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCY', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCY'],
  ['# API key: 9f86d081884c7d65', '9f86d081884c7d65'],
  ['# api-key=9f86d081884c7d65', '9f86d081884c7d65'],
  ['# accessToken: "9f86d081884c7d65",', '9f86d081884c7d65'],
  ["{'token': '9f86d081884c7d65', 'user': 'ada'}", '9f86d081884c7d65'],
  ['{"user": "ada", "credentials": "ada:l0velace"}', 'ada:l0velace'],
  ['# config["secret"] = "9f86d081884c7d65"', '9f86d081884c7d65'],
  ['**Password:** Tr0ub4dor-and-3', 'Tr0ub4dor-and-3'],
  ['the password: `Tr0ub4dor-and-3`.', 'Tr0ub4dor-and-3'],
  ['# mysql --password=Tr0ub4dor&3 -h db', 'Tr0ub4dor&3'],
  ['# conn = "host=db;password=Gr4nite-77x;port=5432"', 'Gr4nite-77x'],
  ['GET /rows?token=9f86d081884c7d65&page=2', '9f86d081884c7d65'],
  ['# print("password: Tr0ub4dor-3\\n")', 'Tr0ub4dor-3'],
  ['(password: $ecret2024).', '$ecret2024'],
  ['# password := Summ3r.2024', 'Summ3r.2024'],
]

const OTHERS: readonly string[] = [
  '# password=getpass()',
  '# password = getpass2.getpass("Password: ")',
  'def f(token: str, secret: Optional[str2vec] = None)',
  '# token = tokens[0]',
  '# token=model.encode12',
  '# token = token_v2',
  '# api_key=os.environ["OPENAI_KEY_2"]',
  '# api_key = "OPENAI_API_KEY"',
  '# api_key="<your key 123>"',
  '# api_key="your-key-here-123"',
  '# api_key=$OPENAI_KEY_2',
  '# api_key = ${OPENAI_KEY_2}',
  '# password = {password1}',
  '# password = "%(password1)s"',
  'password: ****',
  'password: ********1a',
  'token: abcd...wx12',
  'token: sk-xxxxxxxx12',
  'secret: required',
  'secret: "required"',
  '# secret = "my-secret-words"',
  'password: "Forgotten"',
  'max_token=512',
  'max_token=5120000tokens',
  'token: 1234567890',
  'token: 12.345678ms',
  'token: 2026-01-01T00:00:00Z',
  'token: 128x128x64',
  'token: 0x7f3a2b1c9d',
  'secret==1.10.2rc1',
  'tokens: abcdefg123',
  'tokenizer: bert4base-x',
  'secretary: ada-lovelace-2',
  'secret_name: prod-database-2',
  'password_file=/run/secrets/db2',
  'secret = /run/secrets/database2',
  'secret: key-of-2024.pem',
  'token: https://example.org/token/v2',
  'password: abc12',
  'password is long, and 12345678a is none',
  'password:\nTr0ub4dor-and-3',
  're.compile(r"token:\\s*([a-z0-9]{8})")',
]

describe('secrets by their names', () => {
  for (const [text, secret] of SECRETS) it(`found: ${text}`, () => assert.deepEqual(namedIn(text, NONE), [secret]))
  for (const text of OTHERS) it(`none: ${text}`, () => assert.deepEqual(secretsIn(text, NONE), []))

  it('a name of the code is none, and a word of its texts and comments may be one', () => {
    const words = wordsOf(["token = sentence2vec  # Tr0ub4dor\nx = \"Summ3r2024x\"\ny = '''a\nWint3rIsHere'''"])
    assert.deepEqual([...words], ['token', 'sentence2vec', 'x', 'y'])
    assert.deepEqual(namedIn('# token = sentence2vec', words), [])
    assert.deepEqual(namedIn('# token = Summ3r2024x', words), ['Summ3r2024x'])
  })

  it('all of a text, each once, beside vendors’ keys and passwords of addresses', () => {
    const text = `password: Summ3r2024x, token=AKIAIOSFODNN7EXAMPLE
again password=Summ3r2024x, postgres://me:pa5s@db and postgres://you:w0rd@db`
    assert.deepEqual(secretsIn(text, NONE), ['AKIAIOSFODNN7EXAMPLE', 'pa5s', 'w0rd', 'Summ3r2024x'])
  })

  it('no name and no placeholder in an address', () => {
    const words = wordsOf(['if x: pass'])
    assert.deepEqual(secretsIn('postgres://me:pass@db postgres://{me}:{word}@db postgres://me:<word>@db', words), [])
  })

  it('long texts that are made to be slow to read', () => {
    for (const part of ['token', 'password=', 'a-', ' ', '"', 'password:"\\', 'eyJaaaaaaaaaa.'])
      assert.deepEqual(namedIn(part.repeat(2 ** 17 / part.length), NONE), [])
  })
})
