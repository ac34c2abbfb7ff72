/** Every command that talks to a server, told the address of another program: an error that says so, and never one of JavaScript's. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { COMMANDS } from '../commands.ts'
import { runCommand } from '../run-command.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-foreign-'))
const project = join(root, 'project')
const rows = join(root, 'rows.csv')
const features = join(root, 'features')
const pushed = join(root, 'pushed.json')
const priceMap = join(root, 'prices.json')

/** What stands there in place of a server of ours: status and body. */
const ANSWERS: Readonly<Record<string, readonly [number, string]>> = {
  'an empty object': [200, '{}'],
  'an empty list': [200, '[]'],
  null: [200, 'null'],
  'a number': [200, '5'],
  'a text': [200, '"hello"'],
  nothing: [200, ''],
  'a page': [200, '<!doctype html><title>Welcome to nginx!</title>'],
  'a list of empty objects': [200, '{"items":[{}]}'],
  'null everywhere': [200, '{"items":null,"id":null,"name":null,"state":null,"run":null,"url":null}'],
  'a cut object': [200, '{"items":['],
  'a refusal of another shape': [400, '{"error":"no"}'],
  'a refusal of null': [400, 'null'],
  'a refusal whose message is a number': [404, '{"error":{"code":5,"message":7,"help":[],"details":3}}'],
  'a page of a fault': [502, '<html>Bad Gateway</html>'],
}

let url = ''
let now: readonly [number, string] = [200, '{}']
const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => response.writeHead(now[0]).end(now[1]))
})
before(async () => {
  mkdirSync(project)
  writeFileSync(join(project, 'slipway.yaml'), 'project: p\npipeline: {steps: {a: {run: a:main}}}\n')
  writeFileSync(join(project, 'a.py'), 'def main():\n    pass\n')
  writeFileSync(rows, 'x\n1\n')
  mkdirSync(features)
  writeFileSync(join(features, 'slipway.yaml'), 'project: p\nfeatures: {entities: {e: {keys: {k: int}}}}\n')
  writeFileSync(pushed, '[{"k": 1}]')
  writeFileSync(priceMap, '{}')
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(root, { recursive: true, force: true })
})

/** Of each command that asks a server first, words with which it does. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  run: [project],
  plan: [project],
  dag: ['airflow', project],
  ship: [project],
  cancel: ['pr_1'],
  retry: ['pr_1'],
  explain: ['pr_1', 'train'],
  runs: [],
  'runs RUN': ['pr_1'],
  logs: ['pr_1', 'train'],
  items: ['pr_1', 'train'],
  queue: [],
  'queue RUN': ['pr_1', '--priority', '1'],
  pools: [],
  'pools set': ['set', 'gpu', '1'],
  data: ['list'],
  'data show': ['show', 'd@1'],
  'data get': ['get', 'd@1'],
  'data diff': ['diff', 'd@1', 'd@2'],
  features: ['list'],
  'features apply': ['apply', features],
  'features diff': ['diff', features],
  'features diff NAME': ['diff', 'v', '1', '2', '--kind', 'view'],
  'features show': ['show', 'v'],
  'features show view': ['show', 'v', '--kind', 'view'],
  'features join FILE': ['join', rows, '--service', 's'],
  'features join': ['join', 'data_set:d', '--service', 's'],
  'features materialise': ['materialise', 'v'],
  'features materialise --all': ['materialise', '--all'],
  'features push': ['push', 'v', pushed],
  'features push CSV': ['push', 'v', rows],
  'features read': ['read', 's', 'k=1'],
  'features read --at': ['read', 's', 'k=1', '--at', '2024-01-01'],
  'features serve': ['serve', 's', '--endpoint', 'e'],
  'features jobs': ['jobs'],
  'features jobs JOB': ['jobs', 'fj_1'],
  'features cancel': ['cancel', 'fj_1'],
  llm: [],
  'llm providers': ['providers'],
  'llm providers add': ['providers', 'add', 'openai'],
  'llm providers remove': ['providers', 'remove', 'openai'],
  'llm endpoints add': ['endpoints', 'add', 'chat', '--model', 'openai/gpt-4o-mini'],
  'llm endpoints change': ['endpoints', 'change', 'chat', '--routing', 'cost'],
  'llm endpoints remove': ['endpoints', 'remove', 'chat'],
  'llm keys': ['keys'],
  'llm keys add': ['keys', 'add', 'k'],
  'llm keys remove': ['keys', 'remove', 'k'],
  'llm budgets': ['budgets'],
  'llm budgets add': ['budgets', 'add', '5'],
  'llm servers': ['servers'],
  'llm state': ['state'],
  'llm servers remove': ['servers', 'remove', 'srv-1'],
  'llm prices': ['prices'],
  'llm prices add': ['prices', 'add', 'openai/gpt-4o-mini', '--input', '1', '--output', '2'],
  'llm prices import': ['prices', 'import', priceMap],
  'llm ask': ['ask', 'chat', 'Hello'],
  backfill: ['list'],
  'backfill show': ['show', 'b_1'],
  triggers: ['list'],
  'triggers show': ['show', 'p', 't'],
  search: ['list'],
  'search show': ['show', 'st_1'],
  models: [],
  'models MODEL': ['iris'],
  'models MODEL VERSION': ['iris', '1'],
  'models policy': ['policy', 'iris'],
  status: [],
  endpoints: [],
  'endpoints ENDPOINT': ['iris'],
  'batch-predict': ['iris@production', rows, join(root, 'out.csv')],
  'rollout approve': ['approve', 'iris', '--reason', 'good'],
  'freeze list': ['list'],
  deploy: ['iris', '3'],
  rollback: ['iris', '--reason', 'bad'],
  incidents: [],
  'incidents INCIDENT': ['inc_1'],
  messages: ['iris'],
  reproduce: ['iris'],
  'env --link': ['--link'],
  export: [join(root, 'e.tar')],
  'ci trust': ['trust', 'list'],
  'image environments': ['environments'],
  audit: ['verify'],
  cost: [],
  'cost rates': ['rates'],
  retention: [],
  gc: ['--dry-run'],
  diff: ['one', 'other'],
}

/** What JavaScript and its parsers say, and what a text says that was put together from nothing. */
const RAW =
  /is not (?:iterable|a function|an object|valid JSON|defined)|cannot read prop|undefined|\[object|NaN|unexpected (?:token|end)|JSON (?:at position|input)|terminated|invalid time|toISOString/i

test('each command that takes an address is tried', () => {
  // these ask no server at that address, or say what they find as findings
  const others = ['doctor', 'restore', 'import', 'predict', 'backup']
  const taken = COMMANDS.filter(({ flags }) => flags.some(({ name }) => name === 'url')).map(({ name }) => name)
  const tried = new Set(Object.keys(WORDS).map((one) => one.split(' ')[0] ?? ''))
  assert.deepEqual(
    taken.filter((name) => !tried.has(name) && !others.includes(name)),
    [],
  )
})

for (const [what, answer] of Object.entries(ANSWERS))
  test(`commands that are answered with ${what} say that no Slipway server is there`, async () => {
    now = answer
    const wrong: string[] = []
    for (const [name, words] of Object.entries(WORDS)) {
      const [command = ''] = name.split(' ')
      const told = await runCommand(join(root, 'none'), command, '--url', url, ...words).then(
        ({ code }) => `ended with ${code}`,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      )
      const isClear = answer[0] === 200 ? told.includes(`what answers at ${url} is no Slipway server`) : told !== ''
      if (!isClear || RAW.test(told) || told.startsWith('ended with 0')) wrong.push(`${name}: ${told}`)
    }
    assert.deepEqual(wrong, [])
  })
